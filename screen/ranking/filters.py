"""Filters on catalogue columns and on elements, each counting the rows it removes."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kakehashi.catalogs.elements import INDEX, RADIOACTIVE
from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.reading.number_cells import number_or_none
from kakehashi.catalogs.reading.number_columns import is_number
from kakehashi.catalogs.reading.readers import is_text
from kakehashi.catalogs.records import UserError

_OPERATORS: dict[str, Any] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_EXPRESSION = re.compile(r"\s*(\S.*?)\s*(<=|>=|==|!=|<(?!=)|>(?!=))\s*(\S.*?)\s*")


class Filter(NamedTuple):
    """Condition `column operator value`, e.g. e_above_hull<=0.05."""

    column: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"


class FilterCount(NamedTuple):
    """Rows one filter removed.

    failed : all of them; null : those without a value
    """

    expression: str
    failed: int
    null: int


def parse_filter(text: str) -> Filter:
    """Filter of an expression; UserError if it is none.

    >>> parse_filter("e_above_hull <= 0.05")
    Filter(column='e_above_hull', operator='<=', value='0.05')
    """
    match = _EXPRESSION.fullmatch(text)
    if not match:
        raise UserError(f"expected a filter like e_above_hull<=0.05, got {text!r}")
    return Filter(*match.groups())


# Filter that removes what is out of the domain, a column of scores.
NOT_OUT = Filter("domain", "!=", "out")


def refuses_out(filters: Sequence[Filter]) -> bool:
    """Test whether filters remove everything out of the domain.

    >>> refuses_out([parse_filter("domain != out")]), refuses_out([parse_filter("domain==out")])
    (True, False)
    """
    return any(
        not _OPERATORS[wanted.operator](NOT_OUT.value, _unquoted(wanted.value))
        for wanted in filters
        if wanted.column == NOT_OUT.column and wanted.operator in ("==", "!=")
    )


def check_filters(filters: Sequence[Filter], schema: pa.Schema) -> None:
    """Refuse filters that do not fit the columns.

    Missing columns, and numbers compared with text.
    """
    for wanted in filters:
        if wanted.column not in schema.names:
            near = get_close_matches(wanted.column, schema.names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"filter {wanted}: no column {wanted.column!r} among {', '.join(schema.names)}{hint}")
        kind = schema.field(wanted.column).type
        if is_text(kind):
            if wanted.operator not in ("==", "!="):
                raise UserError(f"filter {wanted}: {wanted.column} is text; use == or !=")
        elif is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
            _number(wanted)
        else:
            raise UserError(f"filter {wanted}: {wanted.column} holds {kind}; filters need numbers, text or true/false")


def check_elements(symbols: Collection[str]) -> None:
    """Refuse symbols that are not elements.

    >>> check_elements(["Mg", "O"])
    """
    for symbol in symbols:
        if symbol not in INDEX:
            raise UserError(f"--exclude-elements: {symbol!r} is not one of the 94 tabulated elements (H to Pu)")


def meets_filter(table: pa.Table, wanted: Filter) -> tuple[NDArray[np.bool_], int]:
    """Mask (n,) of rows that meet a filter.

    And the number of rows without a value.

    A row without a value fails.
    """
    column = table[wanted.column]
    absent = pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)
    bound: str | float
    if is_text(column.type):
        values, bound = column.to_numpy(zero_copy_only=False), _unquoted(wanted.value)
    else:
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        bound = _number(wanted)
    ok = np.zeros(len(values), bool)
    ok[~absent] = _OPERATORS[wanted.operator](values[~absent], bound)
    return ok, int(absent.sum())


def apply_filters(
    table: pa.Table, filters: Sequence[Filter], exclude: Collection[str] = (), radioactive: bool = True
) -> tuple[NDArray[np.bool_], list[FilterCount]]:
    """Mask (n,) of rows that meet all filters, and counts.

    exclude : element symbols a candidate must not contain; radioactive : False removes those elements too
    """
    keep, counts = np.ones(table.num_rows, bool), []
    for wanted in filters:
        ok, absent = meets_filter(table, wanted)
        counts.append(FilterCount(str(wanted), int((~ok).sum()), absent))
        keep &= ok
    banned = {f"without {', '.join(sorted(exclude))}": frozenset(exclude)} if exclude else {}
    if not radioactive:
        banned["no radioactive elements"] = RADIOACTIVE
    if banned:
        elements = parse_column(table["reduced_formula"]).compositions.elements
        for words, symbols in banned.items():
            bad = np.isin(elements, [INDEX[s] for s in symbols if s in INDEX]).any(axis=1)
            counts.append(FilterCount(words, int(bad.sum()), 0))
            keep &= ~bad
    return keep, counts


def _number(wanted: Filter) -> float:
    text = {"true": "1", "false": "0"}.get(wanted.value.lower(), wanted.value)
    number = number_or_none(text)
    if number is None or math.isnan(number):
        raise UserError(f"filter {wanted}: expected a number after {wanted.operator}, got {wanted.value!r}")
    return number


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text
