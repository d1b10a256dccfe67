"""Rules on monomers, as masks of blocks and of states."""

from __future__ import annotations

import numpy as np

from kakehashi.design.chemistry.blocks import Molecule, blocks
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.proposals.reactions.bans import CAUTION_FACTOR, Bans
from kakehashi.design.proposals.reactions.derivations import empty

AMIDE = next(rule for rule in POLYMERISATIONS if rule.slots == ("diamine", "diacid"))
ESTER = next(rule for rule in POLYMERISATIONS if rule.slots == ("diol", "diacid"))
POOL = ("Nc1ccccc1N", "NCCN", "OCCO", "O=C(O)CC(=O)O", "O=C(O)CCC(=O)O", "O=C(O)CCCCC(=O)O")


def test_a_pair_is_banned_where_no_linker_stands() -> None:
    found = [
        block for block in blocks([Molecule(text) for text in POOL]) if block.group in ("diamine", "diacid", "diol")
    ]
    place = {block.molecule.smiles: i for i, block in enumerate(found)}
    rules = Bans(found, [AMIDE, ESTER])
    states = empty(np.zeros(3, np.int16), np.zeros(3, np.int8))
    states.block[:, 0] = [place["Nc1ccccc1N"], place["NCCN"], place["Nc1ccccc1N"]]
    states.block[:, 1] = place["O=C(O)CCCCC(=O)O"]
    states.links[2, 0, 0, 0] = 0
    assert rules.banned(states).tolist() == [True, False, False]


def test_a_caution_of_every_polymerisation_makes_a_block_rarer() -> None:
    """Malonic acid loses carbon dioxide in either; succinic acid closes with amines alone."""
    found = [
        block for block in blocks([Molecule(text) for text in POOL]) if block.group in ("diamine", "diacid", "diol")
    ]

    def factor(smiles: str, *rules: object) -> float:
        made = Bans(found, list(rules))  # type: ignore[arg-type]
        return float(made.factors[[block.molecule.smiles for block in found].index(smiles)])

    assert factor("O=C(O)CC(=O)O", AMIDE, ESTER) == CAUTION_FACTOR
    assert factor("O=C(O)CCC(=O)O", AMIDE, ESTER) == 1.0
    assert factor("O=C(O)CCC(=O)O", AMIDE) == CAUTION_FACTOR
    assert factor("O=C(O)CCCCC(=O)O", AMIDE, ESTER) == 1.0
