"""Backbone numbers: closed forms on small units, and the same numbers for every way to write a unit."""

from math import log
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules.polymers import backbone_cuts, parse_column, read
from kakehashi.catalogs.molecules.unit_keys import recut
from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors import repeat_unit
from kakehashi.screen.descriptors.backbone import NAMES, RUN, backbone_numbers

DATA = Path(__file__).parents[3].parent / "shared/data/organic/radonpy_pi1070.parquet"
C, H, N, O, F = (Chem.GetPeriodicTable().GetAtomicWeight(symbol) for symbol in ("C", "H", "N", "O", "F"))

# By unit, numbers worked out by hand; those not named are 0.
CLOSED = {
    "*CC*": {
        "saturated_carbon": 1, "methylene": 1, "rotatable": 1, "methylene_run": 1, "mirrored": 1,
        "mass": log(C + 2 * H), "backbone_mass": log(C + 2 * H), "mean_mass": log((C + 2 * H) / 3), "hydrogen": 2 / 3,
    },
    "*C=C*": {
        "unsaturated": 1, "rotatable": 1 / 2, "double": 1 / 2, "conjugated": 1, "mirrored": 1, "mass": log(C + H),
        "backbone_mass": log(C + H), "mean_mass": log((C + H) / 2), "hydrogen": 1 / 2,
    },
    "*C#C*": {
        "unsaturated": 1, "triple": 1 / 2, "conjugated": 1, "mirrored": 1, "mass": log(C), "backbone_mass": log(C),
        "mean_mass": log(C),
    },
    # Four levels: corner, two sides twice, corner. Three bonds of the ring, one between rings.
    "*c1ccc(*)cc1": {
        "ring": 1, "aromatic": 1, "unsaturated": 1, "rotatable": 1 / 4, "conjugated": 1, "mirrored": 1, "para": 1 / 4,
        "mass": log((6 * C + 4 * H) / 4), "backbone_mass": log((6 * C + 4 * H) / 4),
        "mean_mass": log((6 * C + 4 * H) / 10), "hydrogen": 4 / 10,
    },
    # Six levels in three rings' width: the path meta through benzene has three atoms; NH and C=O on either side.
    "*Nc1cccc(NC(=O)C(=O)*)c1": {
        "ring": 3 / 7, "aromatic": 3 / 7, "unsaturated": 5 / 7, "nitrogen": 2 / 7, "rotatable": 3 / 7,
        "conjugated": 3 / 7, "mirrored": 1, "arms": 2 / 7, "meta": 1 / 7, "amide": 2 / 12, "carbonyl": 2 / 12,
        "nh": 2 / 12, "side_atoms": 2 / 12, "largest_arm": log(2), "hydrogen": 6 / 18,
        "mass": log((8 * C + 6 * H + 2 * N + 2 * O) / 7), "backbone_mass": log((8 * C + 6 * H + 2 * N) / 7),
        "side_mass": 2 * O / (8 * C + 6 * H + 2 * N + 2 * O), "mean_mass": log((8 * C + 6 * H + 2 * N + 2 * O) / 18),
    },
    "*CC(C)(CCC)*": {
        "saturated_carbon": 1, "methylene": 1 / 2, "quaternary": 1 / 2, "rotatable": 1, "methylene_run": 1 / RUN,
        "mirrored": 1, "arms": 1, "side_atoms": 4 / 6, "largest_arm": log(4), "side_methylene": log(2),
        "side_mass": (4 * C + 10 * H) / (6 * C + 12 * H), "mass": log(3 * C + 6 * H), "backbone_mass": log(C + H),
        "mean_mass": log((6 * C + 12 * H) / 18), "hydrogen": 12 / 18,
    },
    "*C(F)(F)C(F)(F)*": {
        "saturated_carbon": 1, "quaternary": 1, "rotatable": 1, "mirrored": 1, "arms": 2, "side_atoms": 2 / 3,
        "side_mass": 2 * F / (C + 2 * F), "largest_arm": log(2), "halogen_mass": 2 * F / (C + 2 * F),
        "mass": log(C + 2 * F), "backbone_mass": log(C), "mean_mass": log((C + 2 * F) / 3),
    },
    # The ester's C=O and O lie on either side of the end of the unit.
    "*C(=O)CCO*": {
        "unsaturated": 1 / 4, "saturated_carbon": 1 / 2, "methylene": 1 / 2, "chalcogen": 1 / 4, "rotatable": 1,
        "methylene_run": 2 / RUN, "arms": 1 / 4, "carbonyl": 1 / 5, "ester": 1 / 5, "side_atoms": 1 / 5,
        "side_mass": O / (3 * C + 4 * H + 2 * O), "largest_arm": log(2), "mass": log((3 * C + 4 * H + 2 * O) / 4),
        "backbone_mass": log((3 * C + 4 * H + O) / 4), "mean_mass": log((3 * C + 4 * H + 2 * O) / 9),
        "hydrogen": 4 / 9,
    },
}  # fmt: skip
# Naphthalene passed lengthwise, thiophene, an imide, a ring of two six-membered ones that share one atom.
UNITS = (
    *CLOSED, "*c1ccc2cc(*)ccc2c1", "*c1ccc(*)s1", "*N1C(=O)c2ccc(Oc3ccc4c(c3)C(=O)N(*)C4=O)cc2C1=O",
    "*OCCNC(=O)CC(c1ccccc1)S*", "*C1CCC2(CC1)CCC(*)CC2", "*CC(=O)OCCC(C)CC#CC=C*", "*[Si](C)(C)OCC*",
    "*c1ccc(C2(c3ccc(*)cc3)c3ccccc3-c3ccccc32)cc1", "*C(C)O*",
)  # fmt: skip


