"""Derivations of repeat units: polymerisation, blocks, linkers and decorations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.chemistry.fragments import LONGEST
from kakehashi.design.proposals.proposal import take

DECORATIONS = 4  # at most, per block

FloatArray = NDArray[np.float64]
IntArray = NDArray[Any]  # int64 unless stated


class Derivations(NamedTuple):
    """States (n) of the sampler, -1 where a place is empty.

    Arrays are int16, `turned` int8 and `block` int32.

    reaction : (n,) index of the polymerisation; turned : (n,) 1 where the second block stands the other way round
    block : (n, 2) index of each slot's block
    links : (n, 2 slots, 2 ports, LONGEST) linkers from the core outward
    sites, edits : (n, 2 slots, DECORATIONS) decorated sites, ascending, and what they carry
    """

    reaction: IntArray
    turned: IntArray
    block: IntArray
    links: IntArray
    sites: IntArray
    edits: IntArray


class Residue(NamedTuple):
    """Blocks (m) in one slot each, with linkers and decorations.

    Shapes as in `Derivations`: (m,), (m, 2, LONGEST), (m, DECORATIONS) twice.
    """

    block: IntArray
    links: IntArray
    sites: IntArray
    edits: IntArray


def residue_of(states: Derivations, slot: IntArray) -> Residue:
    """Residue in one slot (n,) of each state."""
    row = np.arange(len(slot))
    return Residue(states.block[row, slot], states.links[row, slot], states.sites[row, slot], states.edits[row, slot])


def put_residue(states: Derivations, row: IntArray, slot: IntArray, residue: Residue) -> None:
    """Write the residue of one slot into rows of states, in place."""
    for name in Residue._fields:
        getattr(states, name)[row, slot] = getattr(residue, name)


def copy_states(states: Derivations) -> Derivations:
    """Copy states, to write into them."""
    return take(states, np.arange(len(states.reaction)))


def sort_decorations(sites: IntArray, edits: IntArray) -> tuple[IntArray, IntArray]:
    """Sort decorations by site, empty places last."""
    order = np.argsort(np.where(sites < 0, np.iinfo(np.int16).max, sites), axis=1, kind="stable")
    return np.take_along_axis(sites, order, 1), np.take_along_axis(edits, order, 1)


def empty(reaction: IntArray, turned: IntArray) -> Derivations:
    """States without blocks."""
    n = len(reaction)
    return Derivations(
        reaction,
        turned,
        np.full((n, 2), -1, np.int32),
        np.full((n, 2, 2, LONGEST), -1, np.int16),
        np.full((n, 2, DECORATIONS), -1, np.int16),
        np.full((n, 2, DECORATIONS), -1, np.int16),
    )
