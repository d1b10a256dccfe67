from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from catalogs import polymers
from catalogs.elements import SYMBOLS
from catalogs.polymers import parse, parse_column, read, repeat_unit_key
from catalogs.records import Molecules, UserError

DATA = Path(__file__).parents[2].parent / "shared/data/organic"


def key(text):
    return parse(text)[1]


def frames(text):
    """Every other way to cut the chain of a repeat unit, found by brute force from its definition.

    A bond of the infinite chain cuts it in two if it lies between the chain ends and removing it separates them.
    """
    mol = read(text)
    ends = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    a, b = ends
    x, y = (mol.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in ends)
    for bond in mol.GetBonds():
        p, q = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if bond.GetBondType() != Chem.BondType.SINGLE or {p, q} & set(ends):
            continue
        apart = Chem.RWMol(mol)
        apart.RemoveBond(p, q)
        pieces = Chem.GetMolFrags(apart)
        if len(pieces) == 1 or any(a in piece and b in piece for piece in pieces):
            continue
        if any(a in piece and q in piece for piece in pieces):
            p, q = q, p  # p on the side of a
        if x == p and y == q:
            continue  # two atoms in the chain: the same unit again
        for i, j in ((a, x), (b, y)):
            apart.RemoveBond(i, j)
        for i, j in ((x, y), (p, a), (q, b)):
            apart.AddBond(i, j, Chem.BondType.SINGLE)
        yield Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(apart)), canonical=False, doRandom=True)


def units(name, column="smiles"):
    path = DATA / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"shared data are absent: {path}")
    return pq.read_table(path, columns=[column])[column].to_pylist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*OCC*", "*COC*"),
        ("*OCC*", "*CCO*"),
        ("*OCC*", "C(*)CO*"),
        ("*CC(*)C", "*C(C)C*"),
        ("*CC(*)c1ccccc1", "*C(c1ccccc1)C*"),
        ("*C(=O)CCCCC(=O)NCCCCCCN*", "*NC(=O)CCCCC(=O)NCCCCCC*"),
        ("*NC(=O)CCCCC(=O)NCCCCCC*", "*CCC(=O)NCCCCCCNC(=O)CC*"),
        ("*Oc1ccc(cc1)C(C)(C)c1ccc(cc1)OC(=O)*", "*c1ccc(cc1)C(C)(C)c1ccc(cc1)OC(=O)O*"),
        ("*C/C=C/C*", "*C/C=C\\C*"),  # stereochemistry is not in the name
        ("*C[C@H](C)O*", "*C[C@@H](C)O*"),
        ("*CC=C*", "*C=CC*"),
        ("*C(*)(F)F", "FC(F)(*)*"),
        ("*[Si](C)(C)O*", "*O[Si](*)(C)C"),
    ],
)
def test_frames_of_one_polymer_have_one_key(one, other):
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*CC*", "*CCCC*"),  # a unit written twice stays distinct
        ("*CC(*)C", "*CCC*"),
        ("*C(*)C", "*CC*"),
        ("*Nc1ccc(cc1)C(=O)*", "*Nc1cccc(c1)C(=O)*"),
        ("*C1CCC(*)CC1", "*CC1CCC1C*"),  # both close to bicyclo[2.2.0]hexane: the marks tell them apart
        ("*C1CC(*)C1", "*CC1CC1*"),
        ("*OC(C)C*", "*OCCC*"),
        ("*C=CC*", "*CC#C*"),
        ("*CC(=O)O*", "*CCOO*"),
    ],
)
def test_different_polymers_have_different_keys(one, other):
    assert key(one) != key(other)


def test_the_marks_are_needed_to_tell_closed_rings_apart():
    def closed(text):
        mol = Chem.RWMol(Chem.MolFromSmiles(text))
        ends = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
        x, y = (mol.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in ends)
        mol.AddBond(x, y, Chem.BondType.SINGLE)
        for end in sorted(ends, reverse=True):
            mol.RemoveAtom(end)
        Chem.SanitizeMol(mol)
        return Chem.MolToSmiles(mol)

    assert closed("*C1CCC(*)CC1") == closed("*CC1CCC1C*")


