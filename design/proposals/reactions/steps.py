"""Metropolis-Hastings steps on derivations, each reversible with respect to the prior.

A step returns the proposed states and log[p(s') q(s | s') / (p(s) q(s' | s))] of its own q, -inf where it found
nothing to change. `densities` states the same q(s' | s) independently of the sampling code.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.chemistry.fragments import LONGEST
from kakehashi.design.proposals.proposal import take
from kakehashi.design.proposals.reactions.derivations import (
    DECORATIONS,
    Derivations,
    FloatArray,
    IntArray,
    Residue,
    copy_states,
    put_residue,
    residue_of,
    sort_decorations,
)
from kakehashi.design.proposals.reactions.neighbours import Neighbours
from kakehashi.design.proposals.reactions.space import Space

Stepped = tuple[Derivations, FloatArray]


class Steps:
    """Steps by name; each takes a generator and states."""

    def __init__(self, space: Space, neighbours: Neighbours) -> None:
        self.space, self.neighbours = space, neighbours
        self.by_name: dict[str, Callable[[np.random.Generator, Derivations], Stepped]] = {
            "all": self.redraw_all,
            "block": self.redraw_block,
            "neighbour": self.neighbour,
            "decorate": self.decorate,
            "alter": self.alter,
            "lengthen": self.lengthen,
            "relink": self.relink,
        }

    def redraw_all(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Redraw everything from the prior."""
        return self.space.draw(rng, len(states.reaction)), np.zeros(len(states.reaction))

    def redraw_block(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Redraw one residue from the prior.

        And which way round the second block stands.
        """
        slot, _ = self._pick(rng, states)
        n = len(slot)
        residue = self.space.draw_residue(rng, self.space.groups[states.reaction, slot])
        turned = (rng.integers(2, size=n) * (self.space.slots[states.reaction] == 2)).astype(np.int8)
        new = copy_states(states)._replace(turned=turned)
        put_residue(new, np.arange(n), slot, residue)
        return new, np.zeros(n)

    def neighbour(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Exchange a block for a similar one.

        Linkers and decorated site numbers stay, where the new block allows them.
        """
        slot, residue = self._pick(rng, states)
        near = self.neighbours
        degree = near.degree[residue.block]
        has = degree > 0
        place = near.start[residue.block] + np.floor(rng.random(len(slot)) * degree).astype(np.int64)
        block = residue.block.copy()
        block[has] = near.near[place[has]]
        other = residue._replace(block=block)
        ratio = self.space.log_residue(other) - self.space.log_residue(residue)
        ratio += np.log(np.maximum(degree, 1)) - np.log(np.maximum(near.degree[block], 1))
        return self._put(states, slot, other, np.where(has, ratio, -np.inf))

    def decorate(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Add or remove a decoration.

        C(S, k) prior choices of sites against (S - k) proposed ones, and k + 1 to remove from: all cancels but the
        probabilities of the numbers.
        """
        slot, residue = self._pick(rng, states)
        number, sites = (residue.sites >= 0).sum(axis=1), self.space.n_sites[residue.block]
        add = rng.random(len(slot)) < 0.5
        possible = np.where(add, number < np.minimum(sites, DECORATIONS), number > 0)
        after = np.where(possible, number + np.where(add, 1, -1), number)
        log_number = self.space.log_number[np.minimum(sites, DECORATIONS)]
        row = np.arange(len(slot))
        ratio = np.where(possible, log_number[row, after] - log_number[row, number], -np.inf)
        new = Residue(residue.block, residue.links, residue.sites.copy(), residue.edits.copy())
        grow = np.flatnonzero(possible & add)
        site = self._free_site(rng, residue, grow)
        new.sites[grow, number[grow]] = site
        new.edits[grow, number[grow]] = self.space.draw_edit(rng, residue.block[grow], site)
        shrink = np.flatnonzero(possible & ~add)
        gone = np.floor(rng.random(len(shrink)) * number[shrink]).astype(np.int64)
        new.sites[shrink, gone] = new.edits[shrink, gone] = -1
        return self._put(states, slot, _sorted(new), ratio)

    def alter(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Redraw one decoration, at its site or at a free one.

        The number of edits at a site cancels between prior and proposal.
        """
        slot, residue = self._pick(rng, states)
        number, sites = (residue.sites >= 0).sum(axis=1), self.space.n_sites[residue.block]
        travel = rng.random(len(slot)) < 0.5
        possible = (number > 0) & (~travel | (sites > number))
        which = np.floor(rng.random(len(slot)) * number).astype(np.int64)
        new = Residue(residue.block, residue.links, residue.sites.copy(), residue.edits.copy())
        moved = np.flatnonzero(possible & travel)
        new.sites[moved, which[moved]] = self._free_site(rng, residue, moved)
        here = np.flatnonzero(possible)
        new.edits[here, which[here]] = self.space.draw_edit(rng, residue.block[here], new.sites[here, which[here]])
        return self._put(states, slot, _sorted(new), np.where(possible, 0.0, -np.inf))

    def lengthen(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Add a linker at a port, or remove the outermost.

        The choice of the linker cancels.
        """
        slot, residue = self._pick(rng, states)
        port, length, grows = self._port(rng, residue)
        row = np.arange(len(slot))
        add = rng.random(len(slot)) < 0.5
        possible = grows & np.where(add, length < LONGEST, length > 0)
        after = np.where(possible, length + np.where(add, 1, -1), length)
        ratio = np.where(possible, self.space.log_length[after] - self.space.log_length[length], -np.inf)
        new = residue._replace(links=residue.links.copy())
        grow = row[possible & add]
        carbon = self.space.carbon_after(residue, port, length)
        end = self.space.end[residue.block, port]
        new.links[grow, port[grow], length[grow]] = self.space.draw_linker(rng, end[grow], carbon[grow])
        shrink = row[possible & ~add]
        new.links[shrink, port[shrink], length[shrink] - 1] = -1
        return self._put(states, slot, new, ratio)

    def relink(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Redraw the outermost linker of a port."""
        slot, residue = self._pick(rng, states)
        port, length, _ = self._port(rng, residue)
        here = np.flatnonzero(length > 0)
        new = residue._replace(links=residue.links.copy())
        carbon = self.space.carbon_after(residue, port, length - 1)
        end = self.space.end[residue.block, port]
        new.links[here, port[here], length[here] - 1] = self.space.draw_linker(rng, end[here], carbon[here])
        return self._put(states, slot, new, np.where(length > 0, 0.0, -np.inf))

    def _pick(self, rng: np.random.Generator, states: Derivations) -> tuple[IntArray, Residue]:
        slot = np.floor(rng.random(len(states.reaction)) * self.space.slots[states.reaction]).astype(np.int64)
        return slot, residue_of(states, slot)

    def _put(self, states: Derivations, slot: IntArray, residue: Residue, ratio: FloatArray) -> Stepped:
        """Exchange residues where the step is possible."""
        new = copy_states(states)
        rows = np.flatnonzero(ratio > -np.inf)
        put_residue(new, rows, slot[rows], take(residue, rows))
        return new, ratio

    def _free_site(self, rng: np.random.Generator, residue: Residue, rows: IntArray) -> IntArray:
        """Draw a site without decoration (m,), uniformly, for each row."""
        keys = rng.random((len(rows), self.space.kind.shape[1]))
        keys[np.arange(keys.shape[1]) >= self.space.n_sites[residue.block[rows]][:, None]] = 2.0
        for place in range(DECORATIONS):
            taken = residue.sites[rows, place]
            here = np.flatnonzero(taken >= 0)
            keys[here, taken[here]] = 2.0
        return np.asarray(np.argmin(keys, axis=1))

    def _port(self, rng: np.random.Generator, residue: Residue) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
        port = rng.integers(2, size=len(residue.block))
        length = (residue.links[np.arange(len(port)), port] >= 0).sum(axis=1)
        return port, length, self.space.port[residue.block, port] >= 0


def _sorted(residue: Residue) -> Residue:
    sites, edits = sort_decorations(residue.sites, residue.edits)
    return Residue(residue.block, residue.links, sites, edits)
