import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kakehashi.catalogs.elements import INDEX, ORDER, SYMBOLS
from kakehashi.catalogs.formulas.columns import read_simple
from kakehashi.catalogs.formulas.slots import SLOTS, formula_text, parse, parse_column, reduce, reduced_keys
from kakehashi.catalogs.records import Compositions, UserError

SNAPSHOT = Path(__file__).parents[3].parent / "shared/data/inorganic/mp_snapshot.parquet"


def slots(parsed, row):
    elements, amounts = parsed.compositions
    return {SYMBOLS[e]: a for e, a in zip(elements[row], amounts[row], strict=True) if e >= 0}


def fast(text):
    """What the column reader alone makes of one text, None where it leaves it to the grammar."""
    data = np.frombuffer(text.encode(), np.uint8)
    compositions, read = read_simple(data, np.array([0, len(data)], np.int64))
    if not read[0]:
        assert (compositions.elements == -1).all()
        assert (compositions.amounts == 0).all()
        return None
    pairs = zip(compositions.elements[0], compositions.amounts[0], strict=True)
    return [(SYMBOLS[e], a) for e, a in pairs if e >= 0]


def assert_paths_agree(text):
    try:
        expected = list(parse(text).items())
    except ValueError:
        expected = None
    read = fast(text)
    assert read is None or read == expected, text


REFUSED = [
    ("", "empty formula"),
    (" \u00a0", "empty formula"),
    ("Fe  O", "double space"),
    ("( Fe)2", "space after"),
    ("(Fe )2", "space before"),
    ("Fe 2", "does not follow"),
    ("Fe3+", "charges"),
    ("Fe2+", "charges"),
    ("Fe-1", "charges"),
    ("D2O", "isotope D"),
    ("T2", "isotope T"),
    ("[13C]O2", "does not follow"),
    ("2H2O", "begins with a number"),
    ("2-Feb", "begins with a number"),
    ("CuSO4.5H2O", "ambiguous dot"),
    ("CuSO4.5(H2O)", "ambiguous dot"),
    ("MgCl2.6H2O", "ambiguous dot"),
    ("Na2CO3.10H2O", "ambiguous dot"),
    ("Ni(NO3)2.6H2O", "ambiguous dot"),
    ("AlCl3.6NH3", "ambiguous dot"),
    ("Al2O3.2SiO2", "ambiguous dot"),
    ("AlF3.3NaF", "ambiguous dot in F3.3NaF at character 3"),
    ("MgSO4.3KCl", "ambiguous dot"),
    ("(AlF3.3NaF)2", "ambiguous dot"),
    ("CaCl2.4CH4O", "ambiguous dot"),
    ("CaCl2.4C2H5OH", "ambiguous dot"),
    ("ZnCl2.2NH4Cl", "ambiguous dot"),
    ("ZnCl2.2(NH4)Cl", "ambiguous dot"),
    ("MgCl26H2O", "ambiguous number in Cl26H2O at character 3"),
    ("CuSO45H2O", "ambiguous number"),
    ("Fe(II)O", r"\(II\) at character 3 is an oxidation state"),
    ("Fe(III)2O3", "oxidation state"),
    ("Pb(I)2", "oxidation state"),
    ("Ti(IV)O2", "oxidation state"),
    ("TiO2(B)", r"\(B\) at character 5 is a remark"),
    ("TiO2 [B]", "is a remark"),
    ("Mg(O)", "is a remark"),
    ("CuSO4\u00b75H2O", "non-ASCII"),
    ("3CaO.Al2O3", "begins with a number"),
    ("CaO.Al2O3", "misplaced dot"),
    ("CaSO4.0.5H2O", "misplaced dot"),
    ("Ru2.Y5", "misplaced dot"),
    ("Fe.5", "misplaced dot"),
    ("X2", "dummy species X"),
    ("Xx2O3", "unknown element Xx"),
    ("Foo", "unknown element Foo"),
    ("Nacl", "unknown element Nacl"),
    ("AmO2", r"element Am is outside the 94 tabulated elements \(H to Pu\)"),
    ("NoO", "element No is outside"),
    ("Fe0", "zero amount"),
    ("Fe0O0", "zero amount"),
    ("Fe0.000", "zero amount"),
    ("(Fe)0", "zero amount"),
    ("C02", "leading zero"),
    ("Fe1e9", "exponent"),
    ("Fe1000001", "absurd amount"),
    ("(Fe1000)1001", "absurd amount"),
    ("Fe99999999999999999999", "absurd amount"),
    ("Fe" + "9" * 400, "absurd amount"),
    ("Fe" + "9" * 5000, "5002 characters"),
    ("Fe0.1234567891", "more than 9 decimals"),
    ("(Fe0.00001)0.00001", "more than 9 decimals"),
    ("Fe@2", "unexpected character '@'"),
    ("Fe_2", "unexpected character"),
    ("CaSO4*2H2O", "unexpected character"),
    ("Fe\nO", r"unexpected character '\\n'"),
    ("Fe\u00b2O", "non-ASCII"),
    ("Fe\u200bO", "non-ASCII"),
    ("CuSO\u20845H\u2082O", "subscript and other digits side by side at character 5"),
    ("AlF\u2083.3NaF", "subscript and other digits"),
    ("Fe\u0662", "non-ASCII"),
    ("co", "lower-case"),
    ("nan", "lower-case"),
    ("Fe1xNi", "lower-case"),
    ("(Fe", "never closed"),
    ("Fe)", "never opened"),
    ("(Fe]", "closed by"),
    ("()2", "empty brackets"),
    ("Fe()", "empty brackets"),
    ("(" * 9 + "Fe" + ")" * 9, "nested more than 8"),
    ("".join(SYMBOLS[:17]), "17 different elements"),
]


