"""Readers of table files, and the registry of formats.

CSV and spreadsheet cells are read as text, since `NaN`, `NO`, `InF` and `None` are formulas too. Text becomes numbers
only in columns that are requested as numbers (`catalogs.reading.number_columns`).
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.files.durable import sha256_of
from kakehashi.catalogs.reading import csv_files, parquet_files, parquet_folders, spreadsheets
from kakehashi.catalogs.reading.number_cells import Decimal
from kakehashi.catalogs.reading.open_table import OpenTable, Readable, TableFormat
from kakehashi.catalogs.records import UserError

FORMATS: tuple[TableFormat, ...] = (csv_files.FORMAT, spreadsheets.FORMAT, parquet_files.FORMAT)
"""Formats of table files; a new one is a file with a `TableFormat`, and its name here."""
SUFFIXES = tuple(suffix for form in FORMATS for suffix in form.suffixes)
# Most bytes of one table in memory.
MOST_BYTES = 4 << 30


def suffix_of(path: Path) -> str:
    """Return a table file's suffix, "" for other files.

    >>> suffix_of(Path("Table.CSV.gz"))
    '.csv.gz'
    """
    name = path.name.lower()
    return next((suffix for form in FORMATS for suffix in form.suffixes if name.endswith(suffix)), "")


def check_file(path: Path) -> str:
    """Return the suffix of a table file.

    Raises
    ------
    UserError : a folder, no such file, or another suffix.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a file ({', '.join(SUFFIXES)})")
    if not path.exists():
        raise UserError(f"no such file: {path}")
    if not (suffix := suffix_of(path)):
        raise UserError(unknown_suffix(path))
    return suffix


def unknown_suffix(path: Path) -> str:
    """Write that a suffix is none of a table, with advice."""
    hints = {
        ".xls": "save an old .xls workbook as .xlsx or CSV", ".ods": "save it as .xlsx or CSV",
        ".txt": "call a table of text .csv or .tsv", ".dat": "call a table of text .csv or .tsv",
    }  # fmt: skip
    hint = f"; {hints[path.suffix.lower()]}" if path.suffix.lower() in hints else ""
    return f"{path}: unknown suffix '{path.suffix}'; expected {', '.join(SUFFIXES)}{hint}"


def open_table(table: Readable) -> OpenTable:
    """Read the header of a table.

    An open table is returned as it is.

    Raises
    ------
    UserError : no table, an empty file, or two columns of one name.
    """
    if isinstance(table, OpenTable):
        return table
    opened = _open(table)
    twice = sorted({name for name in opened.columns if name and opened.columns.count(name) > 1})
    if twice:
        raise UserError(f"{table}: column '{twice[0]}' appears more than once; rename one of them")
    return opened


def _open(path: Path) -> OpenTable:
    if path.is_dir():
        return parquet_folders.open_table(path)
    suffix = check_file(path)
    return next(form for form in FORMATS if suffix in form.suffixes).open(path)


def column_names(table: Readable) -> list[str]:
    """List a table's columns; unnamed ones are left out."""
    return [name for name in open_table(table).columns if name]


def unnamed_columns(table: Readable) -> int:
    """Count the columns without a name.

    The index that pandas writes is one; they are not read.
    """
    return sum(not name for name in open_table(table).columns)


def schema_of(table: Readable) -> pa.Schema:
    """Return a table's columns and types.

    Text files have columns of text.
    """
    return open_table(table).schema


def is_typed(table: OpenTable) -> bool:
    """Test for columns with types, as in Parquet."""
    return table.rows is not None


def decimal_mark(table: Readable) -> Decimal:
    """Return a table's decimal mark, "." or ","."""
    table = open_table(table)
    return table.read_decimal_mark()


def read(table: Readable, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a whole table, or some of its columns.

    Raises
    ------
    UserError : no rows, or more than `MOST_BYTES`.
    """
    table = open_table(table)
    pieces: list[pa.Table] = []
    size = 0
    for piece in batches(table, columns):
        pieces.append(piece)
        size = check_held(size + piece.nbytes, table.path)
    if not sum(piece.num_rows for piece in pieces):
        raise UserError(f"{table} has a header but no rows")
    return pa.concat_tables(pieces)


def check_held(size: int, where: Path | str) -> int:
    """Return a table's bytes in memory, if not too many.

    More than `MOST_BYTES` are a UserError.
    """
    if size > MOST_BYTES:
        raise UserError(
            f"{where}: its rows unpack to more than {MOST_BYTES / 2**30:.3g} GiB, the most that is held of a table; "
            "leave out columns of long texts, or take fewer rows (--partition-rows, where they are scored)"
        )
    return size


def batches(table: Readable, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield a table's columns in chunks.

    All columns by default; chunks have a few megabytes and are in row order.
    """
    table = open_table(table)
    names = column_names(table)
    wanted = list(names if columns is None else columns)
    for name in wanted:
        require(name, names, table.path)
    yield from table.read_batches(wanted)


def require(name: str, names: Sequence[str], where: Path | str) -> None:
    """Require a column.

    The UserError names the nearest one.
    """
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1) or [n for n in names if n.lower() == name.lower()]
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise UserError(f"{where}: no column '{name}'{hint} (columns: {', '.join(names)})")


def is_text(kind: pa.DataType) -> bool:
    """Test for arrow types of text.

    They are plain, large, view, or dictionary-encoded.

    >>> is_text(pa.dictionary(pa.int32(), pa.string()))
    True
    """
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def as_text(column: pa.ChunkedArray, where: Path | str, name: str) -> pa.ChunkedArray:
    """Cast text or integers to plain strings.

    Raises
    ------
    UserError : a column of another type.
    """
    if is_text(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    raise UserError(f"{where}: column '{name}' holds {column.type}; expected text")


def as_ids(column: pa.ChunkedArray, where: Path | str, name: str) -> pa.ChunkedArray:
    """Cast identifiers to plain strings.

    Whole numbers that pandas stored as floats are identifiers too.

    NaN is missing.

    Raises
    ------
    UserError : a column of another type, or numbers that are not whole.
    """
    if not pa.types.is_floating(column.type):
        return as_text(column, where, name)
    cells = pc.if_else(pc.is_nan(column), None, column)
    try:
        return cells.cast(pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:
        raise UserError(
            f"{where}: column '{name}' holds numbers that are not whole, or too large to be exact; expected text"
        ) from None


def sha256(table: Readable) -> str:
    """Return the sha256 of a file, a folder or a table in memory.

    That of a folder covers the names and hashes of its Parquet files.
    """
    if isinstance(table, OpenTable) and table.digest:
        return table.digest
    path = table.path if isinstance(table, OpenTable) else table
    if path.is_dir():
        files = parquet_folders.parquet_files_of(path)
        lines = "".join(f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in files)
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    return sha256_of(path)
