"""Back-translation: known polymers, round trips, and units that no known polymerisation gives."""

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.molecules.polymers import attempt
from kakehashi.design.chemistry.blocks import Assembler, Molecule, blocks
from kakehashi.design.chemistry.monomer_rules import banned
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.chemistry.routes import best_first
from kakehashi.design.proposals.reactions.reactions import Reactions

KNOWN = [
    ("*NCCCCCCNC(=O)CCCCC(=O)*", "polyamide", ("NCCCCCCN", "O=C(O)CCCCC(=O)O")),
    ("*C(=O)c1ccc(C(=O)Nc2ccc(N*)cc2)cc1", "polyamide", ("Nc1ccc(N)cc1", "O=C(O)c1ccc(C(=O)O)cc1")),
    ("*c1cccc(NC(=O)c2cccc(C(=O)N*)c2)c1", "polyamide", ("Nc1cccc(N)c1", "O=C(O)c1cccc(C(=O)O)c1")),
    ("*CCC(=O)NCCC*", "polyamide", ("O=C1CCCCCN1",)),
    (
        "*c1ccc(cc1)Oc1ccc(cc1)N1C(=O)c2cc3c(cc2C1=O)C(=O)N(*)C3=O",
        "polyimide",
        ("Nc1ccc(Oc2ccc(N)cc2)cc1", "O=c1oc(=O)c2cc3c(=O)oc(=O)c3cc12"),
    ),
    ("*OCCOC(=O)c1ccc(C(=O)*)cc1", "polyester", ("OCCO", "O=C(O)c1ccc(C(=O)O)cc1")),
    ("*OC(C)C(=O)*", "polyester", ("CC(O)C(=O)O",)),
    ("*CCOC(=O)CCC*", "polyester", ("O=C1CCCCCO1",)),
    ("*OCCCCOC(=O)NCCCCCCNC(=O)*", "polyurethane", ("OCCCCO", "O=C=NCCCCCCN=C=O")),
    ("*NCCNC(=O)NCCCCCCNC(=O)*", "polyurea", ("NCCN", "O=C=NCCCCCCN=C=O")),
    ("*Oc1ccc(C(C)(C)c2ccc(OC(=O)*)cc2)cc1", "polycarbonate", ("CC(C)(c1ccc(O)cc1)c1ccc(O)cc1", "O=C(Cl)Cl")),
    (
        "*Oc1ccc(C(C)(C)c2ccc(Oc3ccc(S(=O)(=O)c4ccc(*)cc4)cc3)cc2)cc1",
        "poly(aryl ether)",
        ("CC(C)(c1ccc(O)cc1)c1ccc(O)cc1", "O=S(=O)(c1ccc(Cl)cc1)c1ccc(Cl)cc1"),
    ),
    ("*COC(C)*", "polyether", ("CC1CO1",)),
    ("*C(c1ccccc1)C*", "styrenic polymer", ("C=Cc1ccccc1",)),
    ("*CC(*)(C)C(=O)OC", "acrylic polymer", ("C=C(C)C(=O)OC",)),
    ("*CC*", "vinyl polymer", ("C=C",)),
]


@pytest.mark.parametrize(("unit", "polymer_class", "monomers"), KNOWN)
def test_known_polymers(unit: str, polymer_class: str, monomers: tuple[str, ...]) -> None:
    found = classify(unit)
    assert (polymer_class, monomers) in {(p.polymer_class, p.monomers) for p in found}
    assert best_first(found, lambda smiles: True)[0].polymer_class == polymer_class


@pytest.mark.parametrize("unit", ["*C(=O)*", "*S*", "*C(O)(C*)CO", "*N(C)C(=O)c1ccc(C(=O)*)cc1"])
def test_no_route_is_invented(unit: str) -> None:
    assert [p for p in classify(unit) if p.polymer_class != "vinyl polymer"] == []


def test_a_monomer_with_a_third_amine_is_no_route() -> None:
    assert classify("*NCC(N)CNC(=O)CCCCC(=O)*") == []