@pytest.mark.fault
@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refused_with_a_reason_by_both_paths(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse(text)
    parsed = parse_column([text])
    assert "\n" not in parsed.reasons[0]
    assert parsed.reasons[0]
    assert (parsed.compositions.elements == -1).all()
    assert (parsed.compositions.amounts == 0).all()


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("NaN", {"Na": 1, "N": 1}),
        ("NO", {"N": 1, "O": 1}),
        ("InF", {"In": 1, "F": 1}),
        ("Co", {"Co": 1}),
        ("CO", {"C": 1, "O": 1}),
        ("K4 Mn4 O8", {"K": 4, "Mn": 4, "O": 8}),
        ("CH3CH2OH", {"H": 6, "C": 2, "O": 1}),
        ("Ca(OH)2", {"Ca": 1, "H": 2, "O": 2}),
        ("Fe4[Fe(CN)6]3", {"Fe": 7, "C": 18, "N": 18}),
        ("{Fe}2", {"Fe": 2}),
        ("Na[Cl]", {"Na": 1, "Cl": 1}),
        ("Fe0.5Ni0.5", {"Fe": 0.5, "Ni": 0.5}),
        ("Cu S O4.5 H2 O", {"Cu": 1, "H": 2, "S": 1, "O": 5.5}),
        ("Bi1.2S1.2Ti2S4", {"Ti": 2, "Bi": 1.2, "S": 5.2}),
        ("(Fe0.1)3", {"Fe": 0.3}),
        ("BiSb(Se0.92Br0.08)3", {"Bi": 1, "Sb": 1, "Se": 2.76, "Br": 0.24}),
        ("YBa2Cu3O6.5", {"Ba": 2, "Y": 1, "Cu": 3, "O": 6.5}),
        ("Fe1000000", {"Fe": 1e6}),
        ("CsPbI2.5Br0.5", {"Cs": 1, "Pb": 1, "I": 2.5, "Br": 0.5}),
        ("Bi1.1S1.1Ti2S4", {"Ti": 2, "Bi": 1.1, "S": 5.1}),
        ("Mg Cl26 H2 O", {"Mg": 1, "H": 2, "Cl": 26, "O": 1}),
        ("Pb(I2)2", {"Pb": 1, "I": 4}),
        ("K(B)2", {"K": 1, "B": 2}),
        ("Ni(CO)4", {"Ni": 1, "C": 4, "O": 4}),
        (" Fe2O3\u00a0", {"Fe": 2, "O": 3}),
        ("\ufeffFe2O3\u200b\n", {"Fe": 2, "O": 3}),
        ("Fe\u2082O\u2083", {"Fe": 2, "O": 3}),
        ("La\u2081.\u2088\u2085O", {"La": 1.85, "O": 1}),
        ("\uff26e\uff12O3", {"Fe": 2, "O": 3}),
        ("(" * 8 + "Fe" + ")" * 8, {"Fe": 1}),
        ("".join(SYMBOLS[:16]), dict.fromkeys(SYMBOLS[:16], 1)),
    ],
)
def test_read_exactly(text, amounts):
    assert parse(text) == amounts
    parsed = parse_column([text])
    assert parsed.reasons[0] == ""
    assert slots(parsed, 0) == amounts
    ranks = [ORDER[INDEX[symbol]] for symbol in parse(text)]
    assert ranks == sorted(ranks)


