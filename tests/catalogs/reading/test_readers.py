from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import UserError

TRAPS = ["NaN", "NA", "None", "null", "NO", "InF", "nan", "1e5", "", "N/A"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_text_survives_as_typed(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "formula,x\n" + "".join(f"{trap},1\n" for trap in TRAPS))
    column = readers.read(file)["formula"]
    assert column.type == pa.string()
    assert column.to_pylist() == TRAPS


def test_one_column_csv_keeps_empty_lines_as_rows(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "formula\nNaN\n\nFe2O3\n")
    assert readers.read(file)["formula"].to_pylist() == ["NaN", "", "Fe2O3"]


def test_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfformula,x\nFe,1\n")
    assert readers.read(file, ["formula"])["formula"].to_pylist() == ["Fe"]


def test_quoted_cells_with_commas_and_newlines(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", 'formula,note\nFe,"a, b\nc"\n')
    assert readers.read(file)["note"].to_pylist() == ["a, b\nc"]


def test_text_of_dictionary_and_integer_columns() -> None:
    codes = pa.chunked_array([pa.array(["NaN", "Fe", "NaN"]).dictionary_encode()])
    assert readers.as_text(codes, "f", "formula").to_pylist() == ["NaN", "Fe", "NaN"]
    assert readers.as_text(pa.chunked_array([[7]]), "f", "id").to_pylist() == ["7"]
    with pytest.raises(UserError, match="holds double; expected text"):
        readers.as_text(pa.chunked_array([[1.5]]), "f", "formula")


@pytest.mark.parametrize(
    ("name", "content", "message", "code"),
    [
        ("a.csv", None, "no such file", 2),
        ("a.csv", b"", "is empty", 2),
        ("a.csv", b"\n", "is empty", 2),
        ("a.csv", b"formula,x\n", "has a header but no rows", 2),
        ("a.csv", b"formula,x", "has a header but no rows", 2),
        ("a.xlsx", b"PK", "is not a readable .xlsx workbook", 6),
        ("a.xls", b"PK", "unknown suffix '.xls'; expected .csv, .tsv", 2),
        ("a.csv", b"formula,x\nFe\xff,1\n", "is not UTF-8", 2),
        ("a.csv", b"form\xffula,x\nFe,1\n", "is not UTF-8", 2),
        ("a.csv", b"formula,x\nFe,1\nNi,1,2\n", "row 2: expected 2 columns, got 3", 2),
        ("a.csv", b"formula,x,x\nFe,1,2\n", "column 'x' appears more than once", 2),
        ("a.parquet", b"PAR1 cut", "is not a readable Parquet file", 6),
        ("a.parquet", b"", "is not a readable Parquet file", 6),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None, message: str, code: int) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        readers.read(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.code == code


def test_a_folder_is_not_a_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        readers.read(tmp_path)


@pytest.mark.fault
def test_truncated_and_flipped_parquet(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    table = pa.table({"formula": ["Fe"] * 5000, "x": np.arange(5000.0)})
    pq.write_table(table, file, write_page_checksum=True, use_dictionary=False)
    whole = file.read_bytes()
    for broken in (whole[:-20], whole[: len(whole) // 2], whole[:300] + b"\xff" + whole[301:]):
        file.write_bytes(broken)
        with pytest.raises(UserError) as caught:
            readers.read(file)
        assert caught.value.code == 6


def test_missing_column_lists_the_columns_and_the_nearest(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "formula,kappa_W_mK\nFe,1\n")
    with pytest.raises(UserError, match=r"no column 'kappa_w_mk'; did you mean 'kappa_W_mK'\? \(columns: formula"):
        readers.read(file, ["kappa_w_mk"])


def test_wide_rows_of_parquet_come_fewer_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "wide.parquet"
    table = pa.table({"x": [f"{i:08}" * 1000 for i in range(5000)]})
    pq.write_table(table, file, use_dictionary=False)
    pieces = list(readers.batches(file))
    assert max(piece.nbytes for piece in pieces) <= 17 << 20
    assert pa.concat_tables(pieces).equals(table)


def test_pieces_come_in_row_order(tmp_path: Path) -> None:
    rows = 300_000
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": np.arange(rows)}), file)
    pieces = [piece["x"].to_numpy() for piece in readers.batches(file)]
    assert len(pieces) > 1
    np.testing.assert_array_equal(np.concatenate(pieces), np.arange(rows))
    text = write(tmp_path / "a.csv", "x\n" + "".join(f"{i:020d}\n" for i in range(rows)))
    pieces = [piece["x"].cast(pa.int64()).to_numpy() for piece in readers.batches(text)]
    assert len(pieces) > 1
    np.testing.assert_array_equal(np.concatenate(pieces), np.arange(rows))
