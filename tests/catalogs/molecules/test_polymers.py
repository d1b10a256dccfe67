from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.molecules.polymers import parse, parse_column, read, repeat_unit_key
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import Molecules, UserError

DATA = Path(__file__).parents[3].parent / "shared/data/organic"


def key(text):
    return parse(text)[1]


def units(name, column="smiles"):
    path = DATA / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"shared data are absent: {path}")
    return pq.read_table(path, columns=[column])[column].to_pylist()


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
        ("*=CC*", "end one single bond"),
        ("*=CC#*", "end one single bond"),
        ("*=C=*", "cut the chain at a single bond"),
        ("*=C1C=CC(=*)C=C1", "cut the chain at a single bond"),
        ("*=*", "other than hydrogen and"),
        ("*c1cc*cc1", "end one single bond"),
        ("*[H]C*", "impossible|single bond|hydrogen"),
        ("*CC*.C", "several fragments"),
        ("*C C*", "character 3"),
        ("*C\nC*", "character 3"),
        ("*C₂C*", "not SMILES"),
        ("*C²C*", "character 3"),
        ("*C[2H]*", "isotope"),
        ("[CH3:1]C[*:2]", "atom number"),
        ("*C[CH2:1]*", "atom number"),
        ("[*:1]CC([*:2])C[*:3]", "got 3"),
        ("[R]CC([R1])C[R2]", "got 3"),
        ("[R]CC*[*:1]", "got 3"),
        ("[Ce]CC[Cu]", "got 0"),
        ("[Cu]CC[Cu]", "got 0"),
        ("[Ce]CC[Th]CC[Th]", "got 0"),
        ("C[Cu]C[Au]", "end one single bond"),
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


@pytest.mark.parametrize(
    "text",
    [
        "[*]CC([*])C", "[*:1]CC([*:2])C", "[1*]CC([2*])C", "[1*:1]CC([2*:2])C", "[0*]CC([0*])C", "[R]CC([R])C",
        "[R1]CC([R2])C", "[R]CC(*)C", "[Ce]CC([Th])C", "[Th]CC([Ce])C", "[Cu]CC([Au])C",
        " *CC(*)C", "*CC(*)C\u00a0\n", "\ufeff*CC(*)C\u200b", "\uff0a\uff23\uff23\uff08\uff0a\uff09\uff23",
    ],
)  # fmt: skip
def test_attachment_points_and_blanks_of_every_kind(text):
    assert parse(text) == parse("*CC(*)C")
    assert parse_column([text], guarded=True).molecules.keys == ("*CC(*)C",)


def test_metals_are_atoms_where_no_attachment_point_may_be():
    assert parse("[Cu]CC[Au]", 0)[0] == "[Cu][CH2][CH2][Au]"
    assert parse("[Cu]CC[Au]", (0, 2))[0] == "*CC*"
    assert parse("*CC*", (0, 2)) == parse("[Ce]CC[Th]", (0, 2))
    with pytest.raises(ValueError, match="expected 0 attachment points"):
        parse("[*:1]CC[*:2]", 0)


def test_digits_of_rings_may_be_subscripts():
    assert parse("*CC\u2081CCCC\u2081*") == parse("*CC1CCCC1*")


@pytest.mark.parametrize(
    ("text", "single"),
    [
        ("*=CC=*", "*C=C*"),
        ("[1*]=CC=[2*]", "*C=C*"),
        ("*=CCC=*", "*CC=C*"),
        ("*#CC#*", "*C#C*"),
        ("*=CCCCC=*", "*CC=CCC*"),
        ("*=CC1CCC(C=*)C1", "*C=CC1CCC(*)C1"),  # what ring-opening metathesis gives
        ("*=Cc1ccc(C=*)cc1", "*C=Cc1ccc(*)cc1"),
        ("*=C/C=C/C=*", "*C=C*"),
        ("*=NN=*", "*N=N*"),
    ],
)
def test_a_double_bond_at_the_end_is_written_inside(text, single):
    assert key(text) == key(single)
    assert all(star.GetBonds()[0].GetBondType() == Chem.BondType.SINGLE
               for star in read(text).GetAtoms() if star.GetAtomicNum() == 0)  # fmt: skip


def test_every_unit_of_metathesis_is_read():
    texts = units("polyverse_romp")[:300]
    found = parse_column(texts)
    assert not [reason for reason in found.reasons if "end one single bond" in reason]
    assert parse_column(found.molecules.keys).molecules.keys == found.molecules.keys
    formulas = [Chem.rdMolDescriptors.CalcMolFormula(Chem.MolFromSmiles(text)) for text in texts]
    kept = [Chem.rdMolDescriptors.CalcMolFormula(Chem.MolFromSmiles(key)) for key in found.molecules.keys if key]
    assert kept == [formula for formula, reason in zip(formulas, found.reasons, strict=True) if not reason]


@pytest.mark.parametrize("name", ["labelled-stars/bracket", "labelled-stars/map", "labelled-stars/iso",
                                  "labelled-stars/R", "spaces/lead", "spaces/trail"])  # fmt: skip
def test_cases_of_attachment_points_and_blanks(name):
    path = DATA.parents[1] / f"cases/polymers/{name}.csv"
    plain = path.parents[1] / "multiples/frames.csv"
    if not path.is_file():
        pytest.skip(f"shared cases are absent: {path}")
    table = load_table(f"{path}:tg")
    assert (len(table), table.rejected) == (24, ())
    assert table.keys == tuple(dict.fromkeys(load_table(f"{plain}:tg").keys))[:24]


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
