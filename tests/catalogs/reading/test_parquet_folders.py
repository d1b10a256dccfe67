from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.parquet_folders import open_folder, parquet_files_of, unread
from kakehashi.catalogs.records import UserError


def part(folder: Path, name: str, **columns: object) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1, 0, 11):
        part(tmp_path, f"part.{number}.parquet", n=[number])
    assert readers.read(tmp_path)["n"].to_pylist() == [0, 1, 2, 10, 11]


def test_names_of_equal_length_keep_their_order(tmp_path: Path) -> None:
    names = ["a.parquet", "part-00000-3f.c000.parquet", "part-00001-07.c000.parquet", "part-00010-9e.c000.parquet"]
    for name in names[::-1]:
        part(tmp_path, name, n=[1])
    assert [file.name for file in parquet_files_of(tmp_path)] == sorted(names)


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (pa.array(["a"]), pa.nulls(1), pa.string()),
        (pa.nulls(1), pa.array([1.5]), pa.float64()),
        (pa.array(["a"]).dictionary_encode(), pa.array(["b"]), pa.string()),
        (pa.array(["a"]), pa.array(["b"]).cast(pa.large_string()), pa.string()),
        (pa.array([1]), pa.array([None], pa.float64()), pa.float64()),
        (pa.array([1], pa.int8()), pa.array([1 << 40]), pa.int64()),
        (pa.array([1.5], pa.float32()), pa.array([0.1]), pa.float64()),
        (pa.nulls(1), pa.nulls(1), pa.null()),
        (pa.array([True]), pa.nulls(1), pa.bool_()),
    ],
)
def test_types_that_have_one_in_common(tmp_path: Path, first: pa.Array, second: pa.Array, kind: pa.DataType) -> None:
    part(tmp_path, "a.parquet", formula=["Fe"], x=first)
    part(tmp_path, "b.parquet", formula=["Ni"], x=second)
    table = readers.read(tmp_path)
    assert table["x"].type == kind
    assert table["x"].to_pylist() == [*first.to_pylist(), *second.to_pylist()]
    assert open_catalog(str(tmp_path)).schema.field("x").type == kind


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"x": ["1"]}, {"x": [1]}, r"b\.parquet: column 'x' holds int64, in .*a\.parquet string"),
        ({"x": [True]}, {"x": [1]}, r"b\.parquet: column 'x' holds int64, in .*a\.parquet bool"),
        ({"x": [None], "y": [1]}, {"x": [1]}, r"b\.parquet: no column 'y', which .*a\.parquet has"),
        ({"x": [1]}, {"x": [1], "y": [1]}, r"a\.parquet: no column 'y', which .*b\.parquet has"),
        ({"x": [(1 << 53) + 1]}, {"x": [0.5]}, r"a\.parquet: column 'x' holds int64, other files double: "),
    ],
)  # fmt: skip
def test_types_and_columns_that_do_not_fit(
    tmp_path: Path, first: dict[str, object], second: dict[str, object], message: str
) -> None:
    part(tmp_path, "a.parquet", **first)
    part(tmp_path, "b.parquet", **second)
    with pytest.raises(UserError, match=message):
        readers.read(tmp_path)


def test_parts_without_rows_have_no_say(tmp_path: Path) -> None:
    part(tmp_path, "a.parquet", formula=pa.nulls(0), x=pa.array([], pa.string()))
    part(tmp_path, "b.parquet", formula=["Fe"], x=[1])
    pq.write_table(pa.table({}), tmp_path / "c.parquet")
    assert readers.read(tmp_path).to_pylist() == [{"formula": "Fe", "x": 1}]
    assert open_folder(tmp_path).rows == 1
    assert open_catalog(str(tmp_path)).rows == 1
    for name in ("b.parquet", "c.parquet"):
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="has a header but no rows"):
        open_catalog(str(tmp_path))


