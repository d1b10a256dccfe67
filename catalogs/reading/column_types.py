"""Types of a catalogue's extra columns.

Parquet has them; text gets the narrowest that keeps every cell.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.reading import parquet_files, readers
from kakehashi.catalogs.reading.number_cells import Decimal
from kakehashi.catalogs.reading.number_columns import are_missing, is_number, strip_cells
from kakehashi.catalogs.reading.open_table import OpenTable


def profile(table: OpenTable, columns: list[str], decimal: Decimal) -> tuple[int, dict[str, pa.DataType]]:
    """Count a table's rows and find its columns' types."""
    if table.rows is not None:
        kinds = {name: parquet_files.plain_type(table.schema.field(name).type) for name in columns}
        return table.rows, kinds
    return _profile_text(table, columns, decimal)


def as_type(column: pa.ChunkedArray, kind: pa.DataType, decimal: Decimal = ".") -> pa.ChunkedArray:
    """Cast a column to a type.

    Words for a missing value become null among numbers.

    Raises
    ------
    pyarrow.ArrowInvalid : a cell is of another type.
    """
    if column.type == kind:
        return column
    if readers.is_text(column.type) and is_number(kind):
        cells = strip_cells(column.cast(pa.string()))
        if decimal == ",":
            if pc.any(pc.match_substring(cells, ".")).as_py():
                raise pa.ArrowInvalid("a point beside decimal commas")
            cells = pc.replace_substring(cells, ",", ".")
        return pc.if_else(are_missing(cells), None, cells).cast(kind)
    return column.cast(kind)


def _profile_text(table: OpenTable, columns: list[str], decimal: Decimal) -> tuple[int, dict[str, pa.DataType]]:
    """Count rows and find columns' types in one pass.

    Types are integer, double or text.
    """
    rows = 0
    filled = dict.fromkeys(columns, False)
    kinds: dict[str, pa.DataType] = {column: pa.int64() for column in columns}
    for piece in readers.batches(table):
        rows += piece.num_rows
        for column in columns:
            cells = strip_cells(piece[column])
            kinds[column] = _narrowest(cells, kinds[column], decimal)
            filled[column] |= not pc.all(are_missing(cells)).as_py()
    return rows, {column: kinds[column] if filled[column] else pa.string() for column in columns}


def _narrowest(cells: pa.ChunkedArray, kind: pa.DataType, decimal: Decimal) -> pa.DataType:
    """Find the narrowest type of stripped cells, no narrower than `kind`."""
    # Codes such as 007 and digits beyond double precision are text: as numbers they would change.
    if pc.any(pc.match_substring_regex(cells, r"^[+-]?(0\d|\d{16,})")).as_py():
        return pa.string()
    for candidate in (pa.int64(), pa.float64()):
        if kind == pa.string() or (kind == pa.float64() and candidate == pa.int64()):
            continue
        try:
            as_type(cells, candidate, decimal)
        except pa.ArrowInvalid:
            continue
        return candidate
    return pa.string()
