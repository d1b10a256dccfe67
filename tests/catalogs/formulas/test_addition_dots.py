import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.formulas.addition_dots import ambiguous_dot, lost_dot
from kakehashi.catalogs.formulas.slots import parse, parse_column
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.reading import readers

SHARED = Path(__file__).parents[3].parent / "shared"


def case(name):
    path = SHARED / "cases" / name
    if not path.is_file():
        pytest.skip(f"shared cases are absent: {path}")
    return path


@pytest.mark.parametrize(
    ("before", "after", "digits", "rest"),
    [
        ("CuS", "O", "4.5", "H2O"),
        ("Mg(OH", ")", "2.2", "NaCl"),
        ("Al", "F", "3.3", "NaF"),
        ("Ca", "F", "2.2", "AlF3"),
        ("MgS", "O", "4.3", "KCl"),
        ("Sb2", "S", "3.2", "PbS"),
        ("CaB2", "H", "8.2", "LiBH4"),
        ("Zn", "Cl", "2.2", "NH4Cl"),
        ("Ca", "Cl", "2.4", "CH4O"),
        ("Al", "Cl", "3.2", "C4H8O"),
    ],
)
def test_a_second_compound_may_follow(before, after, digits, rest):
    assert ambiguous_dot(before, after, digits, rest)


@pytest.mark.parametrize(
    ("before", "after", "digits", "rest"),
    [
        ("Bi1.1", "S", "1.1", "Ti2S4"),  # misfit layers
        ("(PbS", ")", "1.14", "TaS2"),
        ("La", "S", "1.2", "CrS2"),  # nobody writes an amount of 1
        ("CsPb", "I", "2.5", "Br0.5"),
        ("CsPb", "I", "2.5", "Br"),  # an anion alone is no compound
        ("Bi2", "Te", "2.5", "Sn0.1Se0.4"),  # other decimals
        ("Bi2", "Se", "2.05", "CuS"),  # no coefficient begins with 0
        ("Sr2Fe", "O", "3.5", "F"),
        ("YBa2Cu3", "O", "6.5", ""),
        ("", "Fe", "2.3", "NaF"),
        ("", "F", "2.3", "NaF"),  # a compound has two elements
        ("K", "F", "0.5", "NaF"),
        ("Al", "F", "3", "NaF"),
        ("(Al", "F", "3.3", ")2NaF"),  # within the brackets nothing follows
    ],
)
def test_a_decimal_is_a_decimal(before, after, digits, rest):
    assert not ambiguous_dot(before, after, digits, rest)


def test_a_lost_dot_is_one_of_water_at_the_end():
    assert lost_dot("Cl", "26", "H2O")
    assert lost_dot(")", "318", "H2O")
    assert lost_dot("O", "310", "H2O")
    assert not lost_dot("Cl", "6", "H2O")
    assert not lost_dot("O", "10", "H2O")
    assert not lost_dot("O", "12", "H2O")
    assert not lost_dot("O", "24", "(H2O)")
    assert not lost_dot("Cl", "26", "H2O2")
    assert not lost_dot("Fe", "26", "H2O")


@pytest.mark.parametrize("column", ["MgSO4.3KCl", "MgCl26H2O", "KCl2.5CH4O"])
def test_the_reader_of_columns_leaves_doubtful_dots_to_the_grammar(column):
    """None of these repeats an element, which is what it leaves to the grammar anyway."""
    assert "ambiguous" in parse_column([column]).reasons[0]


@pytest.mark.parametrize("name", ["roman_numerals", "phase_letters", "addition_dots"])
def test_cases_of_formulas(name):
    texts = readers.read(case(f"formulas/{name}.csv"))["formula"].to_pylist()
    reasons = dict(zip(texts, parse_column(texts).reasons, strict=True))
    fine = {"FeO", "MnO2", "TiO2", "NaCl"}
    assert {text for text, reason in reasons.items() if not reason} == fine & set(texts)


# What a chemist reads in the zoo; all others are refused.
ZOO = {
    "La1.85Sr0.15CuO4": {"La": 1.85, "Sr": 0.15, "Cu": 1, "O": 4},
    "YBa2Cu3OY": {"Y": 2, "Ba": 2, "Cu": 3, "O": 1},
    "(Pb0.5Sn0.5)Te": {"Pb": 0.5, "Sn": 0.5, "Te": 1},
    "Pb(Zr0.52Ti0.48)O3": {"Pb": 1, "Zr": 0.52, "Ti": 0.48, "O": 3},
    "(Bi2(Mg0.667Nb1.333)O7)((Bi2(Mg0.667Nb1.333)O7)0.9(SrCO3)0.1)":
        {"Bi": 3.8, "Mg": 1.2673, "Nb": 2.5327, "O": 13.6, "Sr": 0.1, "C": 0.1},
    "(PbTe)0.95(PbS)0.05": {"Pb": 1, "Te": 0.95, "S": 0.05},
    "(PbTe)95(PbS)5": {"Pb": 100, "Te": 95, "S": 5},
    "Fe74Cr18Ni8": {"Fe": 74, "Cr": 18, "Ni": 8},
    "Fe\u2082O\u2083": {"Fe": 2, "O": 3},
    "Fe2O3": {"Fe": 2, "O": 3},
    "\uff26\uff45\uff12\uff2f\uff13": {"Fe": 2, "O": 3},
    "Fe\uff08OH\uff093": {"Fe": 1, "O": 3, "H": 3},
    "Fe0.00009Ni0.99991": {"Fe": 0.00009, "Ni": 0.99991},
    "CH3NH3PbI3": {"C": 1, "N": 1, "H": 6, "Pb": 1, "I": 3},
    "SI": {"S": 1, "I": 1},
    "CO": {"C": 1, "O": 1},
    "HO": {"H": 1, "O": 1},
    "HF": {"H": 1, "F": 1},
    "PO": {"P": 1, "O": 1},
    "CS": {"C": 1, "S": 1},
    "In": {"In": 1},
    "INSB": {"I": 1, "N": 1, "S": 1, "B": 1},
    "PB": {"P": 1, "B": 1},
    "CUO": {"C": 1, "U": 1, "O": 1},
}  # fmt: skip


def test_every_formula_of_the_zoo_is_read_exactly_or_refused():
    texts = case("formulas/zoo.txt").read_text(encoding="utf-8").split("\n")
    found = {}
    for text, reason in zip(texts, parse_column(texts).reasons, strict=True):
        if not reason:
            found[text.strip(" \u00a0\u200b")] = parse(text)
    assert found == ZOO


@pytest.mark.parametrize("name", ["spaces", "subs"])
def test_all_rows_of_a_target_are_read(name):
    table = load_table(f"{case(f'targets/{name}.csv')}:kappa", log=True)
    assert (len(table), table.rejected) == (45, ())


REAL = [("te_estm", "formula"), ("matbench_expt_gap", "composition"), ("matbench_glass", "composition"),
        ("tc_citrine_expt", "formula"), ("mp_snapshot", "reduced_formula")]  # fmt: skip


def test_no_real_formula_is_refused():
    """Decimals, brackets and waters of every kind: none looks like an added compound or a remark."""
    for name, column in REAL:
        path = SHARED / f"data/inorganic/{name}.parquet"
        if not path.is_file():
            pytest.skip(f"shared data are absent: {path}")
        reasons = parse_column(pq.read_table(path, columns=[column])[column].unique().drop_null()).reasons
        assert not [reason for reason in reasons if re.search("ambiguous|remark|oxidation", reason)]
