from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import named_materials, open_catalog
from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.properties.material_columns import (
    file_holds_smiles,
    holds_smiles,
    id_column,
    is_no_value,
    material_column,
    smiles_column,
)
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import UserError

FORMULAS = ["LiF", "NaCl", "KBr", "RbI", "MgO", "CaO", "SrO", "BaO", "ZnS", "CdTe"]
UNITS = ["*CC*", "*CC(*)C", "*CO*", "*CCO*", "*CC(*)c1ccccc1", "*CC(*)Cl", "*CC(*)F", "*CC(*)C#N", "*OC(=O)*", "*CS*"]
CASES = Path(__file__).parents[3].parent / "shared/cases"


def write(path: Path, header: str, cells: list[str]) -> Path:
    path.write_text(f"{header},x\n" + "".join(f"{cell},{i + 1}\n" for i, cell in enumerate(cells)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name",
    ["Formula", "FORMULA", " formula ", "Composition", "pretty_formula", "formula_pretty", "Pretty Formula",
     "Reduced Formula", "Chemical formula", "reduced-formula"],
)  # fmt: skip
def test_columns_of_formulas_are_known(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "a.csv", name, FORMULAS)
    assert load_table(f"{file}:x").keys == tuple(FORMULAS)
    assert not open_catalog(str(file)).smiles
    pq.write_table(pa.table({name: FORMULAS, "x": range(10)}), tmp_path / "a.parquet")
    assert load_table(str(tmp_path / "a.parquet")).keys == tuple(FORMULAS)


@pytest.mark.parametrize(
    "name", ["SMILES", "Smiles", "PSMILES", "psmiles", "polymer", "Polymer", "repeat_unit", "Repeat unit"]
)
def test_columns_of_repeat_units_are_known(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "a.csv", name, UNITS)
    assert load_table(str(file)).molecules is not None
    assert open_catalog(str(file)).smiles


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Formula", "smiles"], "smiles"),  # a name as it always was comes first
        (["composition", "formula"], "formula"),
        (["SMILES", "Composition"], "Composition"),
        (["polymer", "SMILES"], "SMILES"),
        (["pretty_formula", "reduced_formula"], "reduced_formula"),
    ],
)
def test_which_of_several(names: list[str], found: str) -> None:
    assert material_column(names, "file") == found


