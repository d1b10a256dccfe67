import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.records import UserError

SHARED = Path(__file__).parents[3].parent / "shared/data"


def whole(spec: str, size: int = 7, material: str | None = None, limit: int | None = None) -> pa.Table:
    catalog = open_catalog(spec, material, limit)
    batches = list(catalog.batches(size))
    assert [batch.num_rows for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert all(batch.schema == catalog.schema for batch in batches)
    table = pa.concat_tables(batches)
    assert table.num_rows == catalog.rows
    return table


def csv_file(folder: Path, text: str) -> str:
    path = folder / "c.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_csv_columns_and_types(tmp_path: Path) -> None:
    file = csv_file(
        tmp_path,
        "price,mbid,composition,n,code,word,nothing\n1.5,a,NaN,1,007,x,\n,,NO,2,1,NaN,\nnan,c,,3,2,,\n",
    )
    table = whole(file)
    assert table.column_names == ["id", "formula", "price", "n", "code", "word", "nothing"]
    assert table["id"].to_pylist() == ["a", "2", "c"]
    assert table["formula"].to_pylist() == ["NaN", "NO", ""]
    assert table["price"].to_pylist() == [1.5, None, None]
    assert table["n"].to_pylist() == [1, 2, 3]
    assert table["code"].to_pylist() == ["007", "1", "2"]
    assert table["word"].to_pylist() == ["x", "NaN", ""]
    assert table["nothing"].to_pylist() == ["", "", ""]


def test_long_digits_stay_text(tmp_path: Path) -> None:
    table = whole(csv_file(tmp_path, "formula,cid\nFe,12345678901234567890\n"))
    assert table["cid"].to_pylist() == ["12345678901234567890"]


def test_a_late_text_cell_makes_the_whole_column_text(tmp_path: Path) -> None:
    rows = "".join(f"Fe{i + 1},{'x' * 40},{i}\n" for i in range(120_000))
    table = whole(csv_file(tmp_path, f"formula,pad,n\n{rows}Fe,y,word\n"), size=50_000)
    assert table["n"].type == pa.string()
    assert table["n"][-1].as_py() == "word"
    assert table["id"].to_pylist()[-1] == "120001"


def test_own_columns_with_reserved_names_travel_prefixed(tmp_path: Path) -> None:
    file = csv_file(tmp_path, "formula,mean,catalog_mean,domain,id\nFe,1,2,3,a\n")
    catalog = open_catalog(file)
    assert catalog.schema.names == ["id", "formula", "catalog_catalog_mean", "catalog_mean", "catalog_domain"]
    assert "catalogue column 'mean' is passed on as 'catalog_catalog_mean'" in catalog.notes
    assert len(catalog.notes) == 2
    assert whole(file).to_pylist() == [
        {"id": "a", "formula": "Fe", "catalog_catalog_mean": 1, "catalog_mean": 2, "catalog_domain": 3}
    ]


def test_material_names_the_column_and_formula_is_kept(tmp_path: Path) -> None:
    file = csv_file(tmp_path, "formula,cell\nFe,Fe2\n")
    assert whole(file, material="cell").to_pylist() == [{"id": "1", "formula": "Fe2", "catalog_formula": "Fe"}]


def test_null_formula_stays_a_row(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"formula": ["Fe", None, "Ni"], "id": ["a", "b", None]}), path)
    table = whole(str(path))
    assert table["formula"].to_pylist() == ["Fe", None, "Ni"]
    assert table["id"].to_pylist() == ["a", "b", "3"]


@pytest.mark.parametrize("size", [1, 3, 10, 25, 1000])
def test_folder_batches_and_limit(tmp_path: Path, size: int) -> None:
    for part in range(3):
        table = pa.table({"formula": [f"Fe{10 * part + i + 1}" for i in range(10)], "x": np.arange(10.0)})
        pq.write_table(table, tmp_path / f"part-{part}.parquet", row_group_size=4)
    (tmp_path / ".hidden.parquet").write_bytes(b"x")
    (tmp_path / "_SUCCESS.parquet").write_bytes(b"x")
    table = whole(str(tmp_path), size)
    assert table["id"].to_pylist() == [str(i + 1) for i in range(30)]
    assert table["formula"].to_pylist() == [f"Fe{i + 1}" for i in range(30)]
    assert whole(str(tmp_path), size, limit=13)["id"].to_pylist() == [str(i + 1) for i in range(13)]


def test_folder_with_unlike_files_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"formula": ["Fe"], "x": [1.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"formula": ["Fe"], "y": [1.0]}), tmp_path / "b.parquet")
    with pytest.raises(UserError, match=r"b\.parquet: no column 'x'"):
        open_catalog(str(tmp_path))
    pq.write_table(pa.table({"formula": ["Fe"], "x": ["1"]}), tmp_path / "b.parquet")
    with pytest.raises(UserError, match=r"b\.parquet: column 'x' holds string"):
        open_catalog(str(tmp_path))


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no \.parquet files"):
        open_catalog(str(tmp_path))
    with pytest.raises(UserError, match="has a header but no rows"):
        open_catalog(csv_file(tmp_path, "formula,x\n"))
    with pytest.raises(UserError, match="no such file"):
        open_catalog(str(tmp_path / "none.csv"))
    with pytest.raises(UserError, match="did you mean 'default'"):
        open_catalog("defalt")
    with pytest.raises(UserError, match="a property, not a list of candidates"):
        open_catalog("volume_per_atom")
    with pytest.raises(UserError, match="no column 'formula'"):
        open_catalog(csv_file(tmp_path, "name\nFe\n"))
    with pytest.raises(UserError, match="--limit must be at least 1"):
        open_catalog("mp_formulas", limit=0)
    pq.write_table(pa.table({"formula": [1.5]}), tmp_path / "n.parquet")
    with pytest.raises(UserError, match="holds double; expected text"):
        open_catalog(str(tmp_path / "n.parquet"))


def test_sha256_follows_the_content(tmp_path: Path) -> None:
    file = csv_file(tmp_path, "formula\nFe\n")
    assert open_catalog(file).sha256 == hashlib.sha256(b"formula\nFe\n").hexdigest()
    for name in ("a", "b"):
        pq.write_table(pa.table({"formula": ["Fe"]}), tmp_path / f"{name}.parquet")
    before = open_catalog(str(tmp_path)).sha256
    pq.write_table(pa.table({"formula": ["Ni"]}), tmp_path / "b.parquet")
    assert open_catalog(str(tmp_path)).sha256 != before


def test_materials_project_snapshot_opens() -> None:
    path = SHARED / "inorganic/mp_snapshot.parquet"
    if not path.exists():
        pytest.skip(f"needs {path}, which is not part of the repository")
    catalog = open_catalog(str(path))
    first = next(catalog.batches(4096))
    assert catalog.rows == 157_185
    assert first["id"][0].as_py() == "mp-1"
    assert "catalog_reduced_formula" in catalog.schema.names
    nulls = sum(batch["formula"].null_count for batch in catalog.batches(4096))
    assert nulls == 1


def test_documents_that_hold_nothing_are_told_from_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "docs.json").write_text("[]")
    with pytest.raises(UserError, match=r"docs\.json holds no structures"):
        open_catalog(str(tmp_path / "docs.json"))
    with pytest.raises(UserError, match=r"holds no \.parquet files; of JSON documents give the file itself"):
        open_catalog(str(tmp_path))
