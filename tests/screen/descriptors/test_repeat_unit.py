from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from kakehashi.catalogs.molecules.polymers import framed, parse, parse_column, read
from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors import repeat_unit
from kakehashi.screen.descriptors.molecular_blocks import FOLD, Block, blocks, estate_types
from kakehashi.screen.descriptors.repeat_unit import (
    SETS,
    compute,
    compute_mols,
    describe,
    frequent,
    names,
)
from kakehashi.screen.descriptors.unit_forms import RING_ATOMS, shaped

DATA = Path(__file__).parents[3].parent / "shared/data/organic/radonpy_pi1070.parquet"
UNITS = [
    "*COC*",
    "*CC(*)c1ccccc1",
    "*c1c[nH]c(*)c1",
    "*Cn1cccc1C*",
    "*[Si](*)(C)C",
    "*n1c(=O)c2cc3c(=O)n(*)c(=O)c3cc2c1=O",
]


def smiles_of(mol):
    return Chem.MolToSmiles(mol)


def canonical(text):
    return Chem.CanonSmiles(text)


@pytest.mark.parametrize("text", UNITS)
def test_caps_equal_the_molecule_written_by_hand(text):
    mol = read(text)
    assert smiles_of(shaped(mol, "hydrogen")[0]) == canonical(text.replace("*", "[H]"))
    assert smiles_of(shaped(mol, "methyl")[0]) == canonical(text.replace("*", "C"))
    assert smiles_of(shaped(mol, "star")[0]) == smiles_of(mol)


def test_caps_of_every_radonpy_unit():
    if not DATA.is_file():
        pytest.skip(f"shared data are absent: {DATA}")
    texts = [text for text in pq.read_table(DATA, columns=["smiles"])["smiles"].to_pylist() if "[2H]" not in text]
    for key in parse_column(texts).molecules.keys[::3]:
        assert smiles_of(shaped(read(key), "hydrogen")[0]) == canonical(key.replace("*", "[H]"))


def test_dimer_is_head_to_tail():
    assert smiles_of(shaped(read("*CC(*)F"), "dimer")[0]) == canonical("CC(F)CCF")
    assert smiles_of(shaped(read("*n1cccc1*"), "dimer")[0]) == canonical("[nH]1cccc1-n1cccc1")
    assert shaped(read("*CC*"), "dimer")[1] == 2


@pytest.mark.parametrize("text", UNITS)
def test_ring_closes_enough_units(text):
    mol = read(text)
    closed, units = shaped(mol, "ring")
    backbone = len(Chem.GetShortestPath(mol, *(a.GetIdx() for a in mol.GetAtoms() if not a.GetAtomicNum()))) - 2
    assert units * backbone >= RING_ATOMS > (units - 1) * backbone
    assert closed.GetNumHeavyAtoms() == units * mol.GetNumHeavyAtoms()
    assert all(atom.GetAtomicNum() for atom in closed.GetAtoms())


@pytest.mark.parametrize("choice", ["ecfp6@ring", "ecfp4@ring/atom", "fcfp6@ring", "torsions@ring/atom", "paths@ring",
                                    "bare_paths@ring/atom", "hybrid_paths@ring", "estate@ring"])  # fmt: skip
def test_ring_sees_an_endless_chain(choice):
    """Neither the frame nor writing a unit twice changes what one atom sees; the other forms change."""
    one, shifted = ("*CC(=O)OCCNC*", "*OCCNCCC(=O)*")
    doubled = "*CC(=O)OCCNCCC(=O)OCCNC*"
    x = compute([one, shifted, doubled], choice)
    np.testing.assert_allclose(x[1], x[0], rtol=1e-6)
    np.testing.assert_allclose(x[2], x[0] * (1 if choice.endswith("/atom") else 2), rtol=1e-6)
    y = compute([one, shifted], choice.replace("ring", "hydrogen"))
    assert not np.allclose(y[0], y[1])