def test_key_of_every_frame_of_every_radonpy_unit():
    texts = [text for text in units("radonpy_pi1070") if "[2H]" not in text]
    parsed = parse_column(texts)
    assert not any(parsed.reasons)
    assert parse_column(parsed.molecules.keys).molecules.keys == parsed.molecules.keys
    tried = 0
    for text, expected in zip(texts, parsed.molecules.keys, strict=True):
        for frame in frames(text):
            tried += 1
            assert key(frame) == expected, (text, frame)
    assert tried > 3000


def test_key_in_any_order_of_writing():
    rng = np.random.default_rng(0)
    texts = units("polyinfo_smiles_pid")
    chosen = [texts[i] for i in rng.choice(len(texts), 400, replace=False)]
    for text, name in zip(chosen, parse_column(chosen).molecules.keys, strict=True):
        if name:
            mol = Chem.MolFromSmiles(text)
            for seed in range(3):
                written = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed + 1)[0]
                assert key(written) == name, (text, written)


def test_a_key_is_a_frame_of_its_polymer():
    rng = np.random.default_rng(1)
    texts = units("polyinfo_smiles_pid")
    chosen = [texts[i] for i in rng.choice(len(texts), 250, replace=False)]
    moved = 0
    for text, name in zip(chosen, parse_column(chosen).molecules.keys, strict=True):
        if name:
            given = Chem.MolToSmiles(read(text))
            moved += given != name
            assert given == name or given in {Chem.MolToSmiles(read(frame)) for frame in frames(name)}
    assert moved > 50


def test_smiles_and_key_are_the_chosen_frame():
    assert parse("*CCO*") == ("*COC*", "*COC*")
    assert parse("OCC", attachments=0) == ("CCO", "CCO")
    assert parse("C[C@H](N)C(=O)O", 0)[0] == "CC(N)C(=O)O"
    assert repeat_unit_key(read("*OCC*")) == "*COC*"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("*C", "expected 2 attachment points"),
        ("*C(*)(*)C", "got 3"),
        ("CC", "got 0"),
        ("**", "other than hydrogen and"),
        ("*C*C", "end one single bond"),
        ("*=CC=*", "end one single bond"),
        ("*c1cc*cc1", "end one single bond"),
        ("*[H]C*", "impossible|single bond|hydrogen"),
        ("*CC*.C", "several fragments"),
        ("*C C*", "character 3"),
        ("*C\nC*", "character 3"),
        ("*C₂C*", "character 3"),
        ("*C[2H]*", "isotope"),
        ("[*:1]C[*:2]", "atom number"),
        ("[1*]CC[2*]", "isotope"),
        ("*C[999999999C+99999]*", "isotope"),
        ("*C[C+99999]*", "bracket atom"),
        ("*C[Xx]C*", "not SMILES"),
        ("*C(C*", "not SMILES"),
        ("*C1CC*", "not SMILES"),
        ("*C(C)(C)(C)(C)C*", "impossible molecule"),
        ("*Cc1cccc1*", "impossible molecule"),
        ("*CC(*)C[N+](C)(C)C", "net charge \\+1"),
        ("*C[Si]C*", "unpaired electrons on Si"),
        ("*CC~C*", "character 4"),
        ("*C>>C*", "character 3"),
        ("*" + "C" * 999 + "*", "characters, at most"),
        ("*" + "C" * 300 + "*", "atoms, at most"),
        ("*C" + "(" * 400 + "C" + ")" * 400 + "*", "not SMILES"),
    ],
)
def test_refused_with_a_reason(text, reason):
    with pytest.raises(ValueError, match=reason) as raised:
        parse(text)
    assert "\n" not in str(raised.value)
    found = parse_column([text, "*CC*"])
    assert found.reasons[0] == str(raised.value)
    assert found.molecules.keys == ("", "*CC*")


@pytest.mark.parametrize("text", ["*CC(*)c1ccc([N+](=O)[O-])cc1", "*CC(*)C[N+](C)(C)CC(=O)[O-]", "*C[Si](*)(C)C"])
def test_charges_that_cancel_and_brackets_are_read(text):
    parse(text)


