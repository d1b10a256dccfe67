"""Interface of a prior over repeat units, and operations on its states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.chemistry.provenance import Provenance

# A NamedTuple of arrays with one leading axis, one entry per particle: numbers or text.
States = TypeVar("States", bound="tuple[NDArray[Any], ...]")
# Marks a packed field that was an object array of text.
_TEXT = ".text"


class Proposal(Protocol[States]):
    """Prior over repeat units, drawn from exactly, with Metropolis-Hastings moves.

    A state is a derivation (building blocks, tokens); several may be one repeat unit, each with its own share of the
    prior. Equal generators give equal draws and moves.
    """

    def draw(self, rng: np.random.Generator, n: int) -> States:
        """Draw n independent states from the prior."""
        ...

    def move(self, rng: np.random.Generator, states: States) -> tuple[States, NDArray[np.float64]]:
        """Propose one move per state.

        Returns the proposed states and log[p(s') q(s | s') / (p(s) q(s' | s))] (n,): -inf where no move was possible.
        """
        ...

    def log_prior(self, states: States) -> NDArray[np.float64]:
        """Log prior probability (n,).

        Normalised over the states unless the implementation says otherwise.
        """
        ...

    def smiles(self, states: States) -> list[str]:
        """Repeat unit of each state, "" where it is invalid.

        Its likelihood is then zero.
        """
        ...

    def provenance(self, states: States) -> list[Provenance]:
        """Synthesis of each state."""
        ...


def size(states: tuple[NDArray[Any], ...]) -> int:
    """Number of particles; ValueError if the fields disagree."""
    lengths = {len(field) for field in states}
    if len(lengths) != 1:
        raise ValueError(f"expected fields of one length, got {sorted(lengths)}")
    return lengths.pop()


def take(states: States, index: NDArray[Any]) -> States:
    """Select particles by index: integers or a mask (n,)."""
    return type(states)(*(field[index] for field in states))


def choose(mask: NDArray[np.bool_], yes: States, no: States) -> States:
    """Select particles from two populations by a mask (n,)."""
    fields = (np.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(yes, no, strict=True))
    return type(yes)(*fields)


def concatenate(parts: list[States]) -> States:
    """Concatenate populations."""
    return type(parts[0])(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def differs(a: States, b: States) -> NDArray[np.bool_]:
    """Mask (n,) of the particles that differ between two populations."""
    apart = np.zeros(size(a), bool)
    for x, y in zip(a, b, strict=True):
        unequal = np.asarray(x != y, bool)
        apart |= unequal.reshape(len(apart), -1).any(axis=1)
    return apart


def pack(states: tuple[NDArray[Any], ...], prefix: str = "states.") -> dict[str, NDArray[Any]]:
    """Convert to arrays that npz stores without pickling.

    Object arrays must hold text.
    """
    packed = {}
    for name, field in zip(_names(states), states, strict=True):
        if field.dtype != object:
            packed[prefix + name] = field
        elif all(isinstance(item, str) for item in field.flat):
            packed[prefix + name + _TEXT] = field.astype(np.str_)
        else:
            raise ValueError(f"field {name}: expected numbers or text, got other objects")
    return packed


def unpack(like: States, arrays: Mapping[str, NDArray[Any]], prefix: str = "states.") -> States:
    """Restore the population given to `pack`.

    like : any population of its kind
    """
    fields = []
    for name in _names(like):
        text = arrays.get(prefix + name + _TEXT)
        fields.append(arrays[prefix + name] if text is None else text.astype(object))
    return type(like)(*fields)


def _names(states: tuple[NDArray[Any], ...]) -> tuple[str, ...]:
    return tuple(getattr(states, "_fields", ())) or tuple(map(str, range(len(states))))