def test_order_of_writing_does_not_matter():
    elements, amounts = parse_column(["O Mg", "MgO", "OMg", "Mg(O)1", " MgO "]).compositions
    assert (elements == elements[0]).all()
    assert (amounts == amounts[0]).all()


symbol = st.sampled_from([*SYMBOLS, "O", "H", "N", "C", "Am", "X", "D"])
number = st.one_of(
    st.just(""),
    st.integers(0, 2_000_000).map(str),
    st.decimals(0, 1000, places=4).map(str),
    st.sampled_from(["0", "02", "1.", ".5", "1.50", "0.5", "4.5", "100.123456", "12345678", "999999.9"]),
)
piece = st.tuples(symbol, number, st.sampled_from(["", "", "", " ", "  ", "(", ")"])).map("".join)
pieces = st.lists(piece, min_size=1, max_size=6).map("".join)


@settings(max_examples=1000, deadline=None)
@given(pieces)
def test_paths_agree_on_nearly_formulas(text):
    assert_paths_agree(text)


@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from("HOFeaNCl2.05 (x+\u2082"), max_size=12))
def test_paths_agree_on_noise(text):
    assert_paths_agree(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), pieces), max_size=12), st.integers(0, 4), st.integers(0, 12))
def test_every_arrow_layout_reads_the_same(texts, start, length):
    expected = [parse_column([text]) for text in texts]
    plain = pa.array(texts, pa.string())
    layouts = [
        (plain, texts, expected),
        (plain.slice(start, length), texts[start : start + length], expected[start : start + length]),
        (plain.cast(pa.large_string()).slice(start), texts[start:], expected[start:]),
        (plain.dictionary_encode().slice(start), texts[start:], expected[start:]),
        (pa.chunked_array([plain.slice(0, start), plain.slice(start)], pa.string()), texts, expected),
    ]
    for layout, given_texts, rows in layouts:
        parsed = parse_column(layout)
        assert len(parsed.reasons) == len(given_texts)
        for i, row in enumerate(rows):
            assert parsed.reasons[i] == row.reasons[0]
            np.testing.assert_array_equal(parsed.compositions.elements[i], row.compositions.elements[0])
            np.testing.assert_array_equal(parsed.compositions.amounts[i], row.compositions.amounts[0])


def test_nulls_that_own_bytes_stay_null():
    buffers = [
        pa.py_buffer(b"\x05"),
        pa.py_buffer(np.array([0, 2, 4, 7], np.int32).tobytes()),
        pa.py_buffer(b"FeNaMgO"),
    ]
    column = pa.Array.from_buffers(pa.string(), 3, buffers)
    assert column.to_pylist() == ["Fe", None, "MgO"]
    parsed = parse_column(column)
    assert list(parsed.reasons) == ["", "missing formula (null)", ""]
    assert [slots(parsed, i) for i in range(3)] == [{"Fe": 1}, {}, {"Mg": 1, "O": 1}]


@pytest.mark.parametrize(
    "column",
    [pa.array([], pa.string()), pa.chunked_array([], pa.string()), [], pa.array([], pa.null())],
)
def test_empty_columns(column):
    parsed = parse_column(column)
    assert parsed.compositions.elements.shape == (0, SLOTS)
    assert formula_text(parsed.compositions) == []
    assert reduced_keys(parsed.compositions) == []


