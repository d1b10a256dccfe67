"""Vectorised parser of simple formulas.

It works on the bytes of an Arrow string array.

Rows with brackets, repeated elements or anything unusual are left to `formulas.grammar`; all others get exactly the
amounts that `formulas.grammar.parse` gives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import INDEX, ORDER, SYMBOLS
from kakehashi.catalogs.formulas.addition_dots import ADDED, ANIONS
from kakehashi.catalogs.formulas.grammar import MAX_AMOUNT, MAX_LENGTH, SLOTS
from kakehashi.catalogs.records import Compositions

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_OTHER, _UPPER, _LOWER, _DIGIT, _DOT, _SPACE = range(6)
_CLASS = np.full(256, _OTHER, np.uint8)
_CLASS[ord("A") : ord("Z") + 1] = _UPPER
_CLASS[ord("a") : ord("z") + 1] = _LOWER
_CLASS[ord("0") : ord("9") + 1] = _DIGIT
_CLASS[ord(".")] = _DOT
_CLASS[ord(" ")] = _SPACE

# element of (first letter, second letter or none): 26 x 27 cells, flattened
_ELEMENT = np.full(26 * 27, -1, np.int16)
for _symbol, _index in INDEX.items():
    _second = ord(_symbol[1]) - ord("a") + 1 if len(_symbol) == 2 else 0
    _ELEMENT[(ord(_symbol[0]) - ord("A")) * 27 + _second] = _index
_RANK = np.array(ORDER, np.int64)
_TWO_DIGITS = 10
# A decimal in front of the first or behind the second may be an addition dot ("CuSO4.5H2O", "AlF3.3NaF"), and two
# digits between the second and H may have lost one ("MgCl26H2O"): the grammar decides.
_ADDED = np.isin(np.array(SYMBOLS), sorted(ADDED))
_ANION = np.isin(np.array(SYMBOLS), sorted(ANIONS))

_LONGEST_AMOUNT = 9  # characters; longer ones are rare
_POWERS = 10.0 ** np.arange(_LONGEST_AMOUNT + 1)
_CHUNK = 32_768  # rows: the working arrays stay in the processor's cache


class _Tokens(NamedTuple):
    """Elements and amounts in the order of the text.

    Doubtful ones are left to the grammar.
    """

    row: Ints
    element: NDArray[np.int16]
    amount: NDArray[np.float64]
    doubtful: Flags


def read_simple(data: Bytes, offsets: Ints) -> tuple[Compositions, Flags]:
    """Parse n formulas into slots.

    Parameters
    ----------
    data : bytes of all rows
    offsets : (n + 1,) row i is data[offsets[i]:offsets[i + 1]]

    Returns
    -------
    Compositions, empty in rows that are left to the grammar, and (n,) True for the rows that were read
    """
    n = len(offsets) - 1
    elements = np.full((n, SLOTS), -1, np.int16)
    amounts = np.zeros((n, SLOTS))
    read = np.zeros(n, np.bool_)
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        bounds = offsets[start : stop + 1]
        text = data[bounds[0] : bounds[-1]]
        rows = slice(start, stop)
        _read_chunk(text, bounds - bounds[0], elements[rows], amounts[rows], read[rows])
    return Compositions(elements, amounts), read


def _read_chunk(
    text: Bytes, bounds: Ints, elements: NDArray[np.int16], amounts: NDArray[np.float64], read: Flags
) -> None:
    n = len(bounds) - 1
    length = np.diff(bounds)
    if not len(text):
        return
    kind = _CLASS[text]
    first = np.minimum(bounds[:-1], len(text) - 1)
    good = (length > 0) & (length <= MAX_LENGTH) & (kind[first] == _UPPER)
    odd = np.flatnonzero(kind == _OTHER)
    good[np.searchsorted(bounds, odd, side="right") - 1] = False

    starts = np.flatnonzero(kind == _UPPER)
    edges = np.searchsorted(starts, bounds)
    count = np.diff(edges)
    good &= count <= SLOTS
    tokens = _tokens(text, kind, starts, bounds, np.repeat(np.arange(n), count))
    good[tokens.row[tokens.doubtful]] = False

    keep = good[tokens.row]
    row, element, amount = tokens.row[keep], tokens.element[keep], tokens.amount[keep]
    # sorting by (row, rank of the element) orders the slots; the low bits carry each token's place
    first_slot = np.cumsum(np.where(good, count, 0)) - np.where(good, count, 0)
    place = np.arange(len(row)) - first_slot[row]
    key = ((row << 7 | _RANK[element]) << 4) | place
    key.sort()
    twice = np.flatnonzero(key[1:] >> 4 == key[:-1] >> 4)
    good[row[twice]] = False  # rows are ascending before and after the sort

    source = first_slot[row] + (key & 15)
    slot = row * SLOTS + place
    elements.reshape(-1)[slot] = element[source]
    amounts.reshape(-1)[slot] = amount[source]
    repeated = row[twice]
    elements[repeated] = -1
    amounts[repeated] = 0.0
    read[:] = good


def _tokens(text: Bytes, kind: Bytes, starts: Ints, bounds: Ints, row: Ints) -> _Tokens:
    size = len(text)
    end = np.empty_like(starts)
    end[:-1] = starts[1:]
    end[-1:] = size
    row_end = bounds[1:][row]
    np.minimum(end, row_end, out=end)

    second = np.minimum(starts + 1, size - 1)
    two = (kind[second] == _LOWER) & (starts + 1 < end)
    code = (text[starts].astype(np.int64) - ord("A")) * 27
    code += np.where(two, text[second].astype(np.int64) - (ord("a") - 1), 0)
    element = _ELEMENT[code]
    doubtful = element < 0

    at = starts + 1 + two
    spaced = (kind[end - 1] == _SPACE) & (end > at)
    doubtful |= spaced & (end == row_end)
    amount, decimal, bad = _amounts(text, kind, at, end - at - spaced)
    doubtful |= bad
    maybe_added = np.zeros(len(starts), np.bool_)
    same_row, anion = row[1:] == row[:-1], _ANION[element[:-1]]
    maybe_added[:-1] = decimal[:-1] & same_row & (_ADDED[element[1:]] | anion)
    maybe_added[:-1] |= (amount[:-1] >= _TWO_DIGITS) & same_row & anion & (element[1:] == INDEX["H"])
    doubtful |= maybe_added & ~spaced
    return _Tokens(row, element, amount, doubtful)


def _amounts(text: Bytes, kind: Bytes, at: Ints, width: Ints) -> tuple[NDArray[np.float64], Flags, Flags]:
    """Read amounts of `width` characters at `at`.

    Returns values, flags of decimals above one, and flags of odd texts.
    """
    bad = width > _LONGEST_AMOUNT
    mantissa = np.zeros(len(at), np.int64)
    decimals = np.zeros(len(at), np.int64)
    dotted = np.zeros(len(at), np.bool_)
    active = np.flatnonzero((width > 0) & ~bad)
    longest = int(width[active].max(initial=0))
    for j in range(longest):
        if j:
            active = active[width[active] > j]
        here = at[active] + j
        kinds = kind[here]
        digit = kinds == _DIGIT
        dot = kinds == _DOT
        value = text[here].astype(np.int64) - ord("0")
        mantissa[active] = np.where(digit, mantissa[active] * 10 + value, mantissa[active])
        if j == 0:
            bad[active] |= ~digit
        else:
            bad[active] |= ~(digit | dot)
            bad[active] |= dot & (dotted[active] | (width[active] == j + 1))
            decimals[active] += digit & dotted[active]
            dotted[active] |= dot
        if j == 1:  # "02": a leading zero
            bad[active] |= digit & (mantissa[active] < 10)
    amount = mantissa.astype(np.float64)
    np.divide(amount, _POWERS[decimals], out=amount, where=dotted)
    bad |= (width > 0) & ((mantissa == 0) | (amount > MAX_AMOUNT))
    amount[width == 0] = 1.0
    return amount, dotted & (amount >= 1.0), bad
