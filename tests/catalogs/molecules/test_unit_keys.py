import re
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules.polymers import parse, parse_column, read
from kakehashi.catalogs.properties.tables import load_table

DATA = Path(__file__).parents[3].parent / "shared/data/organic"


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
        ("*CC(C)C(C)C*", "*CC(*)C"),  # head to head is no multiple of head to tail
        ("*CC(C)CC(C)C(C)C*", "*CC(*)C"),
        ("*NCCCCCCNC(=O)CCCCC(=O)*", "*NCCCCCC(*)=O"),  # nylon 6,6 and nylon 6
        ("*c1ccc(-c2cccc(*)c2)cc1", "*c1ccc(*)cc1"),
        ("*c1cc(-c2csc(*)c2)cs1", "*c1cc(*)cs1"),  # every other ring turned round
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
        if name and name.count("C") <= text.count("C"):  # not a single carbon, written as two
            given = Chem.MolToSmiles(read(text))
            moved += given != name
            assert given == name or given in {Chem.MolToSmiles(read(frame)) for frame in frames(name)}
    assert moved > 50


def written(text, times):
    """A unit written several times, head to tail."""
    mol = read(text)
    a, b = (atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0)
    x, y = (mol.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in (a, b))
    size, chain = mol.GetNumAtoms(), Chem.RWMol(mol)
    for _ in range(times - 1):
        chain.InsertMol(mol)
    for here in range(0, (times - 1) * size, size):
        chain.AddBond(y + here, x + here + size, Chem.BondType.SINGLE)
    gone = [b + size * k for k in range(times - 1)] + [a + size * k for k in range(1, times)]
    for atom in sorted(gone, reverse=True):
        chain.RemoveAtom(atom)
    return Chem.MolToSmiles(chain)


REAL = [
    "*CC*",  # polyethylene
    "*C(F)(F)C(*)(F)F",
    "*CC(*)C",
    "*CC(*)c1ccccc1",
    "*CC(*)(C)C(=O)OC",
    "*CC=CC*",
    "*COC*",  # poly(ethylene oxide)
    "*CO*",
    "*[Si](*)(C)C",
    "*[Si](*)(C)O[Si](C)(C)C",
    "*S*",
    "*OC(C)C(*)=O",
    "*NCCCCCC(*)=O",
    "*NCCCCCCNC(=O)CCCCC(=O)*",  # nylon 6,6
    "*OCCOC(=O)c1ccc(C(*)=O)cc1",  # poly(ethylene terephthalate)
    "*Oc1ccc(cc1)C(C)(C)c1ccc(cc1)OC(=O)*",
    "*c1ccc(*)s1",  # polythiophene
    "*c1ccc(*)cc1",
    "*c1ccc(*)nc1",
    "*C=C*",
    "*C#Cc1ccc(*)cc1",
    "*C1CCC(*)CC1",
    "*CC1CCC1C*",
    "*C1(*)CCC1",
    "*N1CC2(C1)CN(*)C2",
    "*n1c(=O)c2cc3c(=O)n(*)c(=O)c3cc2c1=O",
    "*CC(*)C[N+](C)(C)CC(=O)[O-]",
    "*NC(=O)*",
    "*CC(CC(*)C#N)c1ccccc1",  # an alternating copolymer
]


@pytest.mark.parametrize("text", REAL)
def test_a_unit_written_several_times_is_the_same_polymer(text):
    """In every frame of what is written, and the key is its own key."""
    name = key(text)
    assert key(name) == name
    for times in (2, 3, 4):
        long = written(text, times)
        assert key(long) == name
        assert {key(frame) for frame in frames(long)} <= {name}


@pytest.mark.parametrize("text", REAL)
def test_a_smallest_unit_is_not_made_smaller(text):
    size = Chem.MolFromSmiles(text).GetNumAtoms()
    assert Chem.MolFromSmiles(key(text)).GetNumAtoms() == (size if text != "*C1(*)CCC1" else 2 * size - 2)


@pytest.mark.parametrize(
    ("one", "two"),
    [("*C*", "*CC*"), ("*CCC*", "*CC*"), ("*CCCCC*", "*CC*"), ("*C(*)(F)F", "*C(F)(F)C(*)(F)F"),
     ("*C(F)(F)C(F)(F)C(*)(F)F", "*C(F)(F)C(*)(F)F"), ("*C(*)C", "*C(C)C(*)C")],
)  # fmt: skip
def test_a_single_carbon_is_written_as_two(one, two):
    """As the names of its polymers do: polyethylene, poly(tetrafluoroethylene)."""
    assert parse(one) == (two, two)
    assert parse(two) == (two, two)


def test_other_single_atoms_stay_single():
    assert parse("*[Si](C)(C)[Si](*)(C)C")[0] == "*[Si](*)(C)C"
    assert parse("*SS*")[0] == "*S*"


def test_stereochemistry_does_not_hide_a_multiple():
    assert key("*C/C=C/CC/C=C\\C*") == key("*CC=CC*")
    assert key("*C[C@H](C)C[C@@H](C)*") == key("*CC(*)C")


@pytest.mark.parametrize(
    "text",
    [
        "*N[C@H](CCCC(*)=O)C(=O)N1CCCC(O)C1C(=O)OC",
        "*O[C@H](C(O)C(=O)c1ccccc1)[C@@H](OC)[C@@H](OC(C)=O)C(*)OC(C)=O",
        "*[CH2][CH]([CH3])O*",
        "*[CH2][Sn](C)(C)CC*",
    ],
)
def test_brackets_decide_nothing(text):
    bare = re.sub(r"\[([CN])@*H?[23]?\]", r"\1", text)
    assert key(text) == key(bare)
    assert key(key(text)) == key(text)


# Segments of a chain; the last two are one ring, turned round.
LETTERS = {"C": "C", "O": "O", "P": "c1ccc(nc1)", "Q": "c1ccc(cn1)"}


def same_chain(word):
    """The least way to write a chain of letters, found by brute force."""
    root = next(word[:n] for n in range(1, len(word) + 1) if word == word[:n] * (len(word) // n))
    ways = [root, root[::-1].translate(str.maketrans("PQ", "QP"))]
    return min(way[i:] + way[:i] for way in ways for i in range(len(way)))


def test_keys_are_equal_where_chains_are():
    """All chains of up to four segments, and all written twice or in another frame among them."""
    names, chains = {}, {}
    for length in range(1, 5):
        for letters in product(LETTERS, repeat=length):
            word = "".join(letters)
            name = key("*" + "".join(LETTERS[letter] for letter in word) + "*")
            assert names.setdefault(same_chain(word), name) == name, word
            assert chains.setdefault(name, same_chain(word)) == same_chain(word), word
    assert len(names) > 50


def test_key_of_real_units_written_twice():
    texts = units("radonpy_pi1070")[::12]
    tried = 0
    for text in texts:
        name = key(text)
        if name.count("*") == 2 and len(text) < 60:
            tried += 1
            assert key(written(text, 2)) == name
    assert tried > 50


@pytest.mark.parametrize("name", ["double", "frames"])
def test_cases_of_multiples(name):
    path = DATA.parents[1] / f"cases/polymers/multiples/{name}.csv"
    if not path.is_file():
        pytest.skip(f"shared cases are absent: {path}")
    table = load_table(f"{path}:tg")
    assert (len(table), table.rejected) == (24, ())
    assert any("had several values" in note for note in table.notes)
