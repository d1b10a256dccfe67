"""Check the values of a service's answer.

A `Fault` names the record whose value is not of its column's kind and range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from kakehashi.catalogs.pull.web import UNFIT, Fault

TEXT, REAL, WHOLE = pa.string(), pa.float64(), pa.int64()
DISORDERED = "the structure is left out: sites shared, partly empty or of no element"
_ACCEPTED: dict[pa.DataType, Any] = {TEXT: (str,), REAL: (int, float), WHOLE: (int,)}
_LARGEST = 2**63
_UNFIT = (pa.ArrowException, OverflowError, TypeError, ValueError)


def typed(value: Any, kind: pa.DataType, where: str) -> Any:
    """Return a value of a column's kind; None stays None.

    A text, float or whole number.

    where : record and field, for the message

    Raises
    ------
    Fault : another type, a number out of range or not finite, a text that UTF-8 cannot hold (a lone surrogate).
    """
    if value is None:
        return None
    if not isinstance(value, _ACCEPTED[kind]) or isinstance(value, bool) or not _fits(value, kind):
        raise Fault(f"{where}: expected {_words(kind)}, got {str(value)[:50]!r}", tries=UNFIT)
    return float(value) if kind == REAL else value


def identifier(value: Any, where: str) -> str:
    """Return a record's id, a printable text; Fault otherwise."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise Fault(f"{where}: expected an id of printable characters, got {str(value)[:50]!r}", tries=UNFIT)
    return value


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return rows as a table; Fault names a wrong record."""
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except _UNFIT:
        for row in rows:
            try:
                pa.Table.from_pylist([row], schema=schema)
            except _UNFIT as error:
                raise Fault(f"record {row['id']} cannot be kept: {' '.join(str(error).split())}", tries=UNFIT) from None
        raise


def null(field: str) -> str:
    """Say that a field is missing in a record."""
    return f"'{field}' is null, though it was asked for"


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        if kind == TEXT:
            value.encode()
        return kind == TEXT or (math.isfinite(value) if kind == REAL else -_LARGEST <= value < _LARGEST)
    except (UnicodeEncodeError, OverflowError):
        return False


def _words(kind: pa.DataType) -> str:
    return {TEXT: "a text (UTF-8)", REAL: "a finite number", WHOLE: "a whole number of 64 bits"}[kind]
