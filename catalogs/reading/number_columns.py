"""Columns that hold numbers: text or numbers become float64, and every cell that is none is named in one message."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kakehashi.catalogs.files.plain_text import trimmed
from kakehashi.catalogs.reading.number_cells import (
    Decimal,
    advice,
    is_missing,
    notation,
    number_or_none,
    read_number,
    resembles_number,
)
from kakehashi.catalogs.reading.readers import is_text
from kakehashi.catalogs.records import FloatArray, UserError
from kakehashi.catalogs.shown import shortened

__all__ = ["Decimal", "Numbers", "as_numbers", "is_number", "looks_numeric", "number_or_none", "read_numbers"]

# Rows named in a message, and kinds of advice in it.
SHOWN, _ADVISED = 5, 3


class Numbers(NamedTuple):
    """A column as float64, NaN where there is no value, and what to say of cells that were more than plain numbers."""

    values: FloatArray
    remarks: tuple[str, ...] = ()


def is_number(kind: pa.DataType) -> bool:
    """Whether an arrow type holds numbers (booleans do not count)."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def as_numbers(column: pa.ChunkedArray, where: Path | str, name: str, decimal: Decimal = ".") -> FloatArray:
    """Return a column as float64, NaN where the cell says that there is no value.

    Raises
    ------
    UserError
        As `read_numbers`.
    """
    return read_numbers(column, where, name, decimal).values


def read_numbers(column: pa.ChunkedArray, where: Path | str, name: str, decimal: Decimal = ".") -> Numbers:
    """Read a column of numbers, or of text with `decimal` as the usual sign before decimals.

    A notation is read where all cells of the column together leave it one meaning only: commas are decimal signs where
    no cell can be read otherwise, and groups of thousands where other cells have decimal points.

    Raises
    ------
    UserError
        If cells are not numbers; one message counts them, names the first rows (from 1), and says what to do.
    """
    if is_number(column.type) or pa.types.is_null(column.type):
        numbers = pc.fill_null(column.cast(pa.float64(), safe=False), math.nan)
        return Numbers(np.array(numbers.to_numpy(), dtype=np.float64))
    if not is_text(column.type):
        raise UserError(f"{where}: column '{name}' holds {column.type}; expected numbers")
    cells = pc.utf8_trim_whitespace(column.cast(pa.string()))
    plain = _plain(cells, decimal)
    return Numbers(plain) if plain is not None else _parse(cells, where, name, decimal)


def _plain(cells: pa.ChunkedArray, decimal: Decimal) -> FloatArray | None:
    """Cells that are all empty, `nan` or plain numbers; None where there is more to them."""
    if decimal == "," and pc.any(pc.match_substring(cells, ".")).as_py():
        return None  # a point may part thousands
    empty = pc.or_(pc.equal(cells, ""), pc.equal(pc.utf8_lower(cells), "nan"))
    try:
        numbers = pc.if_else(empty, None, cells).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return np.array(pc.fill_null(numbers, math.nan).to_numpy(), dtype=np.float64)


class _Distinct(NamedTuple):
    """The distinct cells of a column, and the number of each row's cell."""

    cells: list[str]
    codes: NDArray[np.int64]

    def rows(self, wanted: Callable[[int], bool]) -> list[int]:
        """Rows whose cell is wanted, by its number."""
        chosen = np.array([wanted(i) for i in range(len(self.cells))], dtype=bool)
        return [int(row) for row in np.flatnonzero(chosen[self.codes])]

    def shown(self, rows: Sequence[int], most: int = SHOWN) -> str:
        """The first rows with their cells: row 4 '<0.5', row 9 'n.d.' and 3 more."""
        named = ", ".join(f"row {row + 1} '{shortened(self.cells[self.codes[row]])}'" for row in rows[:most])
        return f"{named} and {len(rows) - most:,} more" if len(rows) > most else named


