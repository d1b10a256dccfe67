"""One table of monomer groups: a polymerisation of a new group finds its monomers, or says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules import monomers
from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED
from kakehashi.catalogs.molecules.monomer_groups import may_polymerise
from kakehashi.design.chemistry import monomers as routes
from kakehashi.design.chemistry.blocks import Molecule
from kakehashi.design.chemistry.groups import GROUPS, Group, counted_groups
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.smarts import mapped
from kakehashi.design.proposals.reactions.reactions import Reactions, embedded_pool
from kakehashi.design.run import proposals, space
from kakehashi.design.run.config import resolve


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The pool made of the 1,815 commonest molecules only."""
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monkeypatch.setattr(monomers, "_IDENTIFIERS", monomers._IDENTIFIERS[:1])
    monomers.table.cache_clear()
    yield
    monomers.table.cache_clear()


def test_every_kind_of_block_is_found_by_groups_of_the_table() -> None:
    found = {name: counted_groups(name) for name in GROUPS}
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


def test_ends_are_cut_at_the_groups_that_find_them() -> None:
    """One table of SMARTS: an atom mapped 1 and one mapped 2, or a core atom alone that loses a hydrogen."""
    alone = {"cyclic anhydride", "secondary amine", "azole alpha CH", "phenol para CH", "aniline para CH", "xylene CH3"}
    for name in {counted for group in GROUPS for counted in counted_groups(group)}:
        assert mapped(COUNTED[name].smarts).keys() == ({1} if name in alone else {1, 2}), name


CARBONATE = Group("cyclic carbonate", opened="cyclic carbonate")
RING_OPENING = Polymerisation(
    "polycarbonate", ("cyclic carbonate",), "ring-opening polymerisation of a cyclic carbonate",
    "[OX2:1]-[CX3:2](=O)[OX2]",
)  # fmt: skip


def test_a_polymerisation_of_a_new_group_is_a_line_in_each_table(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GROUPS, "cyclic carbonate", CARBONATE)
    # A line that says another role would leave every monomer out: refused, with what is missing.
    with pytest.raises(ValueError, match=r"'cyclic carbonate': .* expected a counted group .* with the role 'opened'"):
        embedded_pool()
    monkeypatch.setitem(COUNTED, "cyclic carbonate", COUNTED["cyclic carbonate"]._replace(role="opened"))
    for module in (routes, space):
        monkeypatch.setattr(module, "POLYMERISATIONS", (*POLYMERISATIONS, RING_OPENING))

    # Its monomers are found in the embedded pool,
    made = Reactions(embedded_pool(), [RING_OPENING])
    assert {block.group for block in made.blocks} == {"cyclic carbonate"}
    ethylene_carbonate = Chem.CanonSmiles("O=C1OCCO1")
    assert ethylene_carbonate in {block.molecule.smiles for block in made.blocks}
    # its units have it as a route,
    states = made.draw(np.random.default_rng(0), 20)
    for unit, origin in zip(made.smiles(states), made.provenance(states), strict=True):
        assert origin in routes.classify(unit), unit
    assert Provenance("polycarbonate", (ethylene_carbonate,), RING_OPENING.words) in routes.classify("*OCCOC(*)=O")
    # and a run proposes it.
    config = resolve({"target": ["a.csv:x"], "goal": ["x>1"], "polymer_class": ["polycarbonate"]}, None)
    assert RING_OPENING in proposals.reactions(config).polymerisations


def test_a_polymerisation_of_known_groups_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Polymerisation("polything", ("bisphenol", "diisocyanate"), "a second name", "[OX2:1]-[CX3:2](=O)[NX3H1]")
    monkeypatch.setattr(routes, "POLYMERISATIONS", (rule,))
    made = Reactions([Molecule("Oc1ccc(O)cc1"), Molecule("O=C=NCCN=C=O")], [rule])
    states = made.draw(np.random.default_rng(0), 5)
    assert [routes.classify(unit) for unit in made.smiles(states)] == [[one] for one in made.provenance(states)]


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (Group("oxetane"), "has nothing to find it by"),
        (Group("oxetane", opened="oxetane"), "has no line for 'oxetane'"),
        (Group("oxetane", opened="carbonyl source"), "expected a counted group of it there, with the role 'opened'"),
    ],
)
def test_a_group_that_nothing_finds_is_refused(group: Group, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GROUPS, "oxetane", group)
    with pytest.raises(ValueError, match=words):
        Reactions.embedded()
    with pytest.raises(ValueError, match=words):
        Reactions([Molecule("C1COC1")])
