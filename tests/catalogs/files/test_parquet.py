"""Parquet and arrow's threads."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.files import parquet


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
def test_what_arrow_reads_is_its_own_memory(data: bytes) -> None:
    """Its threads may free a file while Python ends, and would abort the process if the memory were Python's."""
    before = pa.total_allocated_bytes()
    file = parquet.in_memory(data)
    assert file.read() == data
    assert pa.total_allocated_bytes() - before >= len(data)


def test_a_table_keeps_nothing_of_the_bytes_it_was_read_from(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with path.open("wb") as sink:
        writer = parquet.TableWriter(sink, pa.schema([("x", pa.int64())]))
        writer.write(pa.table({"x": np.arange(1000)}))
        writer.close()
    data = bytearray(path.read_bytes())
    table = parquet.read(data, "a.parquet")  # type: ignore[arg-type]
    data.clear()  # BufferError if anything held on to it
    assert table["x"].to_pylist() == list(range(1000))


def test_no_reader_is_given_memory_of_pythons(root: Path) -> None:
    given = re.compile(r"BufferReader\(|py_buffer\(|PythonFile\(|foreign_buffer\(")
    found = {
        path.name
        for room in ("catalogs", "screen", "design")
        for path in (root / room).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if given.search(line)
    }
    assert found == {"parquet.py"}
