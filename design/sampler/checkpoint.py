"""Checkpoints of the sampler as arrays and plain values, stored without pickling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.sampler.ledger import Evaluated

_PREFIX = "evaluated."


class Checkpoint(NamedTuple):
    """State of a run after a temperature.

    arrays : the particles, and the repeat units first evaluated at this temperature, for npz (allow_pickle=False)
    state : for JSON; floats keep all their digits there

    A run goes on from the particles of its last checkpoint and the evaluations of all of them.
    """

    arrays: dict[str, NDArray[Any]]
    state: dict[str, Any]


def pack_evaluated(part: Evaluated) -> dict[str, NDArray[Any]]:
    """Convert evaluations to arrays for a checkpoint.

    The texts are one buffer of lines: arrays of text take four bytes a character.
    """
    if any("\n" in text for text in part.smiles):
        raise ValueError("expected repeat units without line breaks")
    return {
        _PREFIX + "smiles": np.frombuffer("\n".join(part.smiles).encode(), np.uint8),
        _PREFIX + "log_constraint": part.log_constraint,
        _PREFIX + "log_likelihood": part.log_likelihood,
        _PREFIX + "temperature": part.temperature,
    }


def unpack_evaluated(arrays: Mapping[str, NDArray[Any]]) -> Evaluated:
    """Restore the evaluations of `pack_evaluated`."""
    text = arrays[_PREFIX + "smiles"].tobytes().decode()
    names = ("log_constraint", "log_likelihood", "temperature")
    return Evaluated(tuple(text.split("\n")) if text else (), *(arrays[_PREFIX + name] for name in names))
