"""One table of monomer groups: a polymerisation of a new group finds its monomers, or says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules import monomers
from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED
from kakehashi.catalogs.molecules.monomer_groups import Counted, may_polymerise
from kakehashi.design.chemistry.groups import GROUPS, Group, found_by
from kakehashi.design.chemistry.polymerisations import Polymerisation
from kakehashi.design.proposals.reactions.reactions import Reactions, embedded_pool


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The pool made of the 1,815 commonest molecules only."""
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monkeypatch.setattr(monomers, "_IDENTIFIERS", monomers._IDENTIFIERS[:1])
    monomers.table.cache_clear()
    yield
    monomers.table.cache_clear()


def test_every_kind_of_block_is_found_by_groups_of_the_table() -> None:
    found = {name: found_by(name) for name in GROUPS}
    assert found["amino acid"] == ("aromatic amine", "aliphatic amine", "carboxylic acid")
    assert found["vinyl"] == ("terminal alkene",)
    assert {counted for names in found.values() for counted in names} <= COUNTED.keys()


@pytest.mark.parametrize(
    ("counts", "possible"),
    [
        ({"alcohol": 2}, True), ({"alcohol": 1}, False), ({"alcohol": 1, "carboxylic acid": 1}, True),
        ({"lactam": 1}, True), ({"aryl fluoride": 2}, True), ({"aryl fluoride": 1, "aryl chloride": 1}, False),
        ({"aryl chloride": 1, "phenol": 1}, False), ({}, False),
    ],
)  # fmt: skip
def test_what_may_be_a_block(counts: dict[str, int], possible: bool) -> None:
    assert may_polymerise(counts) is possible


def test_a_polymerisation_of_a_new_group_finds_monomers(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    carbonate = Group("cyclic carbonate", opened="[CX3;R:2](=O)(@[OX2])@[OX2;R:1]", counted=("cyclic carbonate",))
    rule = Polymerisation("polycarbonate", ("cyclic carbonate",), "ring-opening polymerisation of a cyclic carbonate",
                          "[OX2:1]-[CX3:2](=O)[OX2]")  # fmt: skip
    monkeypatch.setitem(GROUPS, "cyclic carbonate", carbonate)
    # A line that says another role would leave every monomer out: refused, with what is missing.
    with pytest.raises(ValueError, match=r"'cyclic carbonate': .* expected a counted group .* with the role 'opened'"):
        embedded_pool()
    monkeypatch.setitem(COUNTED, "cyclic carbonate", Counted(COUNTED["cyclic carbonate"].smarts, "opened"))
    made = Reactions(embedded_pool(), [rule])
    assert {block.group for block in made.blocks} == {"cyclic carbonate"}
    assert Chem.CanonSmiles("O=C1OCCO1") in {block.molecule.smiles for block in made.blocks}
    carbonic = Chem.MolFromSmarts("[OX2]C(=O)*")
    units = made.smiles(made.draw(np.random.default_rng(0), 20))
    assert all(Chem.MolFromSmiles(unit).HasSubstructMatch(carbonic) for unit in units)


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (Group("oxetane", opened="[CX4;r4:1]1[CX4][CX4][OX2:2]1"), "has nothing to find it by"),
        (Group("oxetane", opened="[CX4;r4:1]1[CX4][CX4][OX2:2]1", counted=("oxetane",)), "has no line for 'oxetane'"),
    ],
)
def test_a_group_that_nothing_finds_is_refused(group: Group, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GROUPS, "oxetane", group)
    with pytest.raises(ValueError, match=words):
        Reactions.embedded()
