"""CSV and Parquet in: text stays text, numbers are checked cell by cell, and every error names the file.

Formulas such as `NaN`, `NO`, `InF` and `None` are ordinary text here: CSV cells are read as text, and only a
column that is asked for as numbers is turned into numbers.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from catalogs.paths import for_arrow
from catalogs.records import UserError

SUFFIXES = (".csv", ".parquet")
_BLOCK = 4 << 20
_BUFFER = 1 << 20
# Rows of Parquet read at a time: so many, or what takes so many bytes once decompressed.
_BATCH_ROWS, _BATCH_BYTES = 65_536, 16 << 20


def check_file(path: Path) -> str:
    """Return the lower-case suffix of a table file, or raise the UserError that says what is wrong."""
    suffix = path.suffix.lower()
    if path.is_dir():
        raise UserError(f"{path} is a folder; expected a CSV or Parquet file")
    if not path.exists():
        raise UserError(f"no such file: {path}")
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: unknown suffix '{path.suffix}'; expected .csv or .parquet")
    return suffix


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder that are data, by name; UserError if there are none."""
    files = sorted(path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_")))
    if not files:
        raise UserError(f"{folder} is a folder that holds no .parquet files")
    return files


def column_names(path: Path) -> list[str]:
    """Return the column names of a CSV or Parquet file, or of the first file of a folder of Parquet.

    Duplicates and an empty file are UserErrors.
    """
    if path.is_dir():
        path = parquet_files(path)[0]
    names = list(open_parquet(path).schema_arrow.names) if check_file(path) == ".parquet" else _csv_header(path)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path}: column '{twice[0]}' appears more than once; rename one of them")
    return names


def schema_of(path: Path) -> pa.Schema:
    """Return the columns and types of a table file or of the first of a folder (every CSV column is text)."""
    names = column_names(path)
    if path.is_dir():
        path = parquet_files(path)[0]
    if path.suffix.lower() == ".parquet":
        return open_parquet(path).schema_arrow
    return pa.schema([(name, pa.string()) for name in names])


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a whole table file, or the named columns of it."""
    tables = list(batches(path, columns))
    table = pa.concat_tables(tables) if tables else None
    if table is None or table.num_rows == 0:
        raise UserError(f"{path} has a header but no rows")
    return table


def batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield a file, or the files of a folder of Parquet, in pieces of a few megabytes, in row order."""
    if path.is_dir():
        for file in parquet_files(path):
            yield from batches(file, columns)
        return
    names = column_names(path)
    wanted = list(names if columns is None else columns)
    for name in wanted:
        require(name, names, path)
    if path.suffix.lower() == ".parquet":
        yield from _parquet_batches(path, wanted)
    else:
        yield from _csv_batches(path, names, wanted)


def require(name: str, names: Sequence[str], where: Path | str) -> None:
    """Raise a UserError that lists the columns if `name` is not among them."""
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1) or [n for n in names if n.lower() == name.lower()]
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise UserError(f"{where}: no column '{name}'{hint} (columns: {', '.join(names)})")


def in_pieces(path: Path) -> pq.ParquetFile:
    """Open a Parquet file to be read in pieces, with page checksums verified; errors are arrow's."""
    # Both options are needed for a file with one huge row group not to be read into memory at once.
    return pq.ParquetFile(for_arrow(path), page_checksum_verification=True, pre_buffer=False, buffer_size=_BUFFER)


def open_parquet(path: Path) -> pq.ParquetFile:
    """The same; a broken file is a UserError with exit code 6."""
    try:
        return in_pieces(path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _parquet_batches(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    file = open_parquet(path)
    try:
        for batch in file.iter_batches(batch_size=batch_rows(file), columns=columns, use_threads=False):
            yield pa.Table.from_batches([batch]).select(columns)
    except pa.ArrowMemoryError:  # no fault of the file
        raise
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def batch_rows(file: pq.ParquetFile) -> int:
    """Rows read at a time, for the widest group of rows."""
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    widest = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows), default=1.0)
    return max(1, min(_BATCH_ROWS, int(_BATCH_BYTES / max(widest, 1.0))))


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, PermissionError):
        return UserError(f"cannot read {path}: permission denied")
    reason = str(error).splitlines()[0].strip().rstrip(".")
    return UserError(f"{path} is not a readable Parquet file ({reason}); it may be truncated, copy it again", code=6)


def _csv_header(path: Path) -> list[str]:
    import csv

    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), None)
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except csv.Error as error:
        raise UserError(f"{path}: the header line cannot be read ({error})") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if not header or not any(name.strip() for name in header):
        raise UserError(f"{path} is empty (or its first line is); expected a header line and rows")
    return header


def _not_utf8(path: Path) -> UserError:
    return UserError(f"{path} is not UTF-8 text; save it as UTF-8 (a spreadsheet offers 'CSV UTF-8')")


def _csv_batches(path: Path, names: list[str], columns: list[str]) -> Iterator[pa.Table]:
    from pyarrow import csv

    try:
        reader = csv.open_csv(
            for_arrow(path),
            # One thread: arrow then names the row in its errors, and pieces come in file order.
            read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            # An empty line is a row with an empty cell only where there is just one column.
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(names) > 1),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                include_columns=columns,
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        text = str(error).splitlines()[0]
        if "utf8" in text.lower():
            raise _not_utf8(path) from error
        if "Empty CSV" in text:  # arrow's word for a header without a line end; the header was read before
            return
        counted = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text)
        if counted:  # arrow counts the header line, everything here counts data rows
            text = f"row {int(counted[1]) - 1}: expected {counted[2]} columns, got {counted[3]}"
        raise UserError(f"{path}: {text}") from error
    except (OSError, KeyError) as error:
        raise UserError(f"{path}: {error}") from error


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


def sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, or one for the files of a folder of Parquet."""
    if path.is_dir():
        lines = "".join(f"{file.name} {sha256(file)}\n" for file in parquet_files(path))
        return hashlib.sha256(lines.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
