"""Tables in memory: data frames, Arrow tables, mappings of columns.

Frames are read through the Arrow interface that they offer; no library of frames is imported.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.files.plain_text import trimmed
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import UserError

EXPECTED = "a name, a path, a data frame (pandas, polars, ...), an Arrow table or a mapping of columns"


def open_frame(frame: Any) -> OpenTable:
    """Open a table that is in memory.

    Its path is what messages call it. A column with cells of several types, such as numbers and `<0.1`, becomes text.

    Raises
    ------
    UserError : no table, columns of different lengths, two of one name, or cells that are neither text nor numbers.

    >>> open_frame({"formula": ["GaAs", "MgO"], "gap": [1.42, 7.8]}).columns
    ('formula', 'gap')
    """
    called = Path(f"<{type(frame).__name__}>")
    table = arrow_table(frame, str(called))
    names = [trimmed(name) for name in table.column_names]
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise UserError(f"{called}: column '{twice[0]}' appears more than once; rename one of them")
    table = table.rename_columns(names).combine_chunks()
    if not table.num_rows:
        raise UserError(f"{called} has columns but no rows")
    named = table.select([i for i, name in enumerate(names) if name])
    return OpenTable(
        called, tuple(names), named.schema, partial(_batches, named), rows=table.num_rows, digest=_digest(named)
    )


def arrow_table(frame: Any, called: str) -> pa.Table:
    """Arrow table of a frame.

    called : what messages call it
    """
    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, Mapping):
        return _from_columns({str(name): frame[name] for name in frame}, called)
    try:
        if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
            return pa.table(frame)
        if hasattr(frame, "__dataframe__"):
            from pyarrow.interchange import from_dataframe

            return from_dataframe(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        return _from_frame(frame, called, error)
    raise UserError(f"expected {EXPECTED}, got {type(frame).__name__}")


def _from_frame(frame: Any, called: str, error: Exception) -> pa.Table:
    """Columns of a frame one by one, where it cannot give itself as a whole."""
    reason = " ".join(str(error).split())
    names = [str(name) for name in getattr(frame, "columns", ())]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{called}: column '{twice[0]}' appears more than once; rename one of them") from error
    if not names:
        raise UserError(f"{called} gives no Arrow table: {reason}") from error
    return _from_columns({str(name): frame[name] for name in frame.columns}, called)


def _from_columns(columns: Mapping[str, Any], called: str) -> pa.Table:
    arrays = {name: _array(cells, called, name) for name, cells in columns.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array):,}" for name, array in arrays.items())
        raise UserError(f"{called}: columns of different lengths ({lengths})")
    return pa.table(arrays)


def _array(cells: Any, called: str, name: str) -> pa.Array | pa.ChunkedArray:
    if isinstance(cells, pa.Array | pa.ChunkedArray):
        return cells
    if isinstance(cells, str | bytes) or not hasattr(cells, "__len__"):
        raise UserError(f"{called}: column '{name}': expected a list of cells, got {type(cells).__name__}")
    try:
        return pa.array(cells, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([_text(cell, called, name, i) for i, cell in enumerate(cells, start=1)], pa.string())


def is_missing(cell: Any) -> bool:
    """True for None, NaN and what pandas writes for a missing cell (`NA`, `NaT`).

    >>> is_missing(float("nan")), is_missing("NaN")
    (True, False)
    """
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):  # NA is neither equal nor unequal to itself
        return True
    return isinstance(cell, float | np.floating) and math.isnan(cell)


def _text(cell: Any, called: str, name: str, row: int) -> str | None:
    """Cell of a column of several types, as text; None where missing."""
    if is_missing(cell):
        return None
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Number) and not isinstance(cell, bool | np.bool_):
        return str(cell)
    raise UserError(
        f"{called}: row {row}, column '{name}': expected text or a number, got {type(cell).__name__} {str(cell)[:40]!r}"
    )


def _batches(table: pa.Table, columns: Sequence[str]) -> Iterator[pa.Table]:
    yield table.select(list(columns))


def _digest(table: pa.Table) -> str:
    """Sha256 of names, types and cells."""
    total = hashlib.sha256()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.remove_metadata()) as writer:
        writer.write_table(table.replace_schema_metadata(None))
    total.update(sink.getvalue())
    return total.hexdigest()