def test_names_of_polymers_are_no_repeat_units(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("polymer,unit\npolyethylene,*CC*\nPS,*CC(*)c1ccccc1\n")
    with pytest.raises(
        UserError, match=r"no column 'formula'.*\(columns: polymer, unit\); name it with --material unit$"
    ):
        open_catalog(str(file))


def test_the_first_named_column_that_a_file_has(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one.csv", "compound", FORMULAS), write(tmp_path / "two.csv", "phase", FORMULAS)
    third = write(tmp_path / "three.csv", "Formula", FORMULAS)
    given = ["phase", "compound"]
    found = named_materials(given, [f"{one}:x", str(other), str(third), "mp_formulas"])
    assert list(found.values()) == ["compound", "phase", None, None]
    assert load_table(str(one), material=given).keys == load_table(str(other), material=given).keys
    assert material_column(["compound", "phase"], "file", given) == "phase"
    assert named_materials(None, ["a"]) == {"a": None}
    with pytest.raises(UserError, match="--material: no column 'solid' or 'glass' in any of"):
        named_materials(["solid", "glass"], [str(one), str(third)])
    with pytest.raises(UserError, match=r"none of the columns solid, glass \(columns: compound, x\)"):
        load_table(str(one), material=["solid", "glass"])
    with pytest.raises(UserError, match="--material is for files"):
        load_table("volume_per_atom", material=["a", "b"])


@pytest.mark.parametrize(
    ("cells", "smiles"),
    [
        (FORMULAS, False),
        (UNITS, True),
        (["CO", "CO2", "CH4"], False),
        (["CO", "C=O", "C"], True),
        (["CO", "CN", "C"], False),  # both: a column of no known name holds formulas
        (["c1ccccc1", "CCO", "CC(=O)O"], True),
        (["CuSO4.5H2O", "Na2CO3*H2O", "Ca(OH)2"], False),
        (["[Na+].[Cl-]", "[*:1]CC[*:2]"], True),
        (["NaN", "NO", "InF", None, ""], False),
        (["Al2O3", "C60", "SiC", "*CC*"], False),
        ([" *CC* ", "*CC(*)C"], True),
        ([], False),
    ],
)
def test_smiles_are_told_by_their_cells(cells: list[str | None], smiles: bool) -> None:
    assert holds_smiles("sample", cells) is smiles
    assert holds_smiles("PSMILES", cells)


def test_cells_are_looked_for_beyond_empty_ones(tmp_path: Path) -> None:
    pq.write_table(pa.table({"unit": [None] * 2000 + UNITS}), tmp_path / "a.parquet", row_group_size=500)
    assert file_holds_smiles(tmp_path / "a.parquet", "unit")
    pq.write_table(pa.table({"unit": [1, 2]}), tmp_path / "a.parquet")
    assert not file_holds_smiles(tmp_path / "a.parquet", "unit")


def test_columns_of_ids() -> None:
    assert id_column(["ID", "material_id"]) == "material_id"
    assert id_column(["x", "Material ID"]) == "Material ID"
    assert id_column(["x", "ideal"]) is None


def test_names_that_are_no_values() -> None:
    assert all(map(is_no_value, ["Unnamed: 0", "__index_level_0__", "ID", "SMILES", "formula"]))
    assert not any(map(is_no_value, ["index", "gap", "Unnamed", "smile"]))


def test_the_numbers_of_rows_are_no_values(tmp_path: Path) -> None:
    for index in ("", "Unnamed: 0"):
        rows = "".join(f"{i},{formula},{i + 1}.5\n" for i, formula in enumerate(FORMULAS))
        (tmp_path / "a.csv").write_text(f"{index},formula,gap\n{rows}")
        table = load_table(str(tmp_path / "a.csv"))
        assert (table.name, table.values[0]) == ("gap", 1.5)
    pq.write_table(
        pa.table({"formula": FORMULAS, "gap": range(10), "__index_level_0__": range(10)}), tmp_path / "a.parquet"
    )
    assert load_table(str(tmp_path / "a.parquet")).name == "gap"


def test_files_of_nothing_but_smiles() -> None:
    assert smiles_column(["formula", "name", "SMILES"], "file") == "SMILES"
    assert smiles_column(["monomer", "cas"], "file") == "monomer"
    assert smiles_column(["SMILES", "smiles"], "file") == "smiles"
    assert smiles_column(["smiles", "unit"], "file", ["other", "unit"]) == "unit"
    with pytest.raises(UserError, match=r"file: no column 'smiles' \(columns: formula\); name it with --material"):
        smiles_column(["formula"], "file", "unit")


def shared(name: str) -> Path:
    if not (CASES / name).exists():
        pytest.skip(f"needs {CASES / name}, which is not part of the repository")
    return CASES / name


def test_target_source_and_catalogue_that_differ() -> None:
    folder = shared("csv/column_names")
    specs = [f"{folder / name}.csv" for name in ("target", "source", "catalog")]
    for given in (None, ["pretty_formula", "Composition"]):
        material = named_materials(given, specs)
        target, source = (load_table(spec, material=material[spec]) for spec in specs[:2])
        assert len(target) == len(source) == 45
        (rows,) = open_catalog(specs[2], material[specs[2]]).batches(10)
        assert rows["formula"].to_pylist() == ["PbTe", "MgO"]


@pytest.mark.parametrize("name", ["PSMILES", "SMILES", "Smiles", "monomer", "polymer", "psmiles", "repeat_unit"])
def test_repeat_units_whatever_their_column_is_called(name: str) -> None:
    file = shared("polymers/column-names") / f"{name}.csv"
    for material in (name, ["none", name]) if name == "monomer" else (None, name, ["none", name]):
        assert len(load_table(f"{file}:tg", material=material)) == 24
        assert open_catalog(str(file), material).smiles
    if name == "monomer":
        with pytest.raises(UserError, match="name it with --material monomer"):
            load_table(f"{file}:tg")


EXPECTED = {
    "capital.csv": 2, "comment.csv": 1, "packed.csv.gz": 2, "pandas_index.csv": 2, "pretty.csv": 2, "semicolon.csv": 2,
    "sep.csv": 1, "spaced_header.csv": 2, "tabs.csv": 2, "tabs.tsv": 2, "trailing_comma.csv": 2, "utf16.csv": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_tables_as_people_have_them(name: str) -> None:
    catalog = open_catalog(str(shared("csv") / name))
    (table,) = catalog.batches(10)
    assert table.column_names == ["id", "formula", "e_hull"]
    assert table["formula"].to_pylist() == ["PbTe", "MgO"][: EXPECTED[name]]
    assert table["e_hull"].to_pylist() == [0.01, 0.0][: EXPECTED[name]]
    assert table["e_hull"].type == pa.float64()


def test_latin_1_says_how_to_save_it() -> None:
    with pytest.raises(UserError, match=r"latin1\.csv is not UTF-8 text; save it as UTF-8 .*iconv -f LATIN1 -t UTF-8"):
        open_catalog(str(shared("csv") / "latin1.csv"))


def test_words_for_a_missing_value() -> None:
    (table,) = open_catalog(str(shared("csv") / "na.csv")).batches(10)
    assert table["e_hull"].to_pylist() == [0.01, None, None, None, None]
    text = readers.read(shared("csv") / "na.csv", ["e_hull"])["e_hull"].to_pylist()
    assert text[1] == "NA"  # as text it stays what it is, sodium nitride for one


def test_outer_blanks_mean_nothing() -> None:
    (table,) = open_catalog(str(shared("csv") / "spaces.csv")).batches(10)
    parsed = parse_column(table["formula"])
    assert not any(parsed.reasons)
    assert reduced_keys(parsed.compositions) == ["TePb", "MgO", "NaCl", "SnSe"]
