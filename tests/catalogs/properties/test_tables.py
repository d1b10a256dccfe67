import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError

SHARED = Path(__file__).parents[3].parent / "shared/data"
TEN = ["LiF", "NaCl", "KBr", "RbI", "MgO", "CaO", "SrO", "BaO", "ZnS", "CdTe"]


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {path}, which is not part of the repository")
    return path


def table_file(folder: Path, rows: Sequence[str], header: str = "formula,kappa_W_mK") -> str:
    path = folder / "t.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def ten(**changes: str) -> list[str]:
    return [f"{formula},{changes.get(formula, str(i + 1))}" for i, formula in enumerate(TEN)]


def test_plain_table(tmp_path: Path) -> None:
    file = table_file(tmp_path, ten())
    table = load_table(f"{file}:kappa_W_mK")
    assert table.keys == tuple(TEN)
    np.testing.assert_array_equal(table.values, np.arange(1.0, 11.0))
    assert (table.quantity, table.unit, table.log) == ("thermal_conductivity", "W/(m K)", False)
    assert table.ids == tuple(str(i) for i in range(1, 11))
    assert table.sha256 == hashlib.sha256(Path(file).read_bytes()).hexdigest()
    assert len(table) == table.rows == 10


def test_log_by_flag_and_by_column_text(tmp_path: Path) -> None:
    file = table_file(tmp_path, ten())
    for table in (load_table(f"{file}:log(kappa_W_mK)"), load_table(file, value="kappa_W_mK", log=True)):
        assert table.log
        np.testing.assert_allclose(table.y, np.log(np.arange(1.0, 11.0)))


def test_a_column_really_called_log_is_not_logged(tmp_path: Path) -> None:
    file = table_file(tmp_path, ten(), header="formula,log(x)")
    table = load_table(f"{file}:log(x)")
    assert not table.log
    assert table.name == "log(x)"


def test_formulas_that_readers_eat(tmp_path: Path) -> None:
    rows = [f"{formula},{i + 1}" for i, formula in enumerate(["NO", "InF", "NaN", "NaN3", *TEN])]
    assert load_table(table_file(tmp_path, rows)).materials[:3] == ("NO", "InF", "NaN")


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    rows = [*ten(), "Fe2O3,", "TiO2,nan", "Foo7,3", ",4", "ZnO,0", "BeO,-2", "Li2F2,3"]
    table = load_table(f"{table_file(tmp_path, rows)}:log(kappa_W_mK)")
    assert table.missing == 2
    assert [(bad.row, bad.formula) for bad in table.rejected] == [
        (13, "Foo7"),
        (14, ""),
        (15, "ZnO"),
        (16, "BeO"),
    ]
    assert all(bad.reason for bad in table.rejected)
    assert "above 0" in table.rejected[2].reason
    merged_away = 1  # Li2F2 joins LiF
    assert len(table) + merged_away + table.missing + len(table.rejected) == table.rows == 17


def test_infinite_value_is_refused_with_its_row(tmp_path: Path) -> None:
    file = table_file(tmp_path, ten(RbI="inf"))
    with pytest.raises(UserError, match=r"t\.csv: row 4 \(RbI\): the value is infinite"):
        load_table(file)


def test_same_reduced_formula_is_merged_to_the_median(tmp_path: Path) -> None:
    rows = [*ten(), "Mg2 O2,20", "O1Mg1,6", "Ca2O2,12"]
    table = load_table(table_file(tmp_path, rows))
    assert table.keys == tuple(TEN)
    assert table.materials[4] == "MgO"
    assert table.values[4] == 6.0  # median of 5, 20, 6
    assert table.values[5] == 9.0  # mean of the middle two, 6 and 12
    expected = "2 formulas had several values; merged to their median, largest spread 4x (MgO)"
    assert expected in table.notes


def test_spread_of_values_of_both_signs_is_a_difference(tmp_path: Path) -> None:
    table = load_table(table_file(tmp_path, [*ten(LiF="-3"), "Mg2O2,20"], "formula,seebeck"))
    assert any("largest spread 15 (MgO)" in note for note in table.notes)


