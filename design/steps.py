"""Metropolis-Hastings steps on derivations, each reversible with respect to the prior by itself.

A step returns the proposed states and log[p(s') q(s | s') / (p(s) q(s' | s))] of its own q, -inf where it found
nothing to change. `log_q` states the same q(s' | s) independently of the sampling code, for proofs by enumeration.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from design.derivations import (
    DECORATIONS,
    Derivations,
    FloatArray,
    IntArray,
    Part,
    Space,
    copied,
    in_order,
    part_of,
    put_part,
)  # fmt: skip
from design.fragments import LONGEST
from design.proposals.proposal import differs, take

NEIGHBOURS = 10
Stepped = tuple[Derivations, FloatArray]


class Neighbours:
    """For each block the most similar ones of its group, in both directions: j is i's neighbour where i is j's.

    near : (pairs,) blocks; start : (blocks + 1,) where each block's neighbours begin; sorted within a block
    """

    def __init__(self, space: Space, number: int = NEIGHBOURS) -> None:
        pairs: set[tuple[int, int]] = set()
        for first, count in zip(space.first, space.count, strict=True):
            if count < 2:
                continue
            closest = _closest([space.blocks[i].molecule.smiles for i in range(first, first + count)], number)
            for i, row in enumerate(closest):
                pairs |= {(first + i, first + int(j)) for j in row} | {(first + int(j), first + i) for j in row}
        ordered = np.array(sorted(pairs), np.int64).reshape(-1, 2)
        self.near = ordered[:, 1]
        self.start = np.searchsorted(ordered[:, 0], np.arange(len(space.blocks) + 1))
        self.degree = np.diff(self.start)
        self._pairs = pairs

    def linked(self, a: IntArray, b: IntArray) -> NDArray[np.bool_]:
        """Whether blocks are neighbours, (n,)."""
        return np.array([(int(i), int(j)) in self._pairs for i, j in zip(a, b, strict=True)], bool)


class Steps:
    """The steps by name; every one takes a generator and states."""

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
        """Everything anew from the prior."""
        return self.space.draw(rng, len(states.reaction)), np.zeros(len(states.reaction))

    def redraw_block(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """One block with its linkers and decorations from the prior, and which way round the second stands."""
        slot, _ = self._pick(rng, states)
        n = len(slot)
        part = self.space.draw_part(rng, self.space.groups[states.reaction, slot])
        turned = (rng.integers(2, size=n) * (self.space.slots[states.reaction] == 2)).astype(np.int8)
        new = copied(states)._replace(turned=turned)
        put_part(new, np.arange(n), slot, part)
        return new, np.zeros(n)

    def neighbour(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Exchange a block for a similar one; linkers and decorated site numbers stay, where they may."""
        slot, part = self._pick(rng, states)
        near = self.neighbours
        degree = near.degree[part.block]
        has = degree > 0
        place = near.start[part.block] + np.floor(rng.random(len(slot)) * degree).astype(np.int64)
        block = part.block.copy()
        block[has] = near.near[place[has]]
        other = part._replace(block=block)
        ratio = self.space.log_part(other) - self.space.log_part(part)
        ratio += np.log(np.maximum(degree, 1)) - np.log(np.maximum(near.degree[block], 1))
        return self._put(states, slot, other, np.where(has, ratio, -np.inf))

    def decorate(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Add a decoration, or take one away.

        C(S, k) prior choices of sites against (S - k) proposed ones, and k + 1 to remove from: all cancels but the
        probabilities of the numbers.
        """
        slot, part = self._pick(rng, states)
        number, sites = (part.sites >= 0).sum(axis=1), self.space.n_sites[part.block]
        add = rng.random(len(slot)) < 0.5
        possible = np.where(add, number < np.minimum(sites, DECORATIONS), number > 0)
        after = np.where(possible, number + np.where(add, 1, -1), number)
        log_number = self.space.log_number[np.minimum(sites, DECORATIONS)]
        row = np.arange(len(slot))
        ratio = np.where(possible, log_number[row, after] - log_number[row, number], -np.inf)
        new = Part(part.block, part.links, part.sites.copy(), part.edits.copy())
        grow = np.flatnonzero(possible & add)
        site = self._free_site(rng, part, grow)
        new.sites[grow, number[grow]] = site
        new.edits[grow, number[grow]] = self.space.draw_edit(rng, part.block[grow], site)
        shrink = np.flatnonzero(possible & ~add)
        gone = np.floor(rng.random(len(shrink)) * number[shrink]).astype(np.int64)
        new.sites[shrink, gone] = new.edits[shrink, gone] = -1
        return self._put(states, slot, _sorted(new), ratio)

    def alter(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Redraw one decoration, at its site or at a free one; E(site) edits cancel between prior and proposal."""
        slot, part = self._pick(rng, states)
        number, sites = (part.sites >= 0).sum(axis=1), self.space.n_sites[part.block]
        travel = rng.random(len(slot)) < 0.5
        possible = (number > 0) & (~travel | (sites > number))
        which = np.floor(rng.random(len(slot)) * number).astype(np.int64)
        new = Part(part.block, part.links, part.sites.copy(), part.edits.copy())
        moved = np.flatnonzero(possible & travel)
        new.sites[moved, which[moved]] = self._free_site(rng, part, moved)
        here = np.flatnonzero(possible)
        new.edits[here, which[here]] = self.space.draw_edit(rng, part.block[here], new.sites[here, which[here]])
        return self._put(states, slot, _sorted(new), np.where(possible, 0.0, -np.inf))

    def lengthen(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Put a linker between a block and its end, or take the outermost away; the choice of linker cancels."""
        slot, part = self._pick(rng, states)
        port, length, grows = self._port(rng, part)
        row = np.arange(len(slot))
        add = rng.random(len(slot)) < 0.5
        possible = grows & np.where(add, length < LONGEST, length > 0)
        after = np.where(possible, length + np.where(add, 1, -1), length)
        ratio = np.where(possible, self.space.log_length[after] - self.space.log_length[length], -np.inf)
        new = part._replace(links=part.links.copy())
        grow = row[possible & add]
        carbon = self._carbon(part, port, length)
        end = self.space.end[part.block, port]
        new.links[grow, port[grow], length[grow]] = self.space.draw_linker(rng, end[grow], carbon[grow])
        shrink = row[possible & ~add]
        new.links[shrink, port[shrink], length[shrink] - 1] = -1
        return self._put(states, slot, new, ratio)

    def relink(self, rng: np.random.Generator, states: Derivations) -> Stepped:
        """Redraw the outermost linker of a port."""
        slot, part = self._pick(rng, states)
        port, length, _ = self._port(rng, part)
        here = np.flatnonzero(length > 0)
        new = part._replace(links=part.links.copy())
        carbon = self._carbon(part, port, length - 1)
        end = self.space.end[part.block, port]
        new.links[here, port[here], length[here] - 1] = self.space.draw_linker(rng, end[here], carbon[here])
        return self._put(states, slot, new, np.where(length > 0, 0.0, -np.inf))

    def log_q(self, name: str, states: Derivations, proposed: Derivations) -> FloatArray:
        """Log q(s' | s) (n,) of a step, -inf where it cannot lead from one to the other."""
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
            old, new = (part_of(take(s, rows), at) for s in (states, proposed))
            if name == "block":
                chance = np.exp(self.space.log_part(new)) / np.where(slots[rows] == 2, 2.0, 1.0)
            else:
                chance = getattr(self, f"_q_{name}")(old, new)
            total[rows] += chance / slots[rows]
        with np.errstate(divide="ignore"):
            return np.log(total)

    def _q_neighbour(self, old: Part, new: Part) -> FloatArray:
        kept = (old.links == new.links).all((1, 2)) & (old.sites == new.sites).all(1) & (old.edits == new.edits).all(1)
        legal = kept & self.neighbours.linked(old.block, new.block) & np.isfinite(self.space.log_part(new))
        return np.where(legal, 1.0 / np.maximum(self.neighbours.degree[old.block], 1), 0.0)

    def _q_decorate(self, old: Part, new: Part) -> FloatArray:
        same = (old.block == new.block) & (old.links == new.links).all((1, 2))
        before, after, shared = _compare(old, new)
        free = np.maximum(self.space.n_sites[old.block] - before, 1)
        grown = same & (after == before + 1) & (shared == before)
        shrunk = same & (after == before - 1) & (shared == after)
        chance = 0.5 / free / self._edits_of_odd(new, old)
        return np.where(grown, chance, 0.0) + np.where(shrunk, 0.5 / np.maximum(before, 1), 0.0)

    def _q_alter(self, old: Part, new: Part) -> FloatArray:
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

    def _q_lengthen(self, old: Part, new: Part) -> FloatArray:
        chance = np.zeros(len(old.block))
        for port, others in ((0, 1), (1, 0)):
            fixed = self._fixed(old, new, others)
            before, after, shared = _linkers(old, new, port)
            count = self._linkers_allowed(old, port, before)
            fixed &= self.space.port[old.block, port] >= 0
            chance += np.where(fixed & (after == before + 1) & (shared == before), 0.25 / count, 0.0)
            chance += np.where(fixed & (after == before - 1) & (shared == after), 0.25, 0.0)
        return chance

    def _q_relink(self, old: Part, new: Part) -> FloatArray:
        chance = np.zeros(len(old.block))
        for port, others in ((0, 1), (1, 0)):
            before, after, shared = _linkers(old, new, port)
            same = self._fixed(old, new, others) & (before == after) & (before > 0) & (shared >= before - 1)
            chance += np.where(same, 0.5 / self._linkers_allowed(old, port, before - 1), 0.0)
        return chance

    def _pick(self, rng: np.random.Generator, states: Derivations) -> tuple[IntArray, Part]:
        slot = np.floor(rng.random(len(states.reaction)) * self.space.slots[states.reaction]).astype(np.int64)
        return slot, part_of(states, slot)

    def _put(self, states: Derivations, slot: IntArray, part: Part, ratio: FloatArray) -> Stepped:
        """Exchange the part where the step is possible."""
        new = copied(states)
        rows = np.flatnonzero(ratio > -np.inf)
        put_part(new, rows, slot[rows], take(part, rows))
        return new, ratio

    def _free_site(self, rng: np.random.Generator, part: Part, rows: IntArray) -> IntArray:
        """A site without decoration, uniformly, for each of the rows."""
        keys = rng.random((len(rows), self.space.kind.shape[1]))
        keys[np.arange(keys.shape[1]) >= self.space.n_sites[part.block[rows]][:, None]] = 2.0
        for place in range(DECORATIONS):
            taken = part.sites[rows, place]
            here = np.flatnonzero(taken >= 0)
            keys[here, taken[here]] = 2.0
        return np.asarray(np.argmin(keys, axis=1))

    def _port(self, rng: np.random.Generator, part: Part) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
        port = rng.integers(2, size=len(part.block))
        length = (part.links[np.arange(len(port)), port] >= 0).sum(axis=1)
        return port, length, self.space.port[part.block, port] >= 0

    def _carbon(self, part: Part, port: IntArray, length: IntArray) -> IntArray:
        """What the carbon after `length` linkers is; meaningless where there are fewer."""
        before = part.links[np.arange(len(port)), port, np.maximum(length - 1, 0)]
        core = self.space.port[part.block, port]
        return np.asarray(np.where(length > 0, self.space.last[before], core))

    def _linkers_allowed(self, part: Part, port: int, length: IntArray) -> IntArray:
        at = np.full(len(part.block), port)
        return np.asarray(self.space.link_count[self.space.end[part.block, port], self._carbon(part, at, length)])

    def _fixed(self, old: Part, new: Part, port: int) -> NDArray[np.bool_]:
        same = (old.block == new.block) & (old.sites == new.sites).all(1) & (old.edits == new.edits).all(1)
        return np.asarray(same & (old.links[:, port] == new.links[:, port]).all(1), bool)

    def _edit_counts(self, part: Part) -> IntArray:
        kinds = self.space.kind[part.block[:, None], np.maximum(part.sites, 0)]
        return np.asarray(self.space.edit_count[self.space.group[part.block][:, None], kinds])

    def _edits_of_odd(self, part: Part, other: Part) -> IntArray:
        """Number of edits allowed at the (first) decorated site of `part` that `other` does not share."""
        odd = (part.sites >= 0) & ~(_codes(part)[:, :, None] == _codes(other)[:, None, :]).any(axis=2)
        place = np.argmax(odd, axis=1)
        return np.asarray(self._edit_counts(part)[np.arange(len(place)), place])


def _sorted(part: Part) -> Part:
    sites, edits = in_order(part.sites, part.edits)
    return Part(part.block, part.links, sites, edits)


def _same(a: Derivations, b: Derivations, slot: int) -> NDArray[np.bool_]:
    """Whether one slot holds the same in both, (n,)."""
    at = np.full(len(a.reaction), slot)
    return ~differs(part_of(a, at), part_of(b, at))


def _codes(part: Part) -> IntArray:
    """One number per decoration, -1 where there is none."""
    return np.where(part.sites >= 0, part.sites.astype(np.int64) * 1000 + part.edits, -1)


def _compare(old: Part, new: Part) -> tuple[IntArray, IntArray, IntArray]:
    """Decorations before and after, and how many are in both."""
    a, b = _codes(old), _codes(new)
    shared = ((a[:, :, None] == b[:, None, :]).any(axis=2) & (a >= 0)).sum(axis=1)
    return (a >= 0).sum(axis=1), (b >= 0).sum(axis=1), shared


def _linkers(old: Part, new: Part, port: int) -> tuple[IntArray, IntArray, IntArray]:
    """Linkers at a port before and after, and how many they share from the core outward."""
    a, b = old.links[:, port], new.links[:, port]
    shared = np.logical_and.accumulate((a == b) & (a >= 0), axis=1).sum(axis=1)
    return (a >= 0).sum(axis=1), (b >= 0).sum(axis=1), shared


def _closest(smiles: list[str], number: int) -> IntArray:
    """(n, at most `number`) nearest others by Tanimoto similarity of Morgan fingerprints of radius 2."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    bits = np.array([make.GetFingerprintAsNumPy(Chem.MolFromSmiles(text)) for text in smiles], np.float32)
    shared = bits @ bits.T
    on = bits.sum(axis=1)
    similarity = shared / np.maximum(on[:, None] + on[None, :] - shared, 1.0)
    np.fill_diagonal(similarity, -1.0)
    return np.argsort(-similarity, axis=1, kind="stable")[:, : min(number, len(smiles) - 1)]
