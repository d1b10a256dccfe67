"""Rules on monomers: what each speaks of, what it spares, and the files of bad monomers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules.registered import find_registered
from kakehashi.design.chemistry.groups import GROUPS
from kakehashi.design.chemistry.monomer_rules import RULES, banned, cautions, judge, rules_of
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.routes import best_first
from kakehashi.design.chemistry.smarts import pattern
from kakehashi.design.chemistry.stability import unstable

CASES = Path(__file__).parents[3].parent / "shared/cases/polymers"


def rows(name: str) -> list[list[str]]:
    path = CASES / name / "units.csv"
    if not path.is_file():
        pytest.skip(f"no shared cases beside the repository: {path}")
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))[1:]


def route(polymer_class: str, slots: tuple[str, ...], *monomers: str) -> Provenance:
    (rule,) = (r for r in POLYMERISATIONS if r.polymer_class == polymer_class and r.slots == slots)
    return Provenance(polymer_class, monomers, rule.words)


BANNED = [
    ("polyimide", ("diamine", "dianhydride"), ("Nc1ccccc1N", "O=C1OC(=O)c2cc3c(cc21)C(=O)OC3=O")),
    ("polyamide", ("diamine", "diacid"), ("Nc1cccc2cccc(N)c12", "O=C(O)CCCCC(=O)O")),
    ("polyamide", ("diamine", "diacyl chloride"), ("NCCN", "O=C(Cl)c1ccccc1C(=O)Cl")),
    ("polybenzimidazole", ("diacid with a core", "tetraamine"), ("O=C(O)c1ccccc1C(=O)O", "Nc1cc(N)c(N)cc1N")),
    ("polyamide", ("diamine", "diacid"), ("NCCCCCCN", "O=C(O)C1=C(C(=O)O)CCCC1")),
    ("polyamide", ("diamine", "diacid"), ("NCCCCCCN", "O=C(O)c1ccsc1C(=O)O")),
    ("polycarbonate", ("diol",), ("CC(O)CO",)),
    ("polycarbonate", ("bisphenol",), ("Oc1ccccc1O",)),
    ("polycarbonate", ("diol",), ("O=C(OCCO)OCCO",)),
    ("polyester", ("hydroxy acid",), ("OCCCC(=O)O",)),
    ("polyamide", ("amino acid",), ("NCCCC(=O)O",)),
    ("polyether", ("cyclic ether",), ("CC1CCCO1",)),
    ("styrenic polymer", ("styrenic",), ("C=C(c1ccccc1)c1ccccc1",)),
    ("vinylene polymer", ("1,2-disubstituted alkene",), ("C(=Cc1ccccc1)c1ccccc1",)),
    ("poly(aryl ether)", ("bisphenol", "activated difluoride"), ("Oc1ccccc1O", "N#Cc1c(F)c(F)ccc1")),
]
CAUTIONED = [
    ("polyester", ("lactone",), ("O=C1CCCO1",)),
    ("polyamide", ("lactam",), ("O=C1CCCN1",)),
    ("polyamide", ("amino acid",), ("NCC(=O)O",)),
    ("polyamide", ("diamine", "diacid"), ("NCCCCCCN", "O=C(O)CCC(=O)O")),
    ("polyester", ("diol", "diacid"), ("OCCO", "O=C(O)CC(=O)O")),
    ("polycarbonate", ("diol",), ("OCCCO",)),
    ("vinyl polymer", ("vinyl",), ("C=CCOC(C)=O",)),
    ("polyacetylene", ("acetylene",), ("C#CC(=O)OC",)),
    ("polyamide", ("diamine", "diacid"), ("NCCCCCCN", "O=C(O)C=CC(=O)O")),  # fumaric acid
    ("polyamide", ("diamine", "diacyl chloride"), ("NCCCCCCN", "O=C(Cl)C=CC(=O)Cl")),
    ("polybenzimidazole", ("diacid with a core", "tetraamine"), ("O=C(O)C=CC(=O)O", "Nc1cc(N)c(N)cc1N")),
    ("polyether", ("bisphenol", "alkyl dibromide"), ("Oc1ccc(O)cc1", "BrCCBr")),
]
FREE = [
    ("polyester", ("diol", "diacid"), ("OCCO", "O=C(O)c1ccccc1C(=O)O")),  # phthalates do not close
    ("polyurea", ("diamine", "diisocyanate"), ("NCCN", "O=C=NCCCCCCN=C=O")),
    ("polyamide", ("diamine", "diacid"), ("Nc1ccc(N)cc1", "O=C(O)c1ccc(C(=O)O)cc1")),
    ("polyester", ("lactone",), ("O=C1CCCCCO1",)),
    ("polycarbonate", ("diol",), ("OCC1CCC(CO)CC1",)),
    ("vinyl polymer", ("vinyl",), ("C=CC",)),
    ("vinyl polymer", ("vinyl",), ("C=C(C)C",)),
    ("styrenic polymer", ("styrenic",), ("C=C(C)c1ccccc1",)),
    ("polyalkenamer", ("strained olefin",), ("C1=CC2CCC1C2",)),
    ("polyether", ("cyclic ether",), ("C1CCOC1",)),
    ("polyacetylene", ("acetylene",), ("C#Cc1ccccc1",)),
    ("polyacetylene", ("acetylene",), ("CC#CC",)),
    ("polyacetylene", ("acetylene",), ("C#C",)),
]


@pytest.mark.parametrize(("polymer_class", "slots", "monomers"), BANNED)
def test_banned(polymer_class: str, slots: tuple[str, ...], monomers: tuple[str, ...]) -> None:
    assert banned(route(polymer_class, slots, *monomers))


@pytest.mark.parametrize(("polymer_class", "slots", "monomers"), CAUTIONED)
def test_cautioned(polymer_class: str, slots: tuple[str, ...], monomers: tuple[str, ...]) -> None:
    made = route(polymer_class, slots, *monomers)
    assert not banned(made)
    assert len(cautions(made)) == 1


@pytest.mark.parametrize(("polymer_class", "slots", "monomers"), FREE)
def test_free(polymer_class: str, slots: tuple[str, ...], monomers: tuple[str, ...]) -> None:
    assert judge(route(polymer_class, slots, *monomers)) == []


def test_propiolates_are_known_to_polymerise() -> None:
    for smiles in ("C#CC(=O)O", "C#CC(=O)OC", "CC#CC(=O)OC"):
        assert "not known" not in " ".join(cautions(route("polyacetylene", ("acetylene",), smiles)))
    for smiles in ("C#CC(=O)N(C)C", "COC(=O)C#CC(=O)OC"):
        assert "not known" in " ".join(cautions(route("polyacetylene", ("acetylene",), smiles)))


def test_every_rule_speaks_of_some_polymerisation() -> None:
    spoken = {said for rule in POLYMERISATIONS for said, _ in rules_of(rule)}
    assert spoken == set(RULES)
    for said in RULES:
        assert said.reason
        for group, smarts in said.slots:
            assert group in GROUPS
            assert pattern(smarts).GetNumAtoms()


def test_no_polymerisation_no_finding() -> None:
    assert judge(Provenance("", (), "")) == []


def test_cyclising_monomers_have_no_route_or_a_flagged_one() -> None:
    for unit, why in rows("cyclising-monomers"):
        routes = classify(unit)
        if "control" in why:
            assert any(not cautions(made) for made in routes), unit
        else:
            assert all(cautions(made) for made in routes), (unit, routes)


def test_unstable_monomers_are_not_shown() -> None:
    wrong = {"C=CO", "O=C1CO1", "C=C1CO1", "C=CC=C=O", "C=CNC(=O)O", "C=COC(=O)O", "C=CC1=CC=C1", "C=CC12CC1C2"}
    for unit, why in rows("unstable-monomers"):
        for made in classify(unit):
            assert not wrong & set(made.monomers), (unit, why, made)
            assert not any(unstable(Chem.MolFromSmiles(text)) for text in made.monomers), (unit, why, made)


def test_the_simple_route_is_shown() -> None:
    for unit, simple in rows("shown-route"):
        first = best_first(classify(unit), lambda smiles: find_registered(smiles) is not None)[0]
        assert first.monomers == tuple(Chem.CanonSmiles(text) for text in simple.split(" + "))