def _parse(column: pa.ChunkedArray, where: Path | str, name: str, decimal: Decimal) -> Numbers:
    coded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    distinct = _Distinct(
        [trimmed(cell) for cell in coded.dictionary.to_pylist()], coded.indices.to_numpy().astype(np.int64)
    )
    filled = [i for i, cell in enumerate(distinct.cells) if not is_missing(cell)]
    sign, numbers, unclear = _meaning([distinct.cells[i] for i in filled], decimal)
    found = dict(zip(filled, numbers, strict=True))
    doubtful = {filled[k] for k in unclear}
    if bad := distinct.rows(lambda i: i in doubtful or (i in found and found[i] is None)):
        raise UserError(f"{where}: {_complaint(distinct, bad, name)}")
    values = np.array([found.get(i, math.nan) for i in range(len(distinct.cells))], dtype=np.float64)
    return Numbers(values[distinct.codes], _remarks(distinct, name, sign, decimal))


def _meaning(cells: list[str], decimal: Decimal) -> tuple[Decimal, list[float | None], set[int]]:
    """The decimal sign of a column, its numbers (None where a cell is none), and places whose meaning stays unclear."""
    other: Decimal = "," if decimal == "." else "."
    usual = [read_number(cell, decimal) for cell in cells]
    if not any(other in cell for cell in cells):  # the mark that parts groups, or is the other decimal sign
        return decimal, usual, set()
    unusual = [read_number(cell, other) for cell in cells]
    differ = {k for k in range(len(cells)) if usual[k] is not None and usual[k] != unusual[k] is not None}
    if None not in usual and None not in unusual:
        return decimal, usual, differ
    if unusual.count(None) >= usual.count(None):
        return decimal, usual, set()
    # 1.234 beside 2,5: thousands, or two decimal signs.
    return other, unusual, {k for k in differ if decimal in cells[k]}


def _complaint(distinct: _Distinct, bad: list[int], name: str) -> str:
    """How many cells are not numbers, the first of them, and what to do with each kind."""
    count = f"{len(bad):,} cells of {name} are not numbers" if len(bad) > 1 else f"1 cell of {name} is not a number"
    kinds: dict[str, str] = {}
    for row in bad:
        text = advice(cell := distinct.cells[distinct.codes[row]])
        kinds.setdefault(text.replace(f"'{shortened(cell)}'", ""), text)  # one example of a kind
        if len(kinds) == _ADVISED:
            break
    return f"{count}: {distinct.shown(bad)}; {'; '.join(kinds.values())}"


def _remarks(distinct: _Distinct, name: str, sign: Decimal, decimal: Decimal) -> tuple[str, ...]:
    """Sentences on words for a missing value, and on notations that are more than plain numbers.

    sign : before decimals, as found; decimal : as expected
    """
    said = []
    cells = distinct.cells
    if missing := distinct.rows(lambda i: cells[i].lower() not in ("", "nan") and is_missing(cells[i])):
        count = f"{len(missing):,} cells have" if len(missing) > 1 else "1 cell has"
        said.append(
            f"{name}: {count} a word for no value: {distinct.shown(missing)}; these rows have no value, fill them in or"
            " leave them empty"
        )
    kinds = {i: notation(cell, decimal) for i, cell in enumerate(cells) if not is_missing(cell)}
    for kind in dict.fromkeys(text for text in kinds.values() if text):
        rows = distinct.rows({i for i, text in kinds.items() if text == kind}.__contains__)
        first = distinct.cells[distinct.codes[rows[0]]]
        example = f"'{shortened(first)}' is {read_number(first, sign):.10g}"
        count = f"{len(rows):,} cells with {kind} are" if len(rows) > 1 else f"1 cell with {kind} is"
        said.append(f"{name}: {count} read: {example}")
    return tuple(said)


def looks_numeric(column: pa.ChunkedArray) -> bool:
    """Whether at least half of a column's filled cells are numbers or resemble them (a bad cell must be reported)."""
    if not is_text(column.type):
        return is_number(column.type)
    cells = [cell for cell in column.to_pylist() if cell and not is_missing(cell)]
    return bool(cells) and 2 * sum(resembles_number(cell) for cell in cells) >= len(cells)
