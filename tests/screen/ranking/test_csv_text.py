"""A ranking as CSV: nothing a spreadsheet would run, every type of column written, nothing lost."""

import csv
import io
from datetime import date

import pyarrow as pa
import pytest

from kakehashi.screen.ranking.csv_text import csv_bytes


def read(table: pa.Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_bytes(table).decode(), newline="")))


ACTIVE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x","y")']


@pytest.mark.fault
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
@pytest.mark.parametrize("cell", ACTIVE)
def test_cells_a_spreadsheet_would_run_become_text(cell: str, kind: pa.DataType) -> None:
    column = pa.array([cell, "MgO", None]).cast(kind)
    rows = read(pa.table({"id": column}))
    assert [row[0] if row else "" for row in rows] == ["id", "'" + cell, "MgO", ""]


@pytest.mark.fault
def test_headings_are_cells_too() -> None:
    assert read(pa.table({"=cmd()": [1], "ok": [2]}))[0] == ["'=cmd()", "ok"]


def test_numbers_keep_their_sign_and_their_digits() -> None:
    rows = read(pa.table({"x": [-1.5, 0.1, 1e-300], "n": [-3, 2**53 + 1, None]}))
    assert [float(row[0]) for row in rows[1:]] == [-1.5, 0.1, 1e-300]
    assert [row[1] for row in rows[1:]] == ["-3", "9007199254740993", ""]


@pytest.mark.fault
def test_bytes_that_spell_a_formula_are_written_as_digits() -> None:
    assert read(pa.table({"b": pa.array([b"=1+1", b"\xff\x00"])}))[1:] == [["3d312b31"], ["ff00"]]


def test_lists_and_structures_are_json() -> None:
    table = pa.table({"l": [[1, 2], None], "s": [{"a": "=x"}, {"a": None}]})
    assert read(table)[1:] == [["[1, 2]", '{"a": "=x"}'], ["", '{"a": null}']]


def test_text_comes_back_as_it_was() -> None:
    texts = ['a,"b"', "two\nlines", "naïve · κ", " =not first", "'quoted"]
    assert [row[0] for row in read(pa.table({"t": texts}))[1:]] == texts


def test_other_types_are_written_and_an_empty_table_is_a_heading() -> None:
    rows = read(pa.table({"d": [date(2020, 1, 2)], "b": [True], "n": pa.nulls(1)}))
    assert rows == [["d", "b", "n"], ["2020-01-02", "true", ""]]
    assert csv_bytes(pa.table({"a": pa.array([], pa.string())})) == b'"a"\n'