@pytest.mark.parametrize("choice", ["ecfp4", "ecfp6"])
@pytest.mark.parametrize("text", [*UNITS, "*C*", "*CCCO*", "*c1ccc(*)cc1", "*CCCCC(=O)N*", "*CC(C#N)CCCO*"])
def test_a_larger_ring_counts_the_same(text, choice):
    """No environment reaches round the ring, whatever the backbone."""
    block = blocks()[choice]
    assert not block.perceived
    closed, units = shaped(read(text), "ring", 24)
    x = compute([text], f"{choice}@ring/atom")[0]
    np.testing.assert_array_equal(x, (block.values(closed) / closed.GetNumHeavyAtoms()).astype(np.float32))
    smallest, fewer = shaped(read(text), "ring", block.ring_atoms, False)
    assert fewer < units
    hydrogens = [sum(atom.GetTotalNumHs() for atom in mol.GetAtoms()) for mol in (read(text), smallest, closed)]
    assert hydrogens == [hydrogens[0], fewer * hydrogens[0], units * hydrogens[0]]


def test_a_ring_too_small_would_count_otherwise():
    """Closed alone, every atom of the chain is a neighbour of every other."""
    block = blocks()["ecfp4"]
    small, large = (shaped(read("*CCO*"), "ring", atoms)[0] for atoms in (3, 24))
    assert not np.array_equal(block.values(small) * (large.GetNumAtoms() // small.GetNumAtoms()), block.values(large))


def test_counts_are_rdkits_and_molecules_have_no_form():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=3, fpSize=FOLD)
    text = "CC(C)(C)c1ccc(O)cc1"
    expected = generator.GetCountFingerprint(Chem.MolFromSmiles(text))
    for form in ("star", "hydrogen", "methyl", "dimer", "ring"):
        x = compute([text], f"ecfp6@{form}")[0]
        assert {i: int(c) for i, c in enumerate(x) if c} == expected.GetNonzeroElements()
    per_atom = compute([text], "ecfp6@ring/atom")[0]
    np.testing.assert_allclose(per_atom * 11, x, rtol=1e-6)


def test_choices_are_concatenated_in_order():
    texts = ["*COC*", "CCO"]
    both = compute(texts, "maccs@star+ecfp4@ring/atom")
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both[:, :167], compute(texts, "maccs@star"))
    np.testing.assert_array_equal(both[:, 167:], compute(texts, "ecfp4@ring/atom"))
    assert len(names("maccs@star+ecfp4@ring/atom")) == both.shape[1]
    assert names("maccs@star+ecfp4@ring/atom")[166:169] == ("maccs@star:166", "ecfp4@ring/atom:0", "ecfp4@ring/atom:1")
    np.testing.assert_array_equal(compute_mols([read(t, (0, 2)) for t in texts], "maccs@star"), both[:, :167])
    assert compute([], "maccs@star").shape == (0, 167)
    assert len(names()) == compute(["CCO"]).shape[1]


@pytest.mark.parametrize("text", [*UNITS, "*OCC*", "*C(=O)CCCCC(=O)NCCCCCCN*", "*c1ccc(cc1)C(C)(C)c1ccc(cc1)OC(=O)O*"])
def test_a_text_read_once_gives_the_descriptors_of_its_key(text):
    choice = f"{repeat_unit.DEFAULT}+rdkit@hydrogen+maccs@star+atom_pairs@dimer"
    np.testing.assert_allclose(compute_mols([framed(read(text))], choice), compute([parse(text)[1]], choice), rtol=1e-6)


@pytest.mark.parametrize("form", ["hydrogen", "methyl", "dimer"])
@pytest.mark.parametrize("text", [*UNITS, "*C(=O)CCCCC(=O)NCCCCCCN*", "*C(=O)O*", "*C=CC=C*", "*Oc1ccc(*)cc1"])
def test_a_form_is_perceived_as_if_it_had_been_read(text, form):
    choice = "rdkit@star+fcfp6@star+maccs@star"
    shown = shaped(read(text), form)[0]
    again = Chem.MolFromSmiles(smiles_of(shown))
    np.testing.assert_allclose(compute_mols([shown], choice), compute_mols([again], choice), rtol=1e-6)


def test_rdkit_numbers_by_hand():
    columns = {name.split(":")[1]: i for i, name in enumerate(names("rdkit@hydrogen"))}
    x = compute(["*CC(*)c1ccccc1"], "rdkit@hydrogen")[0]  # ethylbenzene
    assert x[columns["NumHeavyAtoms"]] == 8
    assert x[columns["NumAtoms"]] == 18
    assert x[columns["NumAromaticRings"]] == 1
    assert x[columns["FractionCSP3"]] == np.float32(0.25)
    assert x[columns["amw"]] == pytest.approx(106.168, abs=0.01)
    halved = compute(["*CC(*)c1ccccc1"], "rdkit@hydrogen/atom")[0]
    assert halved[columns["NumAtoms"]] == pytest.approx(18 / 8)
    assert halved[columns["FractionCSP3"]] == np.float32(0.25)