def test_what_is_not_text_is_said():
    parsed = parse_column(["Fe", 5, float("nan"), None, "\ud800"])
    assert list(parsed.reasons) == [
        "",
        "expected text, got int",
        "expected text, got float",
        "missing formula (null)",
        "text is not valid Unicode",
    ]
    assert set(parse_column(pa.nulls(2)).reasons) == {"missing formula (null)"}
    with pytest.raises(UserError, match="expected a text column of formulas, got Arrow type double"):
        parse_column(pa.array([1.0]))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Fe0.5Ni0.5", "FeNi"),
        ("Li0.333O", "Li333O1000"),
        ("K4 Mn4 O8", "KMnO2"),
        ("O3Fe2", "Fe2O3"),
        ("Be2O2", "BeO"),
        ("O2", "O"),
        ("Fe0.1Ni0.2Co0.3", "FeCo3Ni2"),
        ("Fe0.000000001O1000000", "FeO1000000000000000"),
        ("Fe100000.0001Ni", "Fe1000000001Ni10000"),
        ("Li0.3333Co", "Li3333Co10000"),
    ],
)
def test_reduce_is_exact(text, key):
    assert reduced_keys(parse_column([text]).compositions) == [key]


def test_reduce_forgives_rounding_but_does_not_guess_thirds():
    elements = np.full((1, SLOTS), -1, np.int16)
    amounts = np.zeros((1, SLOTS))
    elements[0, :2] = INDEX["Fe"], INDEX["O"]
    amounts[0, :2] = 0.1 + 0.2, 0.3
    assert reduced_keys(Compositions(elements, amounts)) == ["FeO"]
    amounts[0, :2] = np.pi / 1e3, 1.0
    with pytest.raises(ValueError, match="no decimals of at most 9 places"):
        reduce(Compositions(elements, amounts))


def test_text_round_trips():
    texts = ["Fe2O3", "Fe0.5Ni", "Li0.333O", "H", "Na1000000Cl0.000001"]
    assert formula_text(parse_column(texts).compositions) == texts


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(SYMBOLS), st.decimals("0.001", 1000, places=3), min_size=1, max_size=16))
def test_reduce_keeps_ratios(amounts):
    from fractions import Fraction
    from math import gcd

    parsed = parse_column([" ".join(f"{s}{a}" for s, a in amounts.items())])
    assert parsed.reasons[0] == ""
    reduced = reduce(parsed.compositions)
    integers = {SYMBOLS[e]: int(a) for e, a in zip(*(a[0] for a in reduced), strict=True) if e >= 0}
    assert gcd(*integers.values()) == 1
    assert len({Fraction(a) / integers[s] for s, a in amounts.items()}) == 1


@pytest.fixture(scope="module")
def snapshot():
    if not SNAPSHOT.exists():
        pytest.skip(f"{SNAPSHOT.name} lies beside the repository only where it may be used")
    import pyarrow.parquet as pq

    return pq.read_table(SNAPSHOT, columns=["formula"])["formula"].unique().drop_null()


def test_column_and_grammar_agree_on_the_materials_project(snapshot):
    parsed = parse_column(snapshot)
    assert set(parsed.reasons) == {""}
    elements, amounts = parsed.compositions
    for i, text in enumerate(snapshot.to_pylist()):
        expected = parse(text)
        used = elements[i] >= 0
        assert [SYMBOLS[e] for e in elements[i, used]] == list(expected), text
        assert amounts[i, used].tolist() == list(expected.values()), text


def test_agrees_with_pymatgen_on_the_materials_project(snapshot):
    from pymatgen.core import Composition

    texts = snapshot.to_pylist()
    parsed = parse_column(snapshot)
    reduced = reduce(parsed.compositions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have no electronegativity
        for i, text in enumerate(texts):
            theirs = Composition(text)
            assert slots(parsed, i) == theirs.get_el_amt_dict(), text
            # pymatgen keeps O2, H2, ... diatomic; the ratio is what counts here
            amounts = theirs.get_el_amt_dict()
            factor = np.gcd.reduce([int(a) for a in amounts.values()])
            used = reduced.elements[i] >= 0
            ours = {SYMBOLS[e]: a for e, a in zip(reduced.elements[i, used], reduced.amounts[i, used], strict=True)}
            assert ours == {s: a / factor for s, a in amounts.items()}, text