def frames(text):
    """All ways to write a unit: every cut, both directions, and twice."""
    mol = read(text)
    stars = [atom.GetIdx() for atom in mol.GetAtoms() if not atom.GetAtomicNum()]
    ends = [(star, mol.GetAtomWithIdx(star).GetNeighbors()[0].GetIdx()) for star in stars]
    written = [mol, Chem.RenumberAtoms(mol, list(range(mol.GetNumAtoms()))[::-1])]
    for cut in backbone_cuts(mol, ends[0][1], ends[1][1]):
        written.append(recut(mol, *ends, cut))
    chain = Chem.RWMol(mol)
    chain.InsertMol(mol)
    size = mol.GetNumAtoms()
    chain.AddBond(ends[1][1], ends[0][1] + size, Chem.BondType.SINGLE)
    chain.BeginBatchEdit()
    chain.RemoveAtom(ends[1][0])
    chain.RemoveAtom(ends[0][0] + size)
    chain.CommitBatchEdit()
    return [*(read(Chem.MolToSmiles(each)) for each in written), read(Chem.MolToSmiles(chain))]


@pytest.mark.parametrize("text", CLOSED)
def test_closed_forms(text):
    found = dict(zip(NAMES, backbone_numbers(read(text)), strict=True))
    assert found == pytest.approx({**dict.fromkeys(NAMES, 0.0), **CLOSED[text]}, abs=1e-12)


def test_passages_of_rings():
    def of(text):
        numbers = dict(zip(NAMES, backbone_numbers(read(text)), strict=True))
        return {name: value for name, value in numbers.items() if name in ("para", "meta", "ortho", "five_rings")
                and value}  # fmt: skip

    assert of("*c1cccc(*)c1") == {"meta": 1 / 3}
    assert of("*c1ccccc1*") == {"ortho": 1 / 2}
    assert of("*c1ccc(*)s1") == {"five_rings": 1 / 3}  # by way of S
    assert of("*CC(*)c1ccccc1") == {}


def test_groups_across_the_ends():
    def of(text, name):
        return backbone_numbers(read(text))[NAMES.index(name)]

    assert of("*NCCCCCC(=O)*", "amide") == of("*CCC(=O)NCCC*", "amide") == 1 / 8
    assert of("*N1C(=O)CC(CC*)C1=O", "imide") == 1 / 9
    assert of("*OC(=O)OCC*", "ester") == 2 / 6
    assert of("*CC(O)*", "oh") == 1 / 3


@pytest.mark.parametrize("text", UNITS)
def test_equal_for_every_way_to_write_a_unit(text):
    written = frames(text)
    assert len(written) >= 3
    for mol in written:
        np.testing.assert_allclose(backbone_numbers(mol), backbone_numbers(read(text)), rtol=1e-12, atol=1e-12,
                                   err_msg=Chem.MolToSmiles(mol))  # fmt: skip


def test_equal_for_every_way_to_write_radonpy_units():
    if not DATA.is_file():
        pytest.skip(f"shared data are absent: {DATA}")
    for key in [key for key in parse_column(pq.read_table(DATA, columns=["smiles"])["smiles"]).molecules.keys if key][
        ::25
    ]:
        written = np.array([backbone_numbers(mol) for mol in frames(key)])
        assert np.isfinite(written).all()
        np.testing.assert_allclose(written, np.broadcast_to(written[0], written.shape), rtol=1e-12, err_msg=key)


def test_molecules_have_no_backbone():
    assert not backbone_numbers(Chem.MolFromSmiles("CCO")).any()
    assert not backbone_numbers(Chem.MolFromSmiles("*CC")).any()


def test_block_is_of_the_unit_as_it_stands():
    x = repeat_unit.compute(["*CC*", "CCO"], "backbone")
    np.testing.assert_allclose(x[0], backbone_numbers(read("*CC*")).astype(np.float32))
    assert not x[1].any()
    assert repeat_unit.names("backbone")[0] == "backbone@star:ring"
    for wrong in ("backbone@ring", "backbone/atom"):
        with pytest.raises(UserError, match="needs the unit's two ends"):
            repeat_unit.parts(wrong)


def test_connectivity_is_that_of_an_endless_chain():
    x = repeat_unit.compute(["*OCC(C)C(=O)*", "*C(C)C(=O)OC*", "*OCC(C)C(=O)OCC(C)C(=O)*"], "connectivity@ring/atom")
    np.testing.assert_allclose(x, np.broadcast_to(x[0], x.shape), rtol=1e-6)
    longer = repeat_unit.compute(["*OCC(C)(C)C(=O)*"], "connectivity@ring/atom")
    assert (np.abs(longer - x[0]) > 1e-4).all()