@pytest.mark.parametrize(
    "choice", ["ecfp7", "ecfp6@cube", "ecfp6@ring/cell", "", "ecfp6@ring+ecfp6", "rdkit@ring", "maccs@star/atom"]
)
def test_unknown_choices_are_user_errors(choice):
    with pytest.raises(UserError):
        compute(["CC"], choice)


def test_rows_that_cannot_be_described_have_a_reason(monkeypatch):
    block = Block(("a", "b"), lambda mol: np.array([1.0, np.inf if mol.GetNumAtoms() == 2 else 2.0]))
    monkeypatch.setattr(repeat_unit, "blocks", lambda: {"planted": block})
    found = describe(["CCC", "CC", "", "C("], "planted@star")
    assert found.reasons.tolist() == ["", "descriptor planted@star:b is inf", "not SMILES", "not SMILES"]
    np.testing.assert_array_equal(found.x, [[1, 2], [0, 0], [0, 0], [0, 0]])
    with pytest.raises(ValueError, match="'CC': descriptor planted@star:b is inf"):
        compute(["CCC", "CC"], "planted@star")
    with pytest.raises(ValueError, match="molecule 0"):
        compute_mols([Chem.MolFromSmiles("CC")], "planted@star")


def test_small_and_odd_molecules_are_finite():
    texts = ["C", "O", "[Na+].[Cl-]", "[He]", "*C*", "*[Si](*)(C)C", "FC(F)(F)F", "[Fe]", "*S*", "S=C=S"]
    for choice in ("rdkit@hydrogen", "rdkit@dimer/atom", "ecfp6@ring/atom", "atom_pairs@star", "maccs@dimer"):
        assert not any(describe(texts, choice).reasons)


def test_sets_of_fingerprints_by_name():
    for name, width in (("rdkit-5", 5 * FOLD), ("rcdk-all", 5 * FOLD + 167 + 79)):
        assert len(names(name)) == width
        np.testing.assert_array_equal(compute(["*CCO*"], f"{name}+frequent"), compute(["*CCO*"], SETS[name]))
    with pytest.raises(UserError, match="or rdkit-5, rcdk-all"):
        names("rdkit-6")


def test_paths_by_what_tells_atoms_apart():
    """Toluene and picoline differ in an element, cyclohexane and hexane in a ring, hexene and hexane in a bond."""
    pairs = {"paths": ("Cc1ccccc1", "Cc1ccccn1"), "ring_paths": ("CC1CC1", "CC=C"), "hybrid_paths": ("CC=CC", "CCCC")}
    for name, pair in pairs.items():
        x = compute(pair, name)
        assert (x[0] != x[1]).any()
    for name, pair in {"bare_paths": ("CC=CC", "CCOC"), "hybrid_paths": ("CC(C)=O", "CC(=C)O")}.items():
        x = compute(pair, name)
        assert (x[0] == x[1]).all() == (name == "bare_paths")


def test_types_of_atoms():
    """Acetic acid: one CH3, one >C=, one =O, one OH, by the numbers of RDKit's list."""
    types = dict(zip(estate_types(), compute(["CC(=O)O"], "estate")[0].tolist(), strict=True))
    assert {name: count for name, count in types.items() if count} == {"sCH3": 1, "dssC": 1, "dO": 1, "sOH": 1}


def test_rare_columns_are_hidden_by_a_word():
    x = np.zeros((100, 30), np.float32)
    x[:10, :10] = 3.0  # in 10 % of the rows: kept
    x[:9, 10:] = 1.0  # 0 in over 90 %: hidden
    np.testing.assert_array_equal(frequent("ecfp4+frequent", x), np.arange(30) < 10)
    assert frequent("ecfp4", x) is None
    assert names("ecfp4 + frequent") == names("ecfp4")
    np.testing.assert_array_equal(compute(["*CCO*"], "ecfp4+frequent"), compute(["*CCO*"], "ecfp4"))
    with pytest.raises(UserError, match="name no block"):
        names("frequent")
