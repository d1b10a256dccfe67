"""Named polymers: from the unit to a route and its monomers, and from these to the same unit."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules.polymers import attempt
from kakehashi.design.chemistry.blocks import Molecule, read_block
from kakehashi.design.chemistry.groups import GROUPS
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS, PROPOSED, conditions_of
from kakehashi.design.chemistry.rings import tautomers
from kakehashi.design.proposals.reactions.reactions import Reactions

TPA, IPA, PMDA = "O=C(O)c1ccc(C(=O)O)cc1", "O=C(O)c1cccc(C(=O)O)c1", "O=c1oc(=O)c2cc3c(=O)oc(=O)c3cc12"
DIBROMOBENZENE, BPA = "Brc1ccc(Br)cc1", "CC(C)(c1ccc(O)cc1)c1ccc(O)cc1"
# name: unit, class, the monomers of blocks
NAMED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Kevlar": ("*C(=O)c1ccc(C(=O)Nc2ccc(N*)cc2)cc1", "polyamide", ("Nc1ccc(N)cc1", TPA)),
    "Kapton": ("*c1ccc(Oc2ccc(N3C(=O)c4cc5c(cc4C3=O)C(=O)N(*)C5=O)cc2)cc1", "polyimide",
               ("Nc1ccc(Oc2ccc(N)cc2)cc1", PMDA)),
    "Torlon": ("*NC(=O)c1ccc2c(c1)C(=O)N(c1ccc(Oc3ccc(*)cc3)cc1)C2=O", "poly(amide imide)",
               ("Nc1ccc(Oc2ccc(N)cc2)cc1", "O=C(O)c1ccc2c(c1)C(=O)OC2=O")),
    "PBI": ("*c1cccc(-c2nc3cc(-c4ccc5nc(*)[nH]c5c4)ccc3[nH]2)c1", "polybenzimidazole",
            (IPA, "Nc1ccc(-c2ccc(N)c(N)c2)cc1N")),
    "AB-PBI": ("*c1nc2cc(*)ccc2[nH]1", "polybenzimidazole", ("Nc1ccc(C(=O)O)cc1N",)),
    "PBO": ("*c1ccc(-c2nc3cc4nc(*)oc4cc3o2)cc1", "polybenzoxazole", (TPA, "Nc1cc(N)c(O)cc1O")),
    "PBT": ("*c1ccc(-c2nc3cc4sc(*)nc4cc3s2)cc1", "polybenzothiazole", (TPA, "Nc1cc(S)c(N)cc1S")),
    "POD": ("*c1ccc(-c2nnc(*)o2)cc1", "polyoxadiazole", (TPA,)),
    "polyhydrazide": ("*NNC(=O)c1ccc(C(*)=O)cc1", "polyhydrazide",
                      ("NNC(=O)c1ccc(C(=O)NN)cc1", "O=C(Cl)c1ccc(C(=O)Cl)cc1")),
    "azomethine": ("*N=Cc1ccc(C=Nc2ccc(*)cc2)cc1", "polyazomethine", ("Nc1ccc(N)cc1", "O=Cc1ccc(C=O)cc1")),
    "PPP": ("*c1ccc(*)cc1", "polyarylene", (DIBROMOBENZENE,)),
    "PPV": ("*c1ccc(C=C*)cc1", "poly(arylene vinylene)", ("ClCc1ccc(CCl)cc1",)),
    "PPE": ("*c1ccc(C#C*)cc1", "poly(arylene ethynylene)", (DIBROMOBENZENE, "C#Cc1ccc(C#C)cc1")),
    "P3HT": ("*c1cc(CCCCCC)c(*)s1", "polythiophene", ("CCCCCCc1cc(Br)sc1Br",)),
    "polypyrrole": ("*c1ccc(*)[nH]1", "polythiophene", ("c1cc[nH]c1",)),
    "polyaniline": ("*Nc1ccc(*)cc1", "polyaniline", ("Nc1ccccc1",)),
    "PPS": ("*Sc1ccc(*)cc1", "polysulfide", ("Clc1ccc(Cl)cc1",)),
    "PPO": ("*Oc1c(C)cc(*)cc1C", "poly(phenylene oxide)", ("Cc1cccc(C)c1O",)),
    "PEEK": ("*Oc1ccc(Oc2ccc(C(=O)c3ccc(*)cc3)cc2)cc1", "poly(aryl ether)",
             ("Oc1ccc(O)cc1", "O=C(c1ccc(F)cc1)c1ccc(F)cc1")),
    "polysulfone": ("*Oc1ccc(C(C)(C)c2ccc(Oc3ccc(S(=O)(=O)c4ccc(*)cc4)cc3)cc2)cc1", "poly(aryl ether)",
                    (BPA, "O=S(=O)(c1ccc(Cl)cc1)c1ccc(Cl)cc1")),
    "phenoxy": ("*CC(O)COc1ccc(C(C)(C)c2ccc(O*)cc2)cc1", "polyether", (BPA,)),
    "poly(butene sulfone)": ("*CC(CC)S(*)(=O)=O", "polysulfone", ("C=CCC",)),
    "aliphatic polyketone": ("*CCC(*)=O", "polyketone", ("C=C",)),
    "THF polyether": ("*CCCCO*", "polyether", ("C1CCOC1",)),
    "poly(ethylene sulfide)": ("*CCS*", "polysulfide", ("C1CS1",)),
    "polynorbornene": ("*C=CC1CCC(*)C1", "polyalkenamer", ("C1=CC2CCC1C2",)),
    "polyoctenamer": ("*CCCC=CCCC*", "polyalkenamer", ("C1=CCCCCCC1",)),
    "polybutadiene": ("*CC=CC*", "polydiene", ("C=CC=C",)),
    "polyisoprene": ("*CC=C(C)C*", "polydiene", ("C=CC(=C)C",)),
    "polychloroprene": ("*CC=C(Cl)C*", "polydiene", ("C=CC(=C)Cl",)),
    "polyacetylene": ("*C=C*", "polyacetylene", ("C#C",)),
    "PDMS": ("*O[Si](C)(C)*", "polysiloxane", ("C[Si](C)(Cl)Cl",)),
    "polysilane": ("*[Si](C)(*)c1ccccc1", "polysilane", ("C[Si](Cl)(Cl)c1ccccc1",)),
    "PTFE": ("*C(F)(F)C(*)(F)F", "fluoropolymer", ("FC(F)=C(F)F",)),
    "PVDF": ("*CC(*)(F)F", "vinyl polymer", ("C=C(F)F",)),
    "polymaleimide": ("*C1C(*)C(=O)N(c2ccccc2)C1=O", "vinylene polymer", ("O=C1C=CC(=O)N1c1ccccc1",)),
    "piperazine polyamide": ("*C(=O)CCCCC(=O)N1CCN(*)CC1", "N-alkyl polyamide",
                             ("C1CNCCN1", "O=C(Cl)CCCCC(=O)Cl")),
    "parylene N": ("*CCc1ccc(*)cc1", "poly(p-xylylene)", ("Cc1ccc(C)cc1",)),
    "poly(2-methyl-2-oxazoline)": ("*CCN(*)C(C)=O", "poly(N-acylethylenimine)", ("CC1=NCCO1",)),
    "polychlorohydrin": ("*CC(CCl)O*", "polyether", ("ClCC1CO1",)),
    "AB urethane": ("*CCCCCNC(=O)O*", "polyurethane", ("NCCCCCO",)),
    "AB sulfonate": ("*OS(=O)(=O)c1ccc(*)cc1", "polysulfonate", ("O=S(=O)(Cl)c1ccc(O)cc1",)),
    "PET": ("*OCCOC(=O)c1ccc(C(*)=O)cc1", "polyester", ("OCCO", "COC(=O)c1ccc(C(=O)OC)cc1")),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_named_polymer_has_its_route_and_its_monomers_give_it_again(name: str) -> None:
    unit, polymer_class, monomers = NAMED[name]
    key = attempt(unit, 2)[1]
    wanted = tuple(Chem.CanonSmiles(text) for text in monomers)
    routes = [
        route
        for route in classify(unit)
        if route.polymer_class == polymer_class and route.monomers[: len(wanted)] == wanted
    ]
    assert routes, classify(unit)
    rules = [rule for rule in POLYMERISATIONS if rule.words == routes[0].reaction]
    made = Reactions([Molecule(smiles) for smiles in wanted], rules, growth=False)
    units = made.smiles(made.draw(np.random.default_rng(0), 30))
    keys = {
        attempt(Chem.MolToSmiles(form), 2)[1] for text in set(units) for form in tautomers(Chem.MolFromSmiles(text))
    }
    assert key in keys


def test_words_and_conditions_tell_polymerisations_apart() -> None:
    words = [rule.words for rule in POLYMERISATIONS]
    assert len(set(words)) == len(words)
    assert all(conditions_of(text) for text in words)
    assert conditions_of("alchemy") == ""
    assert {rule.polymer_class for rule in POLYMERISATIONS if not rule.proposed} == {
        "polyanhydride", "polydisulfide", "hydrogenated polydiene",
    }  # fmt: skip
    assert {slot for rule in POLYMERISATIONS for slot in rule.slots} == GROUPS.keys()
    assert set(PROPOSED) == {rule for rule in POLYMERISATIONS if rule.proposed}


@pytest.mark.parametrize(
    ("smiles", "group"),
    [
        ("Brc1ccc(Br)c([N+](=O)[O-])c1", "aryl dibromide"),  # a nitro group oxidises nickel(0)
        ("Clc1ccc(Sc2ccc(Cl)cc2)cc1", "aryl dichloride to oxidise"),  # a peracid oxidises the sulfide
        ("C=Cc1c(Cl)cccc1Cl", "aryl dichloride to oxidise"),
        ("BrCCSCCBr", "alkyl dibromide to oxidise"),
        ("BrCC=CCBr", "alkyl dibromide to oxidise"),
        ("c1cscn1", "azole"),
        ("c1c[nH]cn1", "azole"),
        ("c1c[nH]nn1", "azole"),
        ("c1nncs1", "azole"),
        ("O=S1CC1", "thiirane"),
        ("N#Cc1cc(Br)ccc1Br", "Grignard dibromide"),  # nitrile and carbonyl take the Grignard reagent
        ("O=C(c1ccc(Br)cc1)c1ccc(Br)cc1", "Grignard dibromide"),
        ("C=CCl", "olefin"),
        ("C=COC(C)=O", "olefin"),
        ("C=CC(=O)OC", "olefin"),
        ("C=C(C)c1ccccc1", "olefin"),
        ("O=Cc1cc(Br)sc1Br", "azolyl dibromide"),  # a carbonyl takes the Grignard reagent
        ("Brc1ccc(Br)c(Br)c1", "aryl dibromide"),  # a third halogen branches
        ("Oc1ccc(Br)cc1Br", "aryl dibromide"),
        ("Cc1ccccc1O", "2,6-substituted phenol"),  # a free ortho position couples, too
        ("Cc1cc(C)c(O)c(C)c1", "2,6-substituted phenol"),
        ("C1=CCCCC1", "strained olefin"),  # cyclohexene has no strain
        ("C1=CC2C=CC1C2", "strained olefin"),  # two double bonds cross-link
        ("Nc1ccc(-c2ccc(N)c(N)c2)cc1", "tetraamine"),
        ("Nc1cccc(N)c1N", "tetraamine"),  # its pairs share an amine
        ("C[Si](Cl)(Cl)Cl", "dichlorosilane"),
        ("C#Cc1cccc(C#C)c1", "acetylene"),
        ("C=CC=CC=C", "diene"),
        ("NNC(=O)NN", "dihydrazide"),
        ("Nc1ccc(N)cc1O", "diamine"),
        ("Nc1ccc(N)cc1", "hydroxy diamine"),
        ("O=C(O)C(=O)O", "diacid with a core"),
        ("CNCCN", "secondary diamine"),
        ("OB(O)c1ccc(Br)cc1", "diboronic acid"),
    ],
)
def test_what_would_branch_stop_or_poison_is_no_block(smiles: str, group: str) -> None:
    assert read_block(Molecule(smiles), group) is None


@pytest.mark.parametrize(
    ("group", "monomers"),
    [
        ("azole", ("c1cc[nH]c1", "c1ccsc1", "c1cc2sccc2s1", "c1scc2nccnc12")),
        ("thiirane", ("C1CS1",)),
        ("Grignard dibromide", (DIBROMOBENZENE,)),
        ("olefin", ("C=C", "C=CC", "C=Cc1ccccc1", "C=C(C)C")),
        ("aryl dichloride to oxidise", ("Clc1ccc(Cl)cc1", "O=S(=O)(c1ccc(Cl)cc1)c1ccc(Cl)cc1")),
        ("alkyl dibromide to oxidise", ("BrCCCCBr",)),
    ],
)
def test_what_stays_a_block(group: str, monomers: tuple[str, ...]) -> None:
    for smiles in monomers:
        assert read_block(Molecule(smiles), group) is not None, smiles


@pytest.mark.parametrize(
    ("group", "monomers"),
    [("azole", ("c1cc[nH]c1", "c1ccsc1")), ("olefin", ("C=C", "C=CC", "C=Cc1ccccc1")),
     ("aryl dichloride to oxidise", ("Clc1ccc(Cl)cc1",)), ("alkyl dibromide to oxidise", ("BrCCCCBr",)),
     ("Grignard dibromide", (DIBROMOBENZENE,))],
)  # fmt: skip
def test_what_grows_stays_a_block(group: str, monomers: tuple[str, ...]) -> None:
    rules = [rule for rule in POLYMERISATIONS if group in rule.slots]
    made = Reactions([Molecule(text) for text in (*monomers, "C[Si](C)(Cl)Cl", "SCCS")], rules)
    for found in made.provenance(made.draw(np.random.default_rng(0), 300)):
        slots = next(rule.slots for rule in rules if rule.words == found.reaction)
        for smiles, slot in zip(found.monomers, slots, strict=False):
            assert read_block(Molecule(smiles), slot) is not None, (smiles, slot)
