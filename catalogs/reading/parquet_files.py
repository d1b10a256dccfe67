"""Parquet files in chunks bounded by unpacked bytes.

A value that many rows share is stored once, so a file of some hundred bytes can hold rows of gigabytes. Texts that may
be long are therefore decoded as dictionaries, measured row by row, and unpacked a few megabytes at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kakehashi.catalogs.files.paths import for_arrow
from kakehashi.catalogs.reading.open_table import OpenTable, TableFormat
from kakehashi.catalogs.records import UserError

# Most rows of a chunk, and most bytes that they unpack to.
PIECE_ROWS, PIECE_BYTES = 65_536, 16 << 20
_BUFFER = 1 << 20
# Bytes of an unpacked value; texts take an offset each, and are measured when they are read.
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}
# Values stored as differences from the one before cannot be measured before they are unpacked.
_CHAINED = "DELTA_BYTE_ARRAY"
_CHAINED_ROWS, _CHAINED_BYTES = 64, 256 << 20


class Texts(NamedTuple):
    """Columns of text.

    measured : paths of the leaves whose lengths can be measured before unpacking
    unmeasured : names of the columns with another leaf
    """

    measured: tuple[str, ...]
    unmeasured: frozenset[str]


def in_pieces(path: Path, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    """Open a Parquet file for reading in chunks.

    Page checksums are verified.

    dictionaries : paths of the leaves that are read as dictionaries

    Raises
    ------
    pyarrow.ArrowException, OSError : a broken file.
    """
    # Both options are needed for a file with one huge row group not to be read into memory at once.
    return pq.ParquetFile(
        for_arrow(path),
        page_checksum_verification=True,
        pre_buffer=False,
        buffer_size=_BUFFER,
        read_dictionary=list(dictionaries) or None,
    )


def open_parquet(path: Path, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    """Open a Parquet file, as `in_pieces`.

    Raises
    ------
    UserError : a broken file, code 6.
    """
    try:
        return in_pieces(path, dictionaries)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def open_table(path: Path) -> OpenTable:
    """Read the schema and row count of a file."""
    file = open_parquet(path)
    schema = file.schema_arrow
    return OpenTable(path, tuple(schema.names), schema, partial(batches, path), rows=int(file.metadata.num_rows))


FORMAT = TableFormat((".parquet",), open_table)


def batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the named columns in chunks.

    These have `PIECE_BYTES` or one row, in row order; text is plain strings.
    """
    file = open_parquet(path)
    kinds = file.schema_arrow
    texts = _texts(file, columns)
    rows = batch_rows(file, columns)
    if texts.unmeasured:
        rows = min(rows, _unmeasured_rows(file, texts.unmeasured))
    try:
        file = open_parquet(path, _long_texts(path, texts.measured, rows))
        for batch in file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False):
            table = pa.Table.from_batches([batch]).select(columns)
            for start, stop in _cuts(unpacked_bytes(table)):
                yield _unpacked(table.slice(start, stop - start), kinds)
    except pa.ArrowMemoryError:  # no fault of the file
        raise
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def batch_rows(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> int:
    """Choose a chunk's rows for the widest row group.

    Texts count as they are stored.
    """
    leaves = [i for i, name in enumerate(_columns(file)) if columns is None or name in columns]
    widest = 1.0
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        if group.num_rows:
            chunks = [group.column(i) for i in leaves]
            stored = sum(max(c.total_uncompressed_size, c.num_values * _width(file, c)) for c in chunks)
            widest = max(widest, stored / group.num_rows)
    return max(1, min(PIECE_ROWS, int(PIECE_BYTES / widest)))


def unpacked_bytes(table: pa.Table) -> NDArray[np.int64]:
    """Count the bytes that each row's texts unpack to (rows,).

    Texts are dictionaries, or lists of them.
    """
    total = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        start = 0
        for chunk in column.chunks:
            total[start : start + len(chunk)] += _lengths(chunk)
            start += len(chunk)
    return total


def _lengths(chunk: pa.Array) -> NDArray[np.int64]:
    kind = chunk.type
    if pa.types.is_dictionary(kind) and is_bytes(kind.value_type):
        lengths = pc.fill_null(pc.binary_length(chunk.dictionary), 0).to_numpy(zero_copy_only=False)
        known = np.append(lengths.astype(np.int64), 0)  # the last is that of a null
        return np.asarray(known[pc.fill_null(chunk.indices, len(known) - 1).to_numpy(zero_copy_only=False)])
    if _is_list(kind):
        ends = np.concatenate([[0], np.cumsum(_lengths(chunk.values))]).astype(np.int64)
        return np.asarray(np.diff(ends[chunk.offsets.to_numpy(zero_copy_only=False)]), np.int64)
    return np.zeros(len(chunk), np.int64)


def _cuts(lengths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows of at most `PIECE_BYTES`.

    A longer row is a range of its own.
    """
    ends = np.cumsum(lengths)
    start, before = 0, 0
    while start < len(ends):
        stop = max(start + 1, int(np.searchsorted(ends, before + PIECE_BYTES, side="right")))
        yield start, stop
        start, before = stop, int(ends[stop - 1])


def _unpacked(table: pa.Table, kinds: pa.Schema) -> pa.Table:
    plain = [plain_type(kinds.field(name).type) for name in table.column_names]
    columns = [column.cast(kind) for column, kind in zip(table.columns, plain, strict=True)]
    fields = [pa.field(name, kind) for name, kind in zip(table.column_names, plain, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that a column is read as.

    All text becomes strings, a dictionary its values.
    """
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return pa.string()
    return kind


def _texts(file: pq.ParquetFile, columns: Sequence[str]) -> Texts:
    """Find the leaves of text among columns.

    Those of nested types, or stored as differences, stay unmeasured.
    """
    kinds = file.schema_arrow
    measured, unmeasured = [], set()
    for leaf, name in enumerate(_columns(file)):
        if name not in columns or file.schema.column(leaf).physical_type != "BYTE_ARRAY":
            continue
        path = file.schema.column(leaf).path
        kind = kinds.field(name).type
        inner = kind.value_type if _is_list(kind) else kind
        if (is_bytes(inner) or pa.types.is_dictionary(inner)) and not _is_chained(file, leaf):
            measured.append(path)
        else:
            unmeasured.add(name)
    return Texts(tuple(measured), frozenset(unmeasured))


def _long_texts(path: Path, leaves: Sequence[str], rows: int) -> list[str]:
    """Find the leaves that must be measured.

    These are lists, and texts so long that `rows` of them exceed a chunk.
    """
    longest: dict[str, int] = {}
    file = open_parquet(path, leaves)
    plain = [leaf for leaf in leaves if leaf in file.schema_arrow.names]
    for group in range(file.metadata.num_row_groups if plain else 0):
        # The first row comes with all values of the group that are stored once for many rows.
        for batch in islice(file.iter_batches(batch_size=1, row_groups=[group], columns=plain, use_threads=False), 1):
            for leaf in plain:
                lengths = pc.max(pc.binary_length(batch.column(leaf).dictionary)).as_py()
                longest[leaf] = max(longest.get(leaf, 0), lengths or 0)
    budget = PIECE_BYTES // rows
    measured = [leaf for leaf in leaves if leaf not in plain]
    for leaf in sorted(longest, key=longest.__getitem__):
        budget -= longest[leaf]
        if budget < 0:
            measured.append(leaf)
    return measured


def _is_chained(file: pq.ParquetFile, leaf: int) -> bool:
    groups = range(file.metadata.num_row_groups)
    return any(_CHAINED in file.metadata.row_group(i).column(leaf).encodings for i in groups)


def _unmeasured_rows(file: pq.ParquetFile, columns: frozenset[str]) -> int:
    """Choose a chunk's rows without measuring its texts.

    All that is stored of a column bounds its longest value.
    """
    leaves = [i for i, name in enumerate(_columns(file)) if name in columns]
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    longest = max((group.column(i).total_uncompressed_size for group in groups for i in leaves), default=1)
    return max(1, min(_CHAINED_ROWS, _CHAINED_BYTES // max(longest, 1)))


def _columns(file: pq.ParquetFile) -> list[str]:
    """List the column of each leaf."""
    names = set(file.schema_arrow.names)
    paths = [file.schema.column(leaf).path for leaf in range(len(file.schema))]
    return [path if path in names else _parent(path, names) for path in paths]


def _parent(path: str, names: set[str]) -> str:
    parts = path.split(".")
    above = (".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
    return next((name for name in above if name in names), path)


def _width(file: pq.ParquetFile, chunk: pq.ColumnChunkMetaData) -> int:
    if chunk.physical_type in _WIDTHS:
        return _WIDTHS[chunk.physical_type]
    lengths = [file.schema.column(i) for i in range(len(file.schema))]
    return max((leaf.length for leaf in lengths if leaf.path == chunk.path_in_schema), default=8)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Test for arrow types of texts or bytes."""
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(check(kind) for check in checks)


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, PermissionError):
        return UserError(f"cannot read {path}: permission denied")
    reason = str(error).splitlines()[0].strip().rstrip(".")
    return UserError(f"{path} is not a readable Parquet file ({reason}); it may be truncated, copy it again", code=6)
