"""Element slots, parsed from columns of formulas.

Reduced formulas are written from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.elements import INDEX, SYMBOLS
from kakehashi.catalogs.formulas.columns import Ints, read_simple
from kakehashi.catalogs.formulas.grammar import MAX_DECIMALS, SLOTS, parse
from kakehashi.catalogs.records import Compositions, UserError

__all__ = ["SLOTS", "ParsedFormulas", "formula_text", "parse", "parse_column", "reduce", "reduced_keys"]

NULL = "missing formula (null)"
_SYMBOLS = np.array([*SYMBOLS, ""], dtype=object)  # -1, an unused slot, reads as ""


class ParsedFormulas(NamedTuple):
    """Parsed column of n formulas.

    compositions : slots, empty in refused rows
    reasons : (n,) reason for refusal, or ""
    """

    compositions: Compositions
    reasons: NDArray[np.object_]


def parse_column(texts: pa.Array | pa.ChunkedArray | Sequence[str | None]) -> ParsedFormulas:
    """Parse a column of formulas into slots.

    A null or another text becomes an empty row with its reason.

    Raises
    ------
    UserError : an Arrow column of another type than text.

    >>> parse_column(["TiO2", "water"]).reasons.tolist()
    ['', "lower-case 'w' at character 1: expected an element symbol with a capital, not a variable"]
    """
    if isinstance(texts, pa.ChunkedArray):
        return _concatenate([parse_column(chunk) for chunk in texts.chunks])
    if not isinstance(texts, pa.Array):
        return _parse_sequence(texts)
    if pa.types.is_dictionary(texts.type):
        return _parse_dictionary(texts)
    if pa.types.is_null(texts.type):
        texts = texts.cast(pa.string())
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        if not pa.types.is_string_view(texts.type):
            raise UserError(f"expected a text column of formulas, got Arrow type {texts.type}: convert it to text")
        texts = texts.cast(pa.large_string())
    return _parse_strings(texts)


def _parse_strings(texts: pa.Array) -> ParsedFormulas:
    reasons = np.full(len(texts), "", dtype=object)
    if not len(texts):
        return ParsedFormulas(_empty(0), reasons)
    _, offset_buffer, data_buffer = texts.buffers()
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(offset_buffer, width)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    compositions, read = read_simple(data, offsets.astype(np.int64))

    null = texts.is_null().to_numpy(zero_copy_only=False)
    compositions.elements[null] = -1  # a null row may own bytes
    compositions.amounts[null] = 0.0
    reasons[null] = NULL
    rest = np.flatnonzero(~read & ~null)
    _read_others(rest, texts.take(pa.array(rest)).to_pylist(), compositions, reasons)
    return ParsedFormulas(compositions, reasons)


def _read_others(rows: Ints, texts: list[str], compositions: Compositions, reasons: NDArray[np.object_]) -> None:
    known: dict[str, tuple[list[int], list[float], str]] = {}
    for row, text in zip(rows.tolist(), texts, strict=True):
        if text not in known:
            try:
                amounts = parse(text)
                known[text] = [INDEX[symbol] for symbol in amounts], list(amounts.values()), ""
            except ValueError as error:
                known[text] = [], [], str(error)
        elements, values, reasons[row] = known[text]
        compositions.elements[row, : len(elements)] = elements
        compositions.amounts[row, : len(values)] = values


def _parse_sequence(texts: Sequence[str | None]) -> ParsedFormulas:
    try:
        return _parse_strings(pa.array(texts, pa.large_string()))
    except (TypeError, pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        pass  # a row is not text: find it and say so
    readable = [text if isinstance(text, str) and _encodable(text) else None for text in texts]
    parsed = _parse_strings(pa.array(readable, pa.large_string()))
    for row, text in enumerate(texts):
        if isinstance(text, str) and readable[row] is None:
            parsed.reasons[row] = "text is not valid Unicode"
        elif text is not None and readable[row] is None:
            parsed.reasons[row] = f"expected text, got {type(text).__name__}"
    return parsed


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parse_dictionary(texts: pa.DictionaryArray) -> ParsedFormulas:
    values = parse_column(texts.dictionary)
    null = texts.indices.is_null().to_numpy(zero_copy_only=False)
    parsed = _concatenate([values, ParsedFormulas(_empty(1), np.array([NULL], dtype=object))])
    take = texts.indices.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    take = np.where(null, len(values.reasons), take)
    compositions = Compositions(parsed.compositions.elements[take], parsed.compositions.amounts[take])
    return ParsedFormulas(compositions, parsed.reasons[take])


def _concatenate(parts: list[ParsedFormulas]) -> ParsedFormulas:
    if not parts:
        return ParsedFormulas(_empty(0), np.empty(0, dtype=object))
    return ParsedFormulas(
        Compositions(
            np.concatenate([part.compositions.elements for part in parts]),
            np.concatenate([part.compositions.amounts for part in parts]),
        ),
        np.concatenate([part.reasons for part in parts]),
    )


def _empty(n: int) -> Compositions:
    return Compositions(np.full((n, SLOTS), -1, np.int16), np.zeros((n, SLOTS)))


def reduce(compositions: Compositions) -> Compositions:
    """Scale amounts to the smallest integers in their ratio.

    Decimals are exact as typed (`Li333O1000`).

    Raises
    ------
    ValueError : amounts that are no decimals of at most nine places (1/3 is not guessed).
    """
    amounts = compositions.amounts
    whole = np.rint(amounts)
    scaled = whole.astype(np.int64)
    rest = np.flatnonzero((whole != amounts).any(axis=1))
    for exact in (True, False):  # first the decimals as typed, then rounded sums
        for decimals in range(MAX_DECIMALS + 1):
            if not rest.size:
                break
            power = 10.0**decimals
            decimal = amounts[rest]
            integers = np.rint(decimal * power)
            error = np.abs(integers / power - decimal)
            fits = (error <= (0.0 if exact else 1e-9) * decimal).all(axis=1)
            scaled[rest[fits]] = integers[fits].astype(np.int64)
            rest = rest[~fits]
    if rest.size:
        text = formula_text(Compositions(compositions.elements[rest[:1]], amounts[rest[:1]]))[0]
        raise ValueError(f"row {rest[0]}: amounts of {text} are no decimals of at most {MAX_DECIMALS} places")
    divisor = _row_gcd(scaled)
    return Compositions(compositions.elements.copy(), (scaled // divisor[:, None]).astype(np.float64))


def _row_gcd(scaled: Ints) -> Ints:
    divisor = scaled[:, 0].copy()
    open_rows = np.flatnonzero(divisor != 1)
    for slot in range(1, scaled.shape[1]):
        column = scaled[open_rows, slot]
        if not column.any():
            break  # slots fill from the left
        divisor[open_rows] = np.gcd(divisor[open_rows], column)
        open_rows = open_rows[divisor[open_rows] != 1]
    return np.maximum(divisor, 1)


def formula_text(compositions: Compositions) -> list[str]:
    """Write formulas in slot order.

    Amounts of 1 are omitted; decimals are the shortest that round-trip.
    """
    elements, amounts = compositions
    n = len(elements)
    used = elements >= 0
    width = int(used.sum(axis=1).max(initial=0))
    texts = np.full(n, "", dtype=object)
    values, inverse = np.unique(amounts[:, :width], return_inverse=True)
    numbers = np.array([_number(value) for value in values.tolist()], dtype=object)
    inverse = inverse.reshape(n, width)
    for slot in range(width):
        rows = np.flatnonzero(used[:, slot])
        texts[rows] += _SYMBOLS[elements[rows, slot]] + numbers[inverse[rows, slot]]
    out: list[str] = texts.tolist()
    return out


def _number(amount: float) -> str:
    return "" if amount == 1.0 else np.format_float_positional(amount, trim="-")


def reduced_keys(compositions: Compositions) -> list[str]:
    """Write reduced formulas, shared by polymorphs and repeated rows.

    >>> reduced_keys(parse_column(["O4Ti2"]).compositions)
    ['TiO2']
    """
    return formula_text(reduce(compositions))
