"""Cells that hold numbers: how a column of text or numbers becomes float64, and which cells are none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogs.readers import is_text
from catalogs.records import FloatArray, UserError


def is_number(kind: pa.DataType) -> bool:
    """Whether an arrow type holds numbers (booleans do not count)."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def as_numbers(column: pa.ChunkedArray, where: Path | str, name: str) -> FloatArray:
    """Return a column as float64, NaN where the cell is empty or `nan`.

    Raises
    ------
    UserError
        If a cell is not a number; the message names the file, the row (from 1) and the cell.
    """
    if is_text(column.type):
        return _parse_numbers(column.cast(pa.string()), where, name)
    if is_number(column.type) or pa.types.is_null(column.type):
        return np.array(pc.fill_null(column.cast(pa.float64(), safe=False), math.nan).to_numpy(), dtype=np.float64)
    raise UserError(f"{where}: column '{name}' holds {column.type}; expected numbers")


def _parse_numbers(column: pa.ChunkedArray, where: Path | str, name: str) -> FloatArray:
    trimmed = pc.utf8_trim_whitespace(column)
    empty = pc.or_(pc.equal(trimmed, ""), pc.equal(pc.utf8_lower(trimmed), "nan"))
    cells = pc.if_else(empty, None, trimmed)
    try:
        return np.array(pc.fill_null(cells.cast(pa.float64()), math.nan).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid:
        pass  # find the cell, or read the notations arrow does not know ("+1.5")
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells.to_pylist()):
        if cell is None:
            continue
        number = number_or_none(cell)
        if number is None:
            raise UserError(
                f"{where}: row {row + 1}, column '{name}': expected a number, got '{cell}' "
                "(leave the cell empty where a value is missing)"
            )
        values[row] = number
    return values


def number_or_none(cell: str) -> float | None:
    """Return the number a cell holds, or None; `1_000` is not a number here."""
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def looks_numeric(column: pa.ChunkedArray) -> bool:
    """Whether at least half of a column's filled cells are numbers (a bad cell must be reported)."""
    if not is_text(column.type):
        return is_number(column.type)
    cells = [cell for cell in column.to_pylist() if cell and cell.strip()]
    numeric = sum(number_or_none(cell.strip()) is not None for cell in cells)
    return bool(cells) and 2 * numeric >= len(cells)
