"""Predictions of pre-trained networks of any kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Crystals, Inputs
from kakehashi.screen.networks.crystal import evidence as crystals
from kakehashi.screen.networks.crystal.network import is_structural
from kakehashi.screen.networks.evidence import recompute
from kakehashi.screen.networks.source import Source


def predictions_of(source: Source, inputs: Inputs, convention: str) -> NDArray[np.float32]:
    """Predict with a source's networks, (n, m, k) standardised.

    For n materials, m networks and k tasks, from the descriptors or graphs on.

    Raises
    ------
    ValueError : networks on structures that are given something else.
    """
    if not is_structural(source.networks):
        return recompute(source.networks, source.scaling, inputs, convention)
    if not isinstance(inputs, Crystals):
        raise ValueError(f"networks of {source.name} see structures, got {type(inputs).__name__}")
    return crystals.predictions(source.networks, inputs)
