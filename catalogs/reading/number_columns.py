"""Columns of numbers, read from numbers or text.

One message names every cell that is no number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kakehashi.catalogs.files.plain_text import BLANKS, trimmed
from kakehashi.catalogs.reading.number_cells import (
    MISSING,
    Decimal,
    advice,
    is_missing,
    notation,
    read_number,
    resembles_number,
)
from kakehashi.catalogs.reading.readers import is_text
from kakehashi.catalogs.records import FloatArray, UserError
from kakehashi.catalogs.shown import shortened

# Most rows named in a message, and most kinds of advice in it.
_ROWS, _ADVICE = 5, 3


class Numbers(NamedTuple):
    """Numbers of a column.

    values : (n,) NaN where a value is missing
    remarks : sentences on words for a missing value, and on notations beyond plain numbers
    """

    values: FloatArray
    remarks: tuple[str, ...] = ()


def is_number(kind: pa.DataType) -> bool:
    """Test for arrow types of numbers; booleans are none."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def strip_cells(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Strip every cell, as `plain_text.trimmed`."""
    return pc.utf8_trim(cells, characters=BLANKS)


def are_missing(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Flag the stripped cells that are a word for a missing value, as `number_cells.is_missing`."""
    return pc.is_in(pc.utf8_lower(cells), value_set=pa.array(sorted(MISSING), pa.string()))


def as_numbers(column: pa.ChunkedArray, where: Path | str, name: str, decimal: Decimal = ".") -> FloatArray:
    """Read a column as float64 (n,).

    NaN is a missing value.

    Raises
    ------
    UserError : as `read_numbers`.
    """
    return read_numbers(column, where, name, decimal).values


def read_numbers(column: pa.ChunkedArray, where: Path | str, name: str, decimal: Decimal = ".") -> Numbers:
    """Read a column of numbers, or numbers in text.

    A notation is read only if all cells of the column together leave it one meaning: commas are decimal signs where no
    cell can be read otherwise, and part thousands where other cells have decimal points.

    Parameters
    ----------
    where, name : of the file and the column, for messages
    decimal : the usual decimal sign

    Raises
    ------
    UserError : cells that are no numbers; the message counts them, names the first rows (from 1), and advises.

    >>> read_numbers(pa.chunked_array([["1,5", "n/a", "2,25"]]), "t.csv", "gap", ",").values.tolist()
    [1.5, nan, 2.25]
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
    """Cast plain numbers; None for any other notation.

    Empty cells and `nan` are plain.
    """
    if decimal == "," and pc.any(pc.match_substring(cells, ".")).as_py():
        return None  # a point may part thousands
    empty = pc.or_(pc.equal(cells, ""), pc.equal(pc.utf8_lower(cells), "nan"))
    try:
        numbers = pc.if_else(empty, None, cells).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return np.array(pc.fill_null(numbers, math.nan).to_numpy(), dtype=np.float64)


class _Distinct(NamedTuple):
    """Distinct cells, and each row's place among them (n,)."""

    cells: list[str]
    codes: NDArray[np.int64]

    def rows(self, test: Callable[[int], bool]) -> list[int]:
        """List the rows whose cell's place passes a test."""
        chosen = np.array([test(i) for i in range(len(self.cells))], dtype=bool)
        return [int(row) for row in np.flatnonzero(chosen[self.codes])]

    def list_rows(self, rows: Sequence[int], most: int = _ROWS) -> str:
        """Write the first rows with their cells.

        For example: row 4 '<0.5', row 9 'n.d.' and 3 more.
        """
        first = ", ".join(f"row {row + 1} '{shortened(self.cells[self.codes[row]])}'" for row in rows[:most])
        return f"{first} and {len(rows) - most:,} more" if len(rows) > most else first


def _parse(column: pa.ChunkedArray, where: Path | str, name: str, decimal: Decimal) -> Numbers:
    coded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    distinct = _Distinct(
        [trimmed(cell) for cell in coded.dictionary.to_pylist()], coded.indices.to_numpy().astype(np.int64)
    )
    filled = [i for i, cell in enumerate(distinct.cells) if not is_missing(cell)]
    sign, numbers, unclear = _meaning([distinct.cells[i] for i in filled], decimal)
    by_place = dict(zip(filled, numbers, strict=True))
    doubtful = {filled[k] for k in unclear}
    if bad := distinct.rows(lambda i: i in doubtful or (i in by_place and by_place[i] is None)):
        raise UserError(f"{where}: {_complaint(distinct, bad, name)}")
    values = np.array([by_place.get(i, math.nan) for i in range(len(distinct.cells))], dtype=np.float64)
    return Numbers(values[distinct.codes], _remarks(distinct, name, sign, decimal))


def _meaning(cells: list[str], decimal: Decimal) -> tuple[Decimal, list[float | None], set[int]]:
    """Decide the decimal sign of a column.

    Returns the sign, the numbers (None for cells that are none), and the places of cells with two meanings.
    """
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
    """Write which cells are no numbers, with advice."""
    count = f"{len(bad):,} cells of {name} are not numbers" if len(bad) > 1 else f"1 cell of {name} is not a number"
    kinds: dict[str, str] = {}
    for row in bad:
        text = advice(cell := distinct.cells[distinct.codes[row]])
        kinds.setdefault(text.replace(f"'{shortened(cell)}'", ""), text)  # one example of a kind
        if len(kinds) == _ADVICE:
            break
    return f"{count}: {distinct.list_rows(bad)}; {'; '.join(kinds.values())}"


def _remarks(distinct: _Distinct, name: str, sign: Decimal, decimal: Decimal) -> tuple[str, ...]:
    """Write remarks on missing values and number notations.

    sign : decimal sign of the column
    decimal : the expected one
    """
    remarks = []
    cells = distinct.cells
    if missing := distinct.rows(lambda i: cells[i].lower() not in ("", "nan") and is_missing(cells[i])):
        count = f"{len(missing):,} cells have" if len(missing) > 1 else "1 cell has"
        remarks.append(
            f"{name}: {count} a word for no value: {distinct.list_rows(missing)}; these rows have no value, fill them"
            " in or leave them empty"
        )
    kinds = {i: notation(cell, decimal) for i, cell in enumerate(cells) if not is_missing(cell)}
    for kind in dict.fromkeys(text for text in kinds.values() if text):
        rows = distinct.rows({i for i, text in kinds.items() if text == kind}.__contains__)
        first = distinct.cells[distinct.codes[rows[0]]]
        example = f"'{shortened(first)}' is {read_number(first, sign):.10g}"
        count = f"{len(rows):,} cells with {kind} are" if len(rows) > 1 else f"1 cell with {kind} is"
        remarks.append(f"{name}: {count} read: {example}")
    return tuple(remarks)


def looks_numeric(column: pa.ChunkedArray) -> bool:
    """Test whether half of the filled cells resemble numbers.

    Half, so that a bad cell among numbers is reported and not passed over.
    """
    if not is_text(column.type):
        return is_number(column.type)
    cells = [cell for cell in column.to_pylist() if cell and not is_missing(cell)]
    return bool(cells) and 2 * sum(resembles_number(cell) for cell in cells) >= len(cells)
