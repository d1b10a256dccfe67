"""Write a ranking as CSV that a spreadsheet cannot execute."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from kakehashi.catalogs.reading.readers import is_text

# First characters of cells that spreadsheets run as formulas; a leading apostrophe prevents it (OWASP, CSV injection).
_ACTIVE = r"^[=+\-@\t\r\n]"


def csv_bytes(table: pa.Table, *, heading: bool = True) -> bytes:
    """Table as UTF-8 CSV that no spreadsheet executes.

    Text that one would run gets a leading apostrophe.

    Headings are text too. Lists and structures become JSON, bytes hexadecimal digits.

    heading : False for rows that follow others

    >>> print(csv_bytes(pa.table({"formula": ["=MgO"]}), heading=False).decode().strip())
    "'=MgO"
    """
    columns = [_harmless(_plain(column)) for column in table.columns]
    names = ["'" + name if re.match(_ACTIVE, name) else name for name in table.column_names]
    buffer = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=heading)
    pyarrow.csv.write_csv(pa.Table.from_arrays(columns, names), buffer, options)
    return buffer.getvalue()


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Column as text where CSV has no notation for its type."""
    kind = column.type
    if is_text(kind):
        return column.cast(pa.string())
    if pa.types.is_nested(kind) or pa.types.is_dictionary(kind):
        return _spelled(column, lambda value: json.dumps(value, ensure_ascii=False, default=str))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _spelled(column, bytes.hex)
    return column


def _spelled(column: pa.ChunkedArray, spell: Any) -> pa.ChunkedArray:
    cells = [None if value is None else spell(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(cells, pa.string())])


def _harmless(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_string(column.type):
        return column
    active = pc.match_substring_regex(column, _ACTIVE)
    return pc.if_else(active, pc.binary_join_element_wise("'", column, ""), column)
