"""Prior over derivations: probabilities, exact draws, and size."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, prod

import numpy as np

from kakehashi.design.chemistry.blocks import Block
from kakehashi.design.chemistry.ends import ENDS
from kakehashi.design.chemistry.fragments import EDITS, LINKERS, LONGEST, allowed_edits, allowed_linkers
from kakehashi.design.chemistry.groups import GROUPS
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.proposals.proposal import take
from kakehashi.design.proposals.reactions.derivations import (
    DECORATIONS,
    Derivations,
    FloatArray,
    IntArray,
    Residue,
    empty,
    put_residue,
    residue_of,
    sort_decorations,
)

DECORATION_RATIO, LINKER_RATIO = 0.5, 0.25
BLOCK_SCALE = 15.0  # heavy atoms by which a block grows a factor e rarer


class Space:
    """Derivations over a list of blocks, with prior probabilities and exact draws.

    Attributes
    ----------
    slots : (reactions,) number of blocks; groups : (reactions, 2) their groups, -1 for none
    first, count : (groups,) where the blocks of a group begin, and how many they are
    n_sites : (blocks,); edit_count : (groups, 3 kinds); link_count : (ends, 2 carbons)
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        polymerisations: Sequence[Polymerisation],
        weights: Sequence[float],
        factors: FloatArray | None = None,
    ) -> None:
        names = list(GROUPS)
        self.blocks, self.polymerisations = tuple(blocks), tuple(polymerisations)
        total = float(sum(weights))
        if not blocks or not polymerisations or total <= 0 or min(weights) < 0:
            raise ValueError("expected at least one block and one polymerisation, with weights not all zero")
        with np.errstate(divide="ignore"):
            self.log_reaction = np.log(np.array(weights, np.float64) / total)
        self.slots = np.array([len(p.slots) for p in polymerisations], np.int64)
        self.groups = np.array([[names.index(s) for s in (*p.slots, "")[:2] if s] + [-1] * (2 - len(p.slots))
                                for p in polymerisations], np.int64)  # fmt: skip
        self.group = np.array([names.index(b.group) for b in blocks], np.int64)
        if (np.diff(self.group) < 0).any():
            raise ValueError("expected blocks sorted by group")
        self.count = np.bincount(self.group, minlength=len(names))
        self.first = np.concatenate([[0], np.cumsum(self.count)[:-1]])
        absent = [names[g] for g in np.unique(self.groups[self.groups >= 0]) if not self.count[g]]
        if absent:
            raise ValueError(f"no block of the group {', '.join(absent)}")
        size = np.exp(-np.array([b.heavy for b in blocks], np.float64) / BLOCK_SCALE)
        size = size if factors is None else size * factors
        share = size / np.bincount(self.group, size, len(names))[self.group]
        self.log_block = np.log(share)
        self.cumulative = np.cumsum(share)
        self._tabulate_edits(names)
        self._tabulate_linkers()

    def _tabulate_edits(self, names: list[str]) -> None:
        self.n_sites = np.array([len(b.sites) for b in self.blocks], np.int64)
        self.kind = np.zeros((len(self.blocks), max(1, int(self.n_sites.max()))), np.int64)
        for row, block in zip(self.kind, self.blocks, strict=True):
            row[: len(block.kinds)] = block.kinds
        self.edit_table = np.zeros((len(names), 3, len(EDITS)), np.int64)
        self.edit_count = np.ones((len(names), 3), np.int64)
        self.edit_allowed = np.zeros((len(names), 3, len(EDITS)), bool)
        for g in np.unique(self.group):
            for kind, edits in enumerate(allowed_edits(names[g])):
                self.edit_table[g, kind, : len(edits)] = edits
                self.edit_count[g, kind] = len(edits)
                self.edit_allowed[g, kind, edits] = True
        self.log_number = _log_truncated_geometric(DECORATION_RATIO, DECORATIONS)
        self.log_choose = np.log([[max(1, comb(s, k)) for k in range(DECORATIONS + 1)]
                                  for s in range(self.kind.shape[1] + 1)])  # fmt: skip

    def _tabulate_linkers(self) -> None:
        ends = list(ENDS)
        self.last = np.array([linker.last for linker in LINKERS], np.int64)
        self.link_table = np.zeros((len(ends), 2, len(LINKERS)), np.int64)
        self.link_count = np.ones((len(ends), 2), np.int64)
        self.link_allowed = np.zeros((len(ends), 2, len(LINKERS)), bool)
        for e, end in enumerate(ends):
            for carbon in (0, 1):
                linkers = allowed_linkers(end, carbon)
                self.link_table[e, carbon, : len(linkers)] = linkers
                self.link_count[e, carbon] = len(linkers)
                self.link_allowed[e, carbon, linkers] = True
        self.port = np.array([b.ports for b in self.blocks], np.int64)
        self.end = np.array([[ends.index(e) for e in GROUPS[b.group].ends] or [0, 0] for b in self.blocks], np.int64)
        self.log_length = _log_truncated_geometric(LINKER_RATIO, LONGEST)[LONGEST]

    # ---- prior

    def log_prior(self, states: Derivations) -> FloatArray:
        """Log prior probability (n,); -inf for a state that is no derivation."""
        total = self.log_reaction[states.reaction].copy()
        double = self.slots[states.reaction] == 2
        total -= np.where(double, np.log(2.0), 0.0)
        total[~double & (states.turned != 0)] = -np.inf
        for slot in (0, 1):
            used = np.flatnonzero(slot < self.slots[states.reaction])
            residue = residue_of(take(states, used), np.full(len(used), slot))
            fits = self.group[residue.block] == self.groups[states.reaction[used], slot]
            total[used] += np.where(fits, self.log_residue(residue), -np.inf)
        return total

    def log_residue(self, residue: Residue) -> FloatArray:
        """Log probability (m,) of residues, given their group."""
        return self.log_block[residue.block] + self.log_links(residue) + self.log_decorations(residue)

    def log_links(self, residue: Residue) -> FloatArray:
        """Log probability (m,) of linkers, given the block."""
        total = np.zeros(len(residue.block))
        for port in (0, 1):
            carbon, end = self.port[residue.block, port], self.end[residue.block, port]
            length = (residue.links[:, port] >= 0).sum(axis=1)
            grows = carbon >= 0
            total += np.where(grows, self.log_length[length], np.where(length == 0, 0.0, -np.inf))
            for place in range(LONGEST):
                linker = residue.links[:, port, place]
                here = (linker >= 0) & grows
                e, c = end[here], carbon[here]
                allowed = self.link_allowed[e, c, linker[here]]
                total[here] += np.where(allowed, -np.log(self.link_count[e, c]), -np.inf)
                carbon = np.where(here, self.last[linker], carbon)
        return total

    def log_decorations(self, residue: Residue) -> FloatArray:
        """Log probability (m,) of decorations, given the block."""
        sites = self.n_sites[residue.block]
        used = residue.sites >= 0
        number = used.sum(axis=1)
        inside = number <= sites
        total = self.log_number[np.minimum(sites, DECORATIONS), number]
        total = total - self.log_choose[sites, np.where(inside, number, 0)]
        exists = residue.sites < sites[:, None]
        kinds = self.kind[residue.block[:, None], np.where(used & exists, residue.sites, 0)]
        group = self.group[residue.block][:, None]
        allowed = exists & self.edit_allowed[group, kinds, np.where(used, residue.edits, 0)]
        each = np.where(allowed, -np.log(self.edit_count[group, kinds]), -np.inf)
        return np.asarray(np.where(inside, total, -np.inf) + np.where(used, each, 0.0).sum(axis=1), np.float64)

    # ---- exact draws

    def draw(self, rng: np.random.Generator, n: int) -> Derivations:
        """Draw n independent states from the prior."""
        reaction = rng.choice(len(self.slots), n, p=np.exp(self.log_reaction)).astype(np.int16)
        turned = (rng.integers(2, size=n) * (self.slots[reaction] == 2)).astype(np.int8)
        states = empty(reaction, turned)
        for slot in (0, 1):
            used = np.flatnonzero(slot < self.slots[reaction])
            put_residue(
                states, used, np.full(len(used), slot), self.draw_residue(rng, self.groups[reaction[used], slot])
            )
        return states

    def draw_residue(self, rng: np.random.Generator, group: IntArray) -> Residue:
        """Draw a residue of each group (m,) from the prior."""
        base = np.where(self.first[group] > 0, self.cumulative[self.first[group] - 1], 0.0)
        last = self.first[group] + self.count[group] - 1
        point = base + rng.random(len(group)) * (self.cumulative[last] - base)
        block = np.clip(np.searchsorted(self.cumulative, point, "right"), self.first[group], last).astype(np.int32)
        sites, edits = self._draw_decorations(rng, block)
        return Residue(block, self._draw_links(rng, block), sites, edits)

    def _draw_links(self, rng: np.random.Generator, block: IntArray) -> IntArray:
        links = np.full((len(block), 2, LONGEST), -1, np.int16)
        for port in (0, 1):
            carbon = self.port[block, port]
            length = np.searchsorted(np.cumsum(np.exp(self.log_length))[:-1], rng.random(len(block)), "right")
            for place in range(LONGEST):
                here = np.flatnonzero((length > place) & (carbon >= 0))
                links[here, port, place] = self.draw_linker(rng, self.end[block[here], port], carbon[here])
                carbon[here] = self.last[links[here, port, place]]
        return links

    def draw_linker(self, rng: np.random.Generator, end: IntArray, carbon: IntArray) -> IntArray:
        """Draw linkers (m,) uniformly among those allowed.

        carbon : before the linker; end : after it
        """
        pick = np.floor(rng.random(len(end)) * self.link_count[end, carbon]).astype(np.int64)
        return self.link_table[end, carbon, pick]

    def carbon_after(self, residue: Residue, port: IntArray, length: IntArray) -> IntArray:
        """Kind of the carbon after `length` linkers.

        Meaningless where there are fewer.
        """
        before = residue.links[np.arange(len(port)), port, np.maximum(length - 1, 0)]
        core = self.port[residue.block, port]
        return np.asarray(np.where(length > 0, self.last[before], core))

    def draw_edit(self, rng: np.random.Generator, block: IntArray, site: IntArray) -> IntArray:
        """Draw edits (m,) at a site, uniform among those allowed."""
        group, kind = self.group[block], self.kind[block, site]
        pick = np.floor(rng.random(len(block)) * self.edit_count[group, kind]).astype(np.int64)
        return self.edit_table[group, kind, pick]

    def _draw_decorations(self, rng: np.random.Generator, block: IntArray) -> tuple[IntArray, IntArray]:
        most = np.minimum(self.n_sites[block], DECORATIONS)
        cumulative = np.cumsum(np.exp(self.log_number), axis=1)[most]
        number = (cumulative[:, :-1] <= rng.random(len(block))[:, None]).sum(axis=1)
        number = np.minimum(number, most)
        order = rng.random((len(block), self.kind.shape[1]))
        order[np.arange(self.kind.shape[1]) >= self.n_sites[block][:, None]] = 2.0
        sample = np.argsort(order, axis=1)[:, :DECORATIONS]
        sample = np.pad(sample, ((0, 0), (0, DECORATIONS - sample.shape[1])))
        sites = np.where(np.arange(DECORATIONS) < number[:, None], sample, -1).astype(np.int16)
        edits = np.full(sites.shape, -1, np.int16)
        for place in range(DECORATIONS):
            here = np.flatnonzero(sites[:, place] >= 0)
            edits[here, place] = self.draw_edit(rng, block[here], sites[here, place])
        return sort_decorations(sites, edits)

    # ---- size

    def size(self) -> int:
        """Number of derivations; several may be one repeat unit."""
        per_block = [self._variants(b) for b in range(len(self.blocks))]
        per_group = [sum(per_block[f : f + c]) for f, c in zip(self.first, self.count, strict=True)]
        return sum(
            (2 if slots == 2 else 1) * prod(per_group[g] for g in groups if g >= 0)
            for slots, groups in zip(self.slots, self.groups, strict=True)
        )

    def _variants(self, block: int) -> int:
        counts = [1] + [0] * DECORATIONS
        for site in range(self.n_sites[block]):
            edits = int(self.edit_count[self.group[block], self.kind[block, site]])
            for k in range(DECORATIONS, 0, -1):
                counts[k] += edits * counts[k - 1]
        total = sum(counts)
        for port in (0, 1):
            total *= self._chains(int(self.end[block, port]), int(self.port[block, port]), LONGEST)
        return total

    def _chains(self, end: int, carbon: int, longest: int) -> int:
        if carbon < 0 or not longest:
            return 1
        allowed = np.flatnonzero(self.link_allowed[end, carbon])
        return 1 + sum(self._chains(end, int(self.last[linker]), longest - 1) for linker in allowed)


def _log_truncated_geometric(ratio: float, most: int) -> FloatArray:
    """Log P(number | limit) of truncated geometric distributions.

    (most + 1 limits, most + 1 numbers), proportional to ratio**number; -inf beyond the limit.
    """
    table = np.full((most + 1, most + 1), -np.inf)
    for limit in range(most + 1):
        weights = ratio ** np.arange(limit + 1)
        table[limit, : limit + 1] = np.log(weights / weights.sum())
    return table
