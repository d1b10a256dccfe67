"""Blocks that a rule speaks of, for the polymerisations of a space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.chemistry.blocks import Block
from kakehashi.design.chemistry.monomer_rules import BAN, matches, rules_of
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.proposals.reactions.derivations import Derivations

CAUTION_FACTOR = 0.25
"""Prior weight of a block that needs special conditions in every polymerisation of its group."""


class Bans:
    """Rules of `monomer_rules` on blocks, which hold where no linker stands at them.

    factors : (blocks,) prior weight of each, `CAUTION_FACTOR` or 1
    """

    def __init__(self, blocks: Sequence[Block], polymerisations: Sequence[Polymerisation]) -> None:
        groups = np.array([block.group for block in blocks])

        @cache
        def mask(group: str, smarts: str) -> NDArray[np.bool_]:
            rows = groups == group
            held = [matches(blocks[int(i)].molecule.smiles, smarts) for i in np.flatnonzero(rows)]
            rows[rows] = np.array(held, bool)
            return np.asarray(rows, bool)

        self._banned: list[list[tuple[tuple[int, NDArray[np.bool_]], ...]]] = []
        doubtful: dict[str, list[NDArray[np.bool_]]] = {}
        for rule in polymerisations:
            banned = []
            warned = {group: np.zeros(len(blocks), bool) for group in rule.slots}
            for said, places in rules_of(rule):
                masks = tuple((place, mask(*slot)) for place, slot in zip(places, said.slots, strict=True))
                if said.verdict == BAN:
                    banned.append(masks)
                elif len(masks) == 1:
                    warned[said.slots[0][0]] |= masks[0][1]
            self._banned.append(banned)
            for group, rows in warned.items():
                doubtful.setdefault(group, []).append(rows)
        everywhere = np.zeros(len(blocks), bool)
        for group, masks_of_group in doubtful.items():
            everywhere |= np.logical_and.reduce(masks_of_group) & (groups == group)
        self.factors = np.where(everywhere, CAUTION_FACTOR, 1.0)

    def banned(self, states: Derivations) -> NDArray[np.bool_]:
        """Mask (n,) of the states that a rule bans."""
        result = np.zeros(len(states.reaction), bool)
        bare = np.asarray((states.links < 0).all(axis=(2, 3)))
        for reaction in np.unique(states.reaction):
            if not self._banned[reaction]:
                continue
            rows = np.flatnonzero(states.reaction == reaction)
            for masks in self._banned[reaction]:
                hit = np.ones(len(rows), bool)
                for place, blocks in masks:
                    hit &= blocks[states.block[rows, place]] & bare[rows, place]
                result[rows] |= hit
        return result
