import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.open_table import OpenTable, TableFormat, text_schema
from kakehashi.catalogs.records import UserError


def open_lines(path: Path) -> OpenTable:
    """A format of another's: one JSON object of texts a line."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = tuple(rows[0])

    def batches(rows: list[dict[str, str]], columns: Sequence[str]) -> Iterator[pa.Table]:
        yield pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in columns})

    return OpenTable(path, names, text_schema(names), partial(batches, rows))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> None:
    form = TableFormat((".jsonl",), open_lines)
    monkeypatch.setattr(readers, "FORMATS", (*readers.FORMATS, form))
    monkeypatch.setattr(readers, "SUFFIXES", (*readers.SUFFIXES, *form.suffixes))  # made of FORMATS on import


def write(path: Path) -> Path:
    rows = [{"formula": f"Li{i}O", "gap": str(i / 2)} for i in range(1, 13)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_one_line_of_the_registry_adds_a_format(tmp_path: Path, lines: None) -> None:
    path = write(tmp_path / "Gaps.JSONL")
    assert readers.suffix_of(path) == ".jsonl"
    assert readers.column_names(path) == ["formula", "gap"]
    assert readers.read(path, ["gap"])["gap"].to_pylist()[:2] == ["0.5", "1.0"]
    assert readers.decimal_mark(readers.open_table(path)) == "."
    with pytest.raises(UserError, match="no column 'gaps'; did you mean 'gap'"):
        readers.read(path, ["gaps"])
    table = load_table(f"{path}:gap")
    assert len(table) == 12
    assert table.values.tolist() == [i / 2 for i in range(1, 13)]


def test_without_the_line_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown suffix '.jsonl'; expected .csv, .tsv, .csv.gz, .tsv.gz, .xlsx"):
        readers.read(write(tmp_path / "gaps.jsonl"))


def test_suffixes_belong_to_one_format() -> None:
    assert len(set(readers.SUFFIXES)) == len(readers.SUFFIXES)
    assert all(suffix == suffix.lower() for suffix in readers.SUFFIXES)
