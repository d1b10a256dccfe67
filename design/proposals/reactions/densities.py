"""Transition densities of the steps, independent of the code that draws them.

Tests enumerate small spaces with them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.proposals.proposal import differs, take
from kakehashi.design.proposals.reactions.derivations import Derivations, FloatArray, IntArray, Residue, residue_of
from kakehashi.design.proposals.reactions.neighbours import Neighbours
from kakehashi.design.proposals.reactions.space import Space


class Densities:
    """Transition densities of the steps of `steps.Steps`, by the same names."""

    def __init__(self, space: Space, neighbours: Neighbours) -> None:
        self.space, self.neighbours = space, neighbours

    def log_q(self, name: str, states: Derivations, proposed: Derivations) -> FloatArray:
        """Log q(s' | s) (n,) of a step.

        -inf where it cannot lead from one to the other.
        """
        if name == "all":
            return self.space.log_prior(proposed)
        slots = self.space.slots[states.reaction]
        total = np.zeros(len(slots))
        for slot in (0, 1):
            used = (slot < slots) & (states.reaction == proposed.reaction) & _same(states, proposed, 1 - slot)
            if name != "block":
                used &= states.turned == proposed.turned
            rows = np.flatnonzero(used)
            at = np.full(len(rows), slot)
            old, new = (residue_of(take(s, rows), at) for s in (states, proposed))
            if name == "block":
                chance = np.exp(self.space.log_residue(new)) / np.where(slots[rows] == 2, 2.0, 1.0)
            else:
                chance = getattr(self, f"_q_{name}")(old, new)
            total[rows] += chance / slots[rows]
        with np.errstate(divide="ignore"):
            return np.log(total)

    def _q_neighbour(self, old: Residue, new: Residue) -> FloatArray:
        unchanged = (
            (old.links == new.links).all((1, 2)) & (old.sites == new.sites).all(1) & (old.edits == new.edits).all(1)
        )
        legal = unchanged & self.neighbours.linked(old.block, new.block) & np.isfinite(self.space.log_residue(new))
        return np.where(legal, 1.0 / np.maximum(self.neighbours.degree[old.block], 1), 0.0)

    def _q_decorate(self, old: Residue, new: Residue) -> FloatArray:
        same = (old.block == new.block) & (old.links == new.links).all((1, 2))
        before, after, shared = _compare(old, new)
        free = np.maximum(self.space.n_sites[old.block] - before, 1)
        grown = same & (after == before + 1) & (shared == before)
        shrunk = same & (after == before - 1) & (shared == after)
        chance = 0.5 / free / self._edits_of_odd(new, old)
        return np.where(grown, chance, 0.0) + np.where(shrunk, 0.5 / np.maximum(before, 1), 0.0)

    def _q_alter(self, old: Residue, new: Residue) -> FloatArray:
        same = (old.block == new.block) & (old.links == new.links).all((1, 2))
        before, after, shared = _compare(old, new)
        number = np.maximum(before, 1)
        same &= (before == after) & (before > 0)
        still = same & (shared == before) & (before > 0)
        one = same & (shared == before - 1)
        at_site = one & (np.sort(old.sites, 1) == np.sort(new.sites, 1)).all(1)
        elsewhere = one & ~at_site
        count = self._edits_of_odd(new, old)
        free = np.maximum(self.space.n_sites[old.block] - before, 1)
        used = old.sites >= 0
        counts = self._edit_counts(old)
        unchanged = 0.5 / number * np.where(used, 1.0 / counts, 0.0).sum(axis=1)
        return (
            np.where(still, unchanged, 0.0)
            + np.where(at_site, 0.5 / number / count, 0.0)
            + np.where(elsewhere, 0.5 / number / free / count, 0.0)
        )

    def _q_lengthen(self, old: Residue, new: Residue) -> FloatArray:
        chance = np.zeros(len(old.block))
        for port, others in ((0, 1), (1, 0)):
            fixed = self._fixed(old, new, others)
            before, after, shared = _linkers(old, new, port)
            count = self._linkers_allowed(old, port, before)
            fixed &= self.space.port[old.block, port] >= 0
            chance += np.where(fixed & (after == before + 1) & (shared == before), 0.25 / count, 0.0)
            chance += np.where(fixed & (after == before - 1) & (shared == after), 0.25, 0.0)
        return chance

    def _q_relink(self, old: Residue, new: Residue) -> FloatArray:
        chance = np.zeros(len(old.block))
        for port, others in ((0, 1), (1, 0)):
            before, after, shared = _linkers(old, new, port)
            same = self._fixed(old, new, others) & (before == after) & (before > 0) & (shared >= before - 1)
            chance += np.where(same, 0.5 / self._linkers_allowed(old, port, before - 1), 0.0)
        return chance

    def _linkers_allowed(self, residue: Residue, port: int, length: IntArray) -> IntArray:
        at = np.full(len(residue.block), port)
        return np.asarray(
            self.space.link_count[self.space.end[residue.block, port], self.space.carbon_after(residue, at, length)]
        )

    def _fixed(self, old: Residue, new: Residue, port: int) -> NDArray[np.bool_]:
        same = (old.block == new.block) & (old.sites == new.sites).all(1) & (old.edits == new.edits).all(1)
        return np.asarray(same & (old.links[:, port] == new.links[:, port]).all(1), bool)

    def _edit_counts(self, residue: Residue) -> IntArray:
        kinds = self.space.kind[residue.block[:, None], np.maximum(residue.sites, 0)]
        return np.asarray(self.space.edit_count[self.space.group[residue.block][:, None], kinds])

    def _edits_of_odd(self, residue: Residue, other: Residue) -> IntArray:
        """Number of edits allowed at the decorated site that differs.

        That is the first of `residue` that `other` does not share.
        """
        odd = (residue.sites >= 0) & ~(_codes(residue)[:, :, None] == _codes(other)[:, None, :]).any(axis=2)
        place = np.argmax(odd, axis=1)
        return np.asarray(self._edit_counts(residue)[np.arange(len(place)), place])


def _same(a: Derivations, b: Derivations, slot: int) -> NDArray[np.bool_]:
    """Mask (n,) of the states that agree in one slot."""
    at = np.full(len(a.reaction), slot)
    return ~differs(residue_of(a, at), residue_of(b, at))


def _codes(residue: Residue) -> IntArray:
    """Code (m, DECORATIONS) of each decoration, -1 where there is none."""
    return np.where(residue.sites >= 0, residue.sites.astype(np.int64) * 1000 + residue.edits, -1)


def _compare(old: Residue, new: Residue) -> tuple[IntArray, IntArray, IntArray]:
    """Number of decorations before, after, and in both."""
    a, b = _codes(old), _codes(new)
    shared = ((a[:, :, None] == b[:, None, :]).any(axis=2) & (a >= 0)).sum(axis=1)
    return (a >= 0).sum(axis=1), (b >= 0).sum(axis=1), shared


def _linkers(old: Residue, new: Residue, port: int) -> tuple[IntArray, IntArray, IntArray]:
    """Number of linkers before, after, and shared.

    Shared from the core outward.
    """
    a, b = old.links[:, port], new.links[:, port]
    shared = np.logical_and.accumulate((a == b) & (a >= 0), axis=1).sum(axis=1)
    return (a >= 0).sum(axis=1), (b >= 0).sum(axis=1), shared
