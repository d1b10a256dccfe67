import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.reading import parquet_files, readers
from kakehashi.catalogs.reading.parquet_files import PIECE_BYTES
from kakehashi.catalogs.records import UserError

MEGABYTE = "x" * (1 << 20)


def shared_value(path: Path, rows: int, value: str = MEGABYTE) -> Path:
    """A file of a few hundred bytes with one long value in every row."""
    note = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [value])
    table = pa.table({"formula": pa.repeat("PbTe", rows), "note": note})
    pq.write_table(table, path, compression="zstd", store_schema=False)
    return path


@pytest.mark.fault
def test_one_long_value_of_many_rows_is_unpacked_a_piece_at_a_time(tmp_path: Path) -> None:
    file = shared_value(tmp_path / "a.parquet", 60_000)
    assert file.stat().st_size < 5_000
    before = pa.total_allocated_bytes()
    pieces = readers.batches(file)
    rows = 0
    for _ in range(20):
        piece = next(pieces)
        rows += piece.num_rows
        assert piece["note"][0].as_py() == MEGABYTE
        assert piece.nbytes <= PIECE_BYTES + (1 << 20)
        assert pa.total_allocated_bytes() - before < 4 * PIECE_BYTES
    assert rows == 320


@pytest.mark.fault
def test_a_table_is_never_held_beyond_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MOST_BYTES", 64 << 20)
    file = shared_value(tmp_path / "a.parquet", 60_000)
    tracemalloc.start()
    with pytest.raises(UserError, match=r"a\.parquet: its rows unpack to more than 0\.0625 GiB"):
        readers.read(file)
    with pytest.raises(UserError, match=r"a\.parquet, \d+ rows at a time: its rows .*--partition-rows"):
        next(open_catalog(str(file)).batches(262_144))
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    assert next(open_catalog(str(file)).batches(10)).num_rows == 10


def test_repeated_texts_come_in_pieces_of_what_they_unpack_to(tmp_path: Path) -> None:
    words = [f"{i:06}" * 1000 for i in range(8)]
    table = pa.table({"formula": [words[i % 8] for i in range(60_000)], "n": np.arange(60_000)})
    pq.write_table(table, tmp_path / "a.parquet")
    assert table.nbytes > 20 * PIECE_BYTES
    start = 0
    for piece in readers.batches(tmp_path / "a.parquet"):
        assert piece.nbytes < 1.2 * PIECE_BYTES
        assert piece.equals(table.slice(start, piece.num_rows))
        start += piece.num_rows
    assert start == 60_000


def test_lists_of_repeated_texts(tmp_path: Path) -> None:
    cells = [[MEGABYTE] * (i % 4) if i % 5 else None for i in range(60)]
    table = pa.table({"species": pa.array(cells, pa.list_(pa.string())), "n": np.arange(60)})
    pq.write_table(table, tmp_path / "a.parquet")
    pieces = list(readers.batches(tmp_path / "a.parquet"))
    assert max(piece.nbytes for piece in pieces) <= PIECE_BYTES + (4 << 20)
    assert pa.concat_tables(pieces).to_pylist() == table.to_pylist()


def test_texts_stored_as_differences(tmp_path: Path) -> None:
    texts = [MEGABYTE + str(i) for i in range(300)]
    pq.write_table(
        pa.table({"note": texts}), tmp_path / "a.parquet", use_dictionary=False,
        column_encoding={"note": "DELTA_BYTE_ARRAY"}, compression="zstd",
    )  # fmt: skip
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 20
    pieces = list(readers.batches(tmp_path / "a.parquet"))
    assert max(piece.nbytes for piece in pieces) < 80 << 20
    assert pa.concat_tables(pieces)["note"].to_pylist() == texts


def test_many_columns_of_equal_numbers(tmp_path: Path) -> None:
    table = pa.table({f"x{i}": pa.repeat(1.0, 20_000) for i in range(400)})
    pq.write_table(table, tmp_path / "a.parquet")
    pieces = list(readers.batches(tmp_path / "a.parquet"))
    assert max(piece.nbytes for piece in pieces) < 1.1 * PIECE_BYTES
    assert sum(piece.num_rows for piece in pieces) == 20_000


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.string_view()]
)
def test_text_of_every_kind_is_read_as_strings(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["NaN", None, "", "NO", "é" * 40]
    pq.write_table(pa.table({"a.b": pa.array(texts).cast(kind), "n": range(5)}), tmp_path / "a.parquet")
    (piece,) = parquet_files.batches(tmp_path / "a.parquet", ["n", "a.b"])
    assert piece.schema.types == [pa.int64(), pa.string()]
    assert piece["a.b"].to_pylist() == texts


def test_other_types_are_kept(tmp_path: Path) -> None:
    table = pa.table(
        {
            "bytes": pa.array([b"a", None]),
            "pair": pa.array([{"x": "a"}, None], pa.struct([("x", pa.string())])),
            "deep": pa.array([[["a"]], []], pa.list_(pa.list_(pa.string()))),
            "fixed": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float64(), 2)),
            "none": pa.nulls(2),
            "day": pa.array([1, 2], pa.date32()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (piece,) = parquet_files.batches(tmp_path / "a.parquet", table.column_names)
    assert piece.equals(table)
