"""Table files in: text stays text, pieces are bounded, and every error names the file.

Formulas such as `NaN`, `NO`, `InF` and `None` are ordinary text here: CSV and spreadsheet cells are read as text, and
only a column that is asked for as numbers is turned into numbers (`catalogs.reading.number_columns`).
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.reading import csv_files, parquet_files, parquet_folders, spreadsheets
from kakehashi.catalogs.reading.number_cells import Decimal
from kakehashi.catalogs.records import UserError

TEXT_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
SUFFIXES = (*TEXT_SUFFIXES, ".xlsx", ".parquet")
# Bytes that are held of one table at a time.
MOST_BYTES = 4 << 30


def suffix_of(path: Path) -> str:
    """Return which of SUFFIXES a path ends in, "" where none."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def check_file(path: Path) -> str:
    """Return the suffix of a table file, or raise the UserError that says what is wrong."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a file ({', '.join(SUFFIXES)})")
    if not path.exists():
        raise UserError(f"no such file: {path}")
    if not (suffix := suffix_of(path)):
        raise UserError(unknown_suffix(path))
    return suffix


def unknown_suffix(path: Path) -> str:
    """Say that a file's suffix is none of a table's, and what to do where that is known."""
    hints = {
        ".xls": "save an old .xls workbook as .xlsx or CSV", ".ods": "save it as .xlsx or CSV",
        ".txt": "call a table of text .csv or .tsv", ".dat": "call a table of text .csv or .tsv",
    }  # fmt: skip
    hint = f"; {hints[path.suffix.lower()]}" if path.suffix.lower() in hints else ""
    return f"{path}: unknown suffix '{path.suffix}'; expected {', '.join(SUFFIXES)}{hint}"


def parquet_files_of(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder that are data, in the order of their numbers; UserError if none."""
    return parquet_folders.parquet_files_of(folder)


def unread(folder: Path) -> list[str]:
    """Return the names of what a folder of Parquet holds beside its data, but for hidden files."""
    return parquet_folders.unread(folder)


def column_names(path: Path) -> list[str]:
    """Return the names of the columns of a table file or a folder of Parquet; those without a name are left out.

    Duplicates and an empty file are UserErrors.
    """
    names = [name for name in _all_names(path) if name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path}: column '{twice[0]}' appears more than once; rename one of them")
    return names


def unnamed_columns(path: Path) -> int:
    """Number of columns that have no name, such as the index that pandas writes; nothing is read of them."""
    return sum(not name for name in _all_names(path))


def _all_names(path: Path) -> list[str]:
    if path.is_dir():
        return list(parquet_folders.open_folder(path).schema.names)
    suffix = check_file(path)
    if suffix == ".parquet":
        return list(parquet_files.open_parquet(path).schema_arrow.names)
    return list(spreadsheets.header(path) if suffix == ".xlsx" else csv_files.read_dialect(path).names)


def schema_of(path: Path) -> pa.Schema:
    """Return the columns and types of a table file or a folder of Parquet (text files have columns of text)."""
    if path.is_dir():
        return parquet_folders.open_folder(path).schema
    names = column_names(path)
    if suffix_of(path) == ".parquet":
        return parquet_files.open_parquet(path).schema_arrow
    return pa.schema([(name, pa.string()) for name in names])


def is_typed(path: Path) -> bool:
    """Whether columns have types of their own, as those of Parquet."""
    return path.is_dir() or suffix_of(path) == ".parquet"


def decimal_mark(path: Path) -> Decimal:
    """Return the decimal mark of the numbers in a table file, "." or ","."""
    if path.is_dir() or suffix_of(path) not in TEXT_SUFFIXES:
        return "."
    return csv_files.decimal_mark(path, csv_files.read_dialect(path))


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a whole table file, or the named columns of it; more than `MOST_BYTES` are a UserError."""
    tables: list[pa.Table] = []
    held = 0
    for table in batches(path, columns):
        tables.append(table)
        held = check_held(held + table.nbytes, path)
    if not sum(table.num_rows for table in tables):
        raise UserError(f"{path} has a header but no rows")
    return pa.concat_tables(tables)


def check_held(held: int, where: Path | str) -> int:
    """Return the bytes held of a table; more than `MOST_BYTES` are a UserError."""
    if held > MOST_BYTES:
        raise UserError(
            f"{where}: its rows unpack to more than {MOST_BYTES / 2**30:.3g} GiB, the most that is held of a table; "
            "leave out columns of long texts, or take fewer rows (--partition-rows, where they are scored)"
        )
    return held


def batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield a file, or the files of a folder of Parquet, in pieces of a few megabytes, in row order."""
    names = column_names(path)
    wanted = list(names if columns is None else columns)
    for name in wanted:
        require(name, names, path)
    if path.is_dir():
        yield from parquet_folders.batches(path, wanted)
    elif suffix_of(path) == ".parquet":
        yield from parquet_files.batches(path, wanted)
    elif suffix_of(path) == ".xlsx":
        yield from spreadsheets.batches(path, wanted)
    else:
        yield from csv_files.batches(path, csv_files.read_dialect(path), wanted)


def require(name: str, names: Sequence[str], where: Path | str) -> None:
    """Raise a UserError that lists the columns if `name` is not among them."""
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1) or [n for n in names if n.lower() == name.lower()]
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise UserError(f"{where}: no column '{name}'{hint} (columns: {', '.join(names)})")


def is_text(kind: pa.DataType) -> bool:
    """Whether an arrow type holds text (plain, large, or dictionary-encoded)."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def as_text(column: pa.ChunkedArray, where: Path | str, name: str) -> pa.ChunkedArray:
    """Return a column as plain strings; integers become their digits, other types are refused."""
    if is_text(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    raise UserError(f"{where}: column '{name}' holds {column.type}; expected text")


def as_ids(column: pa.ChunkedArray, where: Path | str, name: str) -> pa.ChunkedArray:
    """The same of identifiers: whole numbers that pandas keeps as floats become their digits, NaN is missing."""
    if not pa.types.is_floating(column.type):
        return as_text(column, where, name)
    cells = pc.if_else(pc.is_nan(column), None, column)
    try:
        return cells.cast(pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:
        raise UserError(
            f"{where}: column '{name}' holds numbers that are not whole, or too large to be exact; expected text"
        ) from None


def count_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file or a folder of them, from what the files say of themselves."""
    if path.is_dir():
        return parquet_folders.open_folder(path).rows
    return int(parquet_files.open_parquet(path).metadata.num_rows)


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, or one for the files of a folder of Parquet."""
    if path.is_dir():
        files = parquet_files_of(path)
        lines = "".join(f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in files)
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