def test_keys_of_folders_become_columns(tmp_path: Path) -> None:
    part(tmp_path, "year=2024/kind=new%20one/a.parquet", formula=["Fe"], x=[2])
    part(tmp_path, "year=2023/kind=__HIVE_DEFAULT_PARTITION__/a.parquet", formula=["Ni"], x=[1])
    part(tmp_path, "_temporary/a.parquet", formula=["no"], x=[1])
    rows = readers.read(tmp_path).to_pylist()
    assert rows == [
        {"formula": "Ni", "x": 1, "year": 2023, "kind": None},
        {"formula": "Fe", "x": 2, "year": 2024, "kind": "new one"},
    ]
    assert readers.read(tmp_path, ["year"])["year"].to_pylist() == [2023, 2024]
    assert open_catalog(str(tmp_path)).schema.names == ["id", "formula", "x", "year", "kind"]
    before = open_catalog(str(tmp_path)).sha256
    (tmp_path / "year=2024").rename(tmp_path / "year=2025")
    assert open_catalog(str(tmp_path)).sha256 != before


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    part(tmp_path, "year=2024/a.parquet", formula=["Fe"])
    part(tmp_path, "old/b.parquet", formula=["no"])
    for name in ("notes.txt", "year=2024/x.csv", "_SUCCESS", "year=2024/.a.crc", "c.csv"):
        (tmp_path / name).touch()
    assert unread(tmp_path) == ["c.csv", "notes.txt", "old", "year=2024/x.csv"]
    (note,) = open_catalog(str(tmp_path)).notes
    assert note == f"not read in {tmp_path}: c.csv, notes.txt, old and 1 more"


def test_keys_that_are_no_whole_numbers_are_text(tmp_path: Path) -> None:
    for key in ("007", "8"):
        part(tmp_path, f"code={key}/a.parquet", formula=["Fe"])
    assert readers.read(tmp_path)["code"].to_pylist() == ["007", "8"]


def test_keys_that_cannot_be_columns(tmp_path: Path) -> None:
    part(tmp_path, "x=1/a.parquet", formula=["Fe"], x=[2])
    with pytest.raises(UserError, match="'x' is a column of the files and a folder x="):
        readers.read(tmp_path)
    part(tmp_path, "x=1/a.parquet", formula=["Fe"])
    part(tmp_path, "b.parquet", formula=["Fe"])
    with pytest.raises(UserError, match=r"some files are below x=\.\.\. and others are not"):
        readers.read(tmp_path)


def test_ids_that_pandas_made_floats(tmp_path: Path) -> None:
    part(tmp_path, "a.parquet", formula=["Fe", "Ni"], id=pa.array([7, 8]))
    part(tmp_path, "b.parquet", formula=["Co", "Cu"], id=pa.array([9.0, float("nan")]))
    (table,) = open_catalog(str(tmp_path)).batches(10)
    assert table["id"].to_pylist() == ["7", "8", "9", "4"]
    part(tmp_path, "b.parquet", formula=["Co", "Cu"], id=pa.array([9.5, None]))
    with pytest.raises(UserError, match="column 'id' holds numbers that are not whole"):
        next(open_catalog(str(tmp_path)).batches(10))


def test_a_folder_is_a_target(tmp_path: Path) -> None:
    formulas = ["LiF", "NaCl", "KBr", "RbI", "MgO", "CaO", "SrO", "BaO", "ZnS", "CdTe"]
    part(tmp_path, "all/part.0.parquet", formula=formulas[:5], kappa=[1, 2, 3, 4, 5], id=[1.0, 2.0, 3.0, 4.0, None])
    part(tmp_path, "all/part.1.parquet", formula=formulas[5:], kappa=[6.5, 7, 8, 9, 10], id=[6, 7, 8, 9, 10])
    for spec in (f"{tmp_path}/all:kappa", f"{tmp_path}/all"):
        table = load_table(spec)
        assert table.keys == tuple(formulas)
        assert table.ids == ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
        assert table.values.tolist() == [1, 2, 3, 4, 5, 6.5, 7, 8, 9, 10]


SHARED = Path(__file__).parents[3].parent / "shared/cases/parquet"


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("dasklike", 6, ["id", "formula", "e_hull", "nelements", "note", "n"]),
        ("ints", 4, ["id", "formula", "e_hull", "nelements", "note", "n"]),
        ("hive", 6, ["id", "formula", "e_hull", "nelements", "year"]),
        ("order", 12, ["id", "formula", "e_hull", "nelements", "__index_level_0__"]),
        ("emptypart", 6, ["id", "formula", "e_hull", "nelements"]),
    ],
)
def test_folders_as_others_write_them(name: str, rows: int, columns: list[str]) -> None:
    if not SHARED.exists():
        pytest.skip(f"needs {SHARED}, which is not part of the repository")
    catalog = open_catalog(str(SHARED / name))
    (table,) = catalog.batches(100)
    assert (table.num_rows, table.column_names) == (rows, columns)
    assert table["formula"].to_pylist()[:2] == ["PbTe", "MgO"]
    if name == "order":
        assert table["formula"].to_pylist()[2:6] == ["NaCl", "KCl", "SnSe", "GaAs"]
    if name == "hive":
        assert table["year"].to_pylist() == [2023] * 2 + [2024] * 4
    if name in ("dasklike", "ints"):
        assert table["note"].to_pylist()[:4] == ["a", "b", None, None]