def test_every_frame_has_the_same_routes() -> None:
    frames = [
        "*OCCOC(=O)CCC(=O)*",
        "*CCOC(=O)CCC(=O)O*",
        "*COC(=O)CCC(=O)OC*",
        "*CC(=O)OCCOC(=O)C*",
        "*C(=O)OCCOC(=O)CC*",
    ]
    assert len({attempt(frame, 2)[1] for frame in frames}) == 1
    routes = [set(classify(frame)) for frame in frames]
    assert len(routes[0]) >= 1
    assert all(route == routes[0] for route in routes)


@pytest.mark.parametrize(
    ("unit", "long"),
    [
        ("*CC*", "*CCCCCC*"),
        ("*CC(*)C", "*CC(C)CC(*)C"),
        ("*COC*", "*OCCOCC*"),
        ("*CC*", "*C*"),
        # a bisphenol and a difluoride with one ketone each: the chain repeats after one of them
        ("*Oc1ccc(C(=O)c2ccc(*)cc2)cc1", "*Oc1ccc(C(=O)c2ccc(Oc3ccc(C(=O)c4ccc(*)cc4)cc3)cc2)cc1"),
    ],
)
def test_a_unit_written_several_times_has_a_route(unit: str, long: str) -> None:
    assert classify(unit)
    assert classify(unit) == classify(long)


def test_the_smallest_unit_names_the_simplest_monomer() -> None:
    assert [made.monomers for made in classify("*OC(C)C(*)=O")] == [("CC(O)C(=O)O",)]


def test_no_repeat_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="attachment points"):
        classify("*CC")


def test_drawn_states_are_recognised() -> None:
    pool = (
        "Nc1ccc(N)cc1",
        "CC(CN)CCCN",
        "OCCO",
        "Oc1cccc(O)c1",
        "O=C(O)c1ccc(C(=O)O)cc1",
        "O=C(O)C(=O)O",
        "O=C=NCCCCCCN=C=O",
        "O=C1OC(=O)c2cc3c(cc21)C(=O)OC3=O",
        "O=C(c1ccc(F)cc1)c1ccc(F)cc1",
        "O=C1CCCCCN1",
        "C=Cc1ccccc1",
        "CC1CO1",
    )
    made = Reactions([Molecule(smiles) for smiles in pool])
    states = made.draw(np.random.default_rng(0), 60)
    for unit, origin in zip(made.smiles(states), made.provenance(states), strict=True):
        assert bool(unit) != banned(origin)
        assert not unit or any(
            p.monomers == origin.monomers and p.reaction == origin.reaction for p in classify(unit)
        ), (
            unit,
            origin,
        )


def test_smipoly_lists_what_its_monomers_give() -> None:
    """SMiPoly's rules, written by others, make the same imides of its monomers, and most of the amides."""
    folder = Path(__file__).parents[3].parent / "shared/data/organic"
    if not (folder / "smipoly_virtual_polymers.parquet").is_file():
        pytest.skip("no shared data beside the repository")
    found = blocks([Molecule(s) for s in pq.read_table(folder / "smipoly_monomers.parquet")["smiles"].to_pylist()])
    table = pq.read_table(folder / "smipoly_virtual_polymers.parquet").to_pandas()
    rng = np.random.default_rng(0)
    for polymer_class, slots, share in (
        ("polyimide", ("diamine", "dianhydride"), 1.0),
        ("polyamide", ("diamine", "diacid"), 0.8),
    ):
        rule = next(p for p in POLYMERISATIONS if p.polymer_class == polymer_class and p.slots == slots)
        members = [[i for i, block in enumerate(found) if block.group == slot] for slot in slots]
        assembler = Assembler(found)
        units = [
            assembler.unit(rule, [int(rng.choice(m)) for m in members], bool(rng.integers(2)), [((), ())] * 2, [()] * 2)
            for _ in range(150)
        ]
        listed = table[(table.polymer_class == polymer_class) & (table.n_attach == 2)].smiles
        # Keys of the whole list take minutes: those with the composition of one of ours are enough.
        wanted = {formula(unit) for unit in units}
        keys = {attempt(text, 2)[1] for text in listed if formula(text) in wanted}
        assert np.mean([attempt(unit, 2)[1] in keys for unit in units]) >= share


def formula(unit: str) -> str:
    return "".join(sorted(re.sub(r"[^A-Za-z]", "", unit.replace("Cl", "X").replace("Br", "Y")).upper()))