def test_nothing_is_written_to_standard_error(capfd):
    parse_column(["*C(C)(C)(C)(C)C*", "*C1CC*", "*CC*"])
    with pytest.raises(ValueError, match="impossible"):
        parse("*C(C)(C)(C)(C)C*")
    assert capfd.readouterr().err == ""


def test_columns_of_any_kind():
    texts = ["*CC*", None, "*OCC*", "", "*CC*"]
    expected = ("*CC*", "", "*COC*", "", "*CC*")
    for column in (
        texts,
        pa.array(texts),
        pa.array(texts, pa.large_string()),
        pa.chunked_array([texts[:2], texts[2:]]),
        pa.array(texts).dictionary_encode(),
    ):
        found = parse_column(column)
        assert found.molecules == Molecules(expected, expected)
        assert list(found.reasons) == ["", polymers.NULL, "", "empty SMILES", ""]
    assert parse_column([5, b"*CC*"]).reasons.tolist() == ["expected text, got int", "expected text, got bytes"]
    assert parse_column([]).molecules == Molecules((), ())
    with pytest.raises(UserError, match="int64"):
        parse_column(pa.array([1, 2]))


def test_several_numbers_of_attachment_points():
    found = parse_column(["*CC*", "CCO", "*C"], attachments=(0, 2))
    assert found.molecules.keys == ("*CC*", "CCO", "")
    assert found.reasons[2] == "expected 0 or 2 attachment points (*), got 1"


def test_atoms_without_attachment_points():
    found = polymers.atoms(Molecules(("*CC(*)c1ccccc1", "", "*c1cc[nH]c1*", "CCO"), ("", "", "", "")))
    counts = [
        {SYMBOLS[e]: a for e, a in zip(elements, amounts, strict=True) if e >= 0}
        for elements, amounts in zip(*found, strict=True)
    ]
    assert counts == [{"C": 8, "H": 8}, {}, {"C": 4, "H": 3, "N": 1}, {"C": 2, "H": 6, "O": 1}]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="*CNOcnos()[]=#123%+-HSi.@/\\ \n₂x", max_size=30))
def test_no_text_raises_in_a_column(text):
    found = parse_column([text], (0, 2))
    assert bool(found.reasons[0]) != bool(found.molecules.keys[0])
    if found.molecules.keys[0]:
        assert parse(found.molecules.keys[0], (0, 2))[1] == found.molecules.keys[0]


PERCEIVED = ("*CC(*)c1ccccc1", "*n1c(=O)c2cc3c(=O)n(*)c(=O)c3cc2c1=O", "*NC(=O)c1c[nH]c(*)c1", "*CC(*)[N+](=O)[O-]",
             "C[N+](C)(C)CC(=O)[O-]", "[H]OCC", "*C([H])(F)C*", "F/C=C/CC", "C[C@H](N)C(=O)O", "CC1CCCC1")  # fmt: skip


@pytest.mark.parametrize("text", PERCEIVED)
def test_a_text_is_perceived_as_rdkit_does_by_itself(text):
    """Also where steps are left out that look for what a text does not hold."""
    expected = Chem.MolFromSmiles(text)
    Chem.RemoveStereochemistry(expected)
    found = read(text, (0, 2))
    assert Chem.MolToSmiles(found) == Chem.MolToSmiles(expected)
    for mine, theirs in zip(found.GetAtoms(), expected.GetAtoms(), strict=True):
        assert (mine.GetHybridization(), mine.GetTotalNumHs(), mine.IsInRing(), mine.GetIsAromatic()) == (
            theirs.GetHybridization(), theirs.GetTotalNumHs(), theirs.IsInRing(), theirs.GetIsAromatic(),
        )  # fmt: skip
    conjugated = [[bond.GetIsConjugated() for bond in mol.GetBonds()] for mol in (found, expected)]
    assert conjugated[0] == conjugated[1]
    assert found.GetRingInfo().AtomRings() == expected.GetRingInfo().AtomRings()