def test_folds(tmp_path: Path) -> None:
    rows = [f"{formula},{i + 1},{i % 2}" for i, formula in enumerate(TEN)]
    header = "formula,y,fold"
    table = load_table(table_file(tmp_path, [*rows, "Li2F2,4,0"], header), value="y", folds="fold")
    assert table.folds is not None
    np.testing.assert_array_equal(table.folds, np.arange(10) % 2)
    torn = table_file(tmp_path, [*rows, "Li2F2,4,1"], header)
    with pytest.raises(UserError, match="LiF is in folds 0 and 1"):
        load_table(torn, value="y", folds="fold")
    with pytest.raises(UserError, match=r"row 11, column 'fold': expected a whole fold number"):
        load_table(table_file(tmp_path, [*rows, "Be,4,0.5"], header), value="y", folds="fold")
    with pytest.raises(UserError, match="no column 'folds'; did you mean 'fold'"):
        load_table(torn, value="y", folds="folds")


def test_ids_and_material_columns(tmp_path: Path) -> None:
    rows = [f"{'' if i == 2 else f'mp-{i}'},{formula},{i + 1}" for i, formula in enumerate(TEN)]
    file = table_file(tmp_path, rows, "material_id,compound,y")
    with pytest.raises(UserError, match=r"no column 'formula', 'composition' or 'smiles' .*--material"):
        load_table(file)
    table = load_table(file, material="compound")
    assert table.ids[:4] == ("mp-0", "mp-1", "3", "mp-3")
    with pytest.raises(UserError, match="no column 'compund'; did you mean 'compound'"):
        load_table(file, material="compund")


def test_composition_wins_over_reduced_formula(tmp_path: Path) -> None:
    rows = [f"{formula},H2O,{i + 1}" for i, formula in enumerate(TEN)]
    assert load_table(table_file(tmp_path, rows, "composition,reduced_formula,y")).keys == tuple(TEN)


UNITS = ["*CC*", "*CC(*)C", "*CO*", "*CCO*", "*CC(*)c1ccccc1", "*CC(*)Cl", "*CC(*)F", "*CC(*)C#N", "*OC(=O)*", "*CS*"]


def test_repeat_units_are_merged_by_polymer_and_their_atoms_counted(tmp_path: Path) -> None:
    rows = [f"{unit},{value}" for value, unit in enumerate([*UNITS, "*OCC*"], start=1)]
    found = load_table(table_file(tmp_path, rows, "smiles,tg_k"))
    assert found.molecules is not None
    assert len(found) == 10
    assert found.keys == found.molecules.keys
    assert found.values[3] == 7.5  # *CCO* and *OCC* are one polymer
    assert any("1 molecule had several values" in note for note in found.notes)
    ethylene = found.compositions.amounts[0]
    assert sorted(ethylene[ethylene > 0]) == [2, 4]


def test_repeat_units_that_cannot_be_read_are_set_aside(tmp_path: Path) -> None:
    rows = [f"{unit},{value}" for value, unit in enumerate([*UNITS, "CC", "*CC", "*C(*)C*", "*C(C*"], start=1)]
    found = load_table(table_file(tmp_path, rows, "smiles,tg_k"))
    assert [row.row for row in found.rejected] == [11, 12, 13, 14]
    assert all("expected 2 attachment points" in row.reason for row in found.rejected[:3])
    molecules = load_table(table_file(tmp_path, ["CC,1", *rows[:10]], "smiles,tg_k"), attachments=(0, 2))
    assert not molecules.rejected
    assert len(molecules) == 11


def test_the_only_numeric_column_is_taken_and_noted(tmp_path: Path) -> None:
    rows = [f"{formula},cubic,{i + 1}" for i, formula in enumerate(TEN)]
    table = load_table(table_file(tmp_path, rows, "formula,system,y"))
    assert table.name == "y"
    assert any("value column: y" in note for note in table.notes)
    with pytest.raises(UserError, match=r"1 cell of y is not a number: row 3"):
        load_table(table_file(tmp_path, [*rows[:2], "KBr,cubic,n.d.", *rows[3:]], "formula,system,y"))


def test_value_column_has_to_be_chosen(tmp_path: Path) -> None:
    rows = [f"{formula},{i},{i + 1}" for i, formula in enumerate(TEN)]
    file = table_file(tmp_path, rows, "formula,x,y")
    with pytest.raises(UserError, match=r"several numeric columns \(x, y\)"):
        load_table(file)
    with pytest.raises(UserError, match="two value columns"):
        load_table(f"{file}:x", value="y")
    assert load_table(f"{file}:y", value="y").name == "y"
    with pytest.raises(UserError, match="no numeric column"):
        load_table(table_file(tmp_path, [f"{formula},a" for formula in TEN], "formula,x"))
    with pytest.raises(UserError, match="expected a column name after the colon"):
        load_table(f"{file}:")
    with pytest.raises(UserError, match="no column 'z'"):
        load_table(f"{file}:log(z)")


