"""Text tables: CSV and TSV, also gzipped."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.files.gzipped import is_gzipped, open_bytes
from kakehashi.catalogs.files.parquet import in_memory
from kakehashi.catalogs.files.paths import for_arrow
from kakehashi.catalogs.reading.csv_dialect import Dialect, cannot_read, not_text, read_dialect
from kakehashi.catalogs.reading.number_cells import Decimal
from kakehashi.catalogs.reading.open_table import OpenTable, TableFormat, text_schema
from kakehashi.catalogs.records import UserError

_BLOCK = 4 << 20
# Most characters of a file that is not UTF-8, which is recoded in memory.
_MOST_RECODED = 1 << 30
# Numbers with this decimal mark, and those among them that may be thousands: 1,234 and 1.234, not 0,234 or 1,23.
_CERTAIN = {
    mark: (rf"^\s*[+-]?\d*{mark}\d+([eE][+-]?\d+)?\s*$", rf"^\s*[+-]?[1-9]\d{{0,2}}{mark}\d{{3}}\s*$")
    for mark in (r"\.", ",")
}


def open_table(path: Path) -> OpenTable:
    """Read the header of a text table."""
    dialect = read_dialect(path)
    return OpenTable(
        path,
        dialect.names,
        text_schema(dialect.names),
        partial(batches, path, dialect),
        read_decimal_mark=partial(decimal_mark, path, dialect),
    )


FORMAT = TableFormat((".csv", ".tsv", ".csv.gz", ".tsv.gz"), open_table)


def batches(path: Path, dialect: Dialect, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the named columns as text.

    Chunks have a few megabytes and are in row order.
    """
    cells = [dialect.header[dialect.names.index(name)] for name in columns]
    for piece in _read(path, dialect, cells):
        yield piece.rename_columns(list(columns))


def _read(path: Path, dialect: Dialect, cells: Sequence[str]) -> Iterator[pa.Table]:
    """Yield columns by their cells in the header.

    Raises
    ------
    UserError : an unreadable file, rows of other widths, or a quotation mark left open, which arrow closes at the end.
    """
    from pyarrow import csv as arrow_csv

    final = dialect.header[-1]
    last = ""
    try:
        reader = arrow_csv.open_csv(
            _for_arrow(path, dialect.encoding),
            # One thread: arrow then names the row in its errors, and pieces come in file order.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK, skip_rows=dialect.skipped),
            # An empty line is a row with an empty cell only where there is just one column.
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter, newlines_in_values=True, ignore_empty_lines=len(dialect.header) > 1
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(dialect.header, pa.string()),
                include_columns=list(dict.fromkeys([*cells, final])),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            if batch.num_rows:
                last = batch.column(final)[-1].as_py()
            yield pa.Table.from_batches([batch]).select(list(cells))
        if re.search(r"[\r\n]", last) and not _ends_in_quote(path, dialect.encoding):
            raise UserError(f"{path}: a quotation mark is not closed; what follows it would be one cell: {last[:60]!r}")
    except UnicodeError as error:
        raise not_text(path, dialect.encoding) from error
    except pa.ArrowInvalid as error:
        text = str(error).splitlines()[0]
        if "utf8" in text.lower():
            raise not_text(path, dialect.encoding) from error
        if "Empty CSV" in text:  # arrow's word for a header without a line end; the header was read before
            return
        if "straddling" in text:
            text = f"a row is longer than {_BLOCK >> 20} MB, or a quotation mark is not closed; correct it"
        counted = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text)
        if counted:  # arrow counts the lines from the first, everything here counts data rows
            row = int(counted[1]) - 1 - dialect.skipped
            text = f"row {row}: expected {counted[2]} columns, got {counted[3]}"
        raise UserError(f"{path}: {text}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise cannot_read(path, error) from error


def decimal_mark(path: Path, dialect: Dialect) -> Decimal:
    """Return the decimal mark of a table.

    It is "," if some number needs a comma and none needs a point.
    """
    if dialect.delimiter == ",":
        return "."
    mark: Decimal = "."
    for piece in _read(path, dialect, tuple(dict.fromkeys(dialect.header))):
        if any(_has_certain(column, r"\.") for column in piece.columns):
            return "."
        if any(_has_certain(column, ",") for column in piece.columns):
            mark = ","
    return mark


def _has_certain(column: pa.ChunkedArray, mark: str) -> bool:
    number, thousand = _CERTAIN[mark]
    numbers = pc.match_substring_regex(column, number)
    return bool(pc.any(pc.and_not(numbers, pc.match_substring_regex(column, thousand))).as_py())


def _ends_in_quote(path: Path, encoding: str) -> bool:
    with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
        end = ""
        while block := text.read(_BLOCK):
            end = (end + block)[-100:]
    return end.rstrip("\r\n").endswith('"')


def _for_arrow(path: Path, encoding: str) -> Any:
    """Return UTF-8 that arrow opens without calling Python.

    Arrow's threads may outlive the interpreter.
    """
    if encoding.startswith("utf-8"):
        return pa.input_stream(for_arrow(path), compression="gzip") if is_gzipped(path) else for_arrow(path)
    with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
        characters = text.read(_MOST_RECODED + 1)
    if len(characters) > _MOST_RECODED:
        raise UserError(f"{path} is {encoding.upper()} text of more than {_MOST_RECODED >> 20} MB; save it as UTF-8")
    return in_memory(characters.encode())
