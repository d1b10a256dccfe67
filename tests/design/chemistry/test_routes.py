"""The order of routes, and the classes that a table has never seen."""

from __future__ import annotations

from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.routes import best_first, describe, unseen_classes

WORDS = {(rule.polymer_class, rule.slots): rule.words for rule in POLYMERISATIONS}


def route(polymer_class: str, slots: tuple[str, ...], *monomers: str) -> Provenance:
    return Provenance(polymer_class, monomers, WORDS[polymer_class, slots])


SELF = route("polyamide", ("amino acid",), "Nc1ccc(NC(=O)c2ccc(C(=O)O)cc2)cc1")
PAIR = route("polyamide", ("diamine", "diacid"), "Nc1ccc(N)cc1", "O=C(O)c1ccc(C(=O)O)cc1")
CHLORIDE = route("polyamide", ("diamine", "diacyl chloride"), "Nc1ccc(N)cc1", "O=C(Cl)c1ccc(C(=O)Cl)cc1")


def test_two_small_monomers_go_before_one_large_one() -> None:
    assert best_first([SELF, CHLORIDE, PAIR], lambda smiles: True) == [PAIR, CHLORIDE, SELF]
    assert best_first(classify("*Nc1ccc(NC(=O)c2ccc(C(*)=O)cc2)cc1"), lambda smiles: True) == [PAIR, CHLORIDE, SELF]


def test_registered_monomers_go_before_small_ones() -> None:
    assert best_first([PAIR, SELF], lambda smiles: smiles in SELF.monomers) == [SELF, PAIR]


def test_a_caution_goes_last_and_a_reagent_is_no_monomer() -> None:
    glycol = route("polycarbonate", ("diol",), "OCCCO", "O=C(Oc1ccccc1)Oc1ccccc1")
    bisphenol = route("polycarbonate", ("bisphenol",), "CC(C)(c1ccc(O)cc1)c1ccc(O)cc1", "O=C(Cl)Cl")
    assert best_first([glycol, bisphenol], lambda smiles: smiles in glycol.monomers) == [bisphenol, glycol]
    free = route("polycarbonate", ("diol",), "OCCCCCCO", "O=C(Oc1ccccc1)Oc1ccccc1")
    # Diphenyl carbonate has more atoms than either.
    assert best_first([bisphenol, free], lambda smiles: True) == [free, bisphenol]


def test_a_monomer_of_two_units_comes_after_the_monomer_of_one() -> None:
    found = best_first(classify("*S(=O)(=O)c1ccc(*)cc1"), lambda smiles: True)
    own = [made.monomers[0] for made in found]
    assert own[0] == "Clc1ccc(Cl)cc1"
    assert "O=S(=O)(c1ccc(Cl)cc1)c1ccc(Cl)cc1" in own


def test_words_of_a_route() -> None:
    assert (
        describe(PAIR)
        == f"polyamide: {' + '.join(PAIR.monomers)} (polycondensation of a diamine and a dicarboxylic acid)"
    )


def test_classes_that_no_unit_of_a_table_is_of() -> None:
    classes = ("polyamide", "polyimide", "polyester", "polyamide")
    assert unseen_classes(["*NCCCCCC(*)=O", "no unit", "*OCCC(*)=O"], classes) == ("polyimide",)
    assert unseen_classes([], classes) == ("polyamide", "polyimide", "polyester")


def test_two_simple_monomers_come_before_one_large_amino_acid() -> None:
    """None of them is registered: the share of such monomers counts, not their number."""
    best = best_first(classify("*NCCCCCCCCCCCNC(=O)CC(C#N)CCCC(*)=O"), lambda smiles: False)
    assert best[0].reaction != best[-1].reaction
    assert len(best[0].monomers) == 2
    assert all("C(=O)N" not in smiles and "NC(=O)" not in smiles for smiles in best[0].monomers)