def test_too_few_and_all_equal(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"9 usable compositions of 10 rows .*1 rejected"):
        load_table(table_file(tmp_path, [*ten()[:9], "Foo,1"]))
    assert len(load_table(table_file(tmp_path, ten()[:4]), minimum=4)) == 4
    with pytest.raises(UserError, match="all 10 values equal 2"):
        load_table(table_file(tmp_path, [f"{formula},2" for formula in TEN]))


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'melting_temperature'"):
        load_table("melting_temperatur")
    with pytest.raises(UserError, match="no such file"):
        load_table(str(tmp_path / "none.csv:x"))
    with pytest.raises(UserError, match="--value, --folds is for files"):
        load_table("volume_per_atom", value="x", folds="f")


def test_parquet_equals_csv(tmp_path: Path) -> None:
    from_csv = load_table(table_file(tmp_path, ten()))
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"formula": TEN, "kappa_W_mK": np.arange(1, 11)}), path)
    from_parquet = load_table(str(path))
    assert from_parquet.keys == from_csv.keys
    np.testing.assert_array_equal(from_parquet.values, from_csv.values)
    np.testing.assert_array_equal(from_parquet.compositions.amounts, from_csv.compositions.amounts)


def test_mean_grouping_against_a_plain_loop(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    formulas = [TEN[i] for i in rng.integers(0, 10, 500)]
    values = rng.normal(size=500)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"formula": formulas, "y": values}), path)
    table = load_table(str(path))
    for key, value in zip(table.keys, table.values, strict=True):
        own = [v for f, v in zip(formulas, values, strict=True) if f == key]
        assert value == pytest.approx(float(np.median(own)), rel=1e-14)


JUNK = [
    "",
    "Foo",
    "Fe0",
    "X2",
    "H",
    "LiF",
    "Li2F2",
    "NaN",
    "1.5",
    "Fe-1",
    "CuSO4.5H2O",
    "\u2082",
    "Fe\n",
    "O2 ",
]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from(JUNK), st.text(max_size=6)),
            st.one_of(st.just(float("nan")), st.floats(-5, 5)),
        ),
        max_size=25,
    ),
    st.booleans(),
)
def test_no_row_is_lost(rows: list[tuple[str | None, float]], log: bool) -> None:
    formulas, values = [row[0] for row in rows], np.array([row[1] for row in rows], dtype=float)
    try:
        table = assemble("t", [*formulas, "Be", "W"], np.array([*values, 1.5, 2.5]), log=log, minimum=1)
    except UserError as error:
        assert "values equal" in str(error)  # noqa: PT017
        return
    rejected = {bad.row for bad in table.rejected}
    missing = {i + 1 for i, value in enumerate(values) if np.isnan(value)}
    assert not rejected & missing
    assert len(missing) == table.missing
    used = [formula for i, formula in enumerate(formulas) if i + 1 not in rejected | missing]
    keys = reduced_keys(parse_column([*used, "Be", "W"]).compositions)
    assert set(keys) == set(table.keys)
    assert table.rows == len(rows) + 2


def test_large_real_table_loads_in_seconds() -> None:
    path = shared("inorganic/matbench_mp_e_form.parquet")
    start = time.perf_counter()
    table = load_table(f"{path}:e_form")
    assert time.perf_counter() - start < 20  # about 1 s on an idle core
    assert table.rows == 132_752
    assert not table.rejected
    assert len(set(table.keys)) == len(table)


def test_real_column_called_log10() -> None:
    path = shared("inorganic/matbench_log_kvrh.parquet")
    table = load_table(f"{path}:log10(K_VRH)")
    assert not table.log
    assert table.unit == ""
    assert table.rows == 10_987


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("old.xls", "save an old .xls workbook as .xlsx or CSV"),
        ("a.txt", "call a table of text .csv or .tsv"),
        ("b.x", ""),
    ],
)
def test_a_file_that_is_no_table_is_told_from_one_that_is_not_there(name: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("formula,kappa\nNaCl,1\n")
    with pytest.raises(UserError, match=rf"unknown suffix .*expected \.csv.*\.parquet{f'; {hint}' if hint else '$'}"):
        load_table(f"{tmp_path / name}:kappa")


def test_rows_of_one_material_are_counted_where_too_few_are_left(tmp_path: Path) -> None:
    path = tmp_path / "same.csv"
    path.write_text("smiles,tg_k\n" + "".join(f"*C{'C' * i}*,{300 + i}\n" for i in range(12)))
    with pytest.raises(
        UserError, match=r"1 usable molecules of 12 rows .*0 rejected, 11 of a material that another row"
    ):
        load_table(f"{path}:tg_k")
