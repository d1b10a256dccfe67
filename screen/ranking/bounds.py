"""Bounds a property cannot leave: clip predictions and their intervals, and mark what was clipped."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.reading.number_cells import number_or_none
from kakehashi.catalogs.records import FloatArray, UserError

ENDS = ("lower", "mean", "upper")
"""Columns that are clipped; each is kept as it was in a column `NAME_unclipped`."""


class Bounds(NamedTuple):
    """Smallest and largest possible value, in the target's unit."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        return ",".join("" if math.isinf(end) else f"{end:g}" for end in self)


def parse_bounds(text: str | None) -> Bounds | None:
    """Bounds of LOW,HIGH, either of which may be empty.

    >>> parse_bounds("0,")
    Bounds(low=0.0, high=inf)
    """
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if len(words) != 2 or not any(words):
        raise UserError(f"--bounds: expected LOW,HIGH, either of which may be empty, such as 0, or 0,1; got {text!r}")
    ends = [number_or_none(word) if word else None for word in words]
    if any(word and (end is None or not math.isfinite(end)) for word, end in zip(words, ends, strict=True)):
        raise UserError(f"--bounds: expected numbers in the target's unit, such as 0, or 0,1; got {text!r}")
    low, high = ends
    bounds = Bounds(-math.inf if low is None else low, math.inf if high is None else high)
    if not bounds.low < bounds.high:
        raise UserError(f"--bounds: expected the lower bound below the upper one, got {text!r}")
    return bounds


def check_bounds(bounds: Bounds | None, values: FloatArray, unit: str) -> None:
    """Refuse bounds that exclude a measured value."""
    if bounds is None:
        return
    outside = values[(values < bounds.low) | (values > bounds.high)]
    if len(outside):
        count = f"{len(outside)} target value{'s' * (len(outside) > 1)}"
        raise UserError(
            f"--bounds {bounds}: {count} lie{'s' * (len(outside) == 1)} outside, such as"
            f" {f'{outside[0]:g} {unit}'.strip()}; widen the bounds or correct the table"
        )


def clip(table: pa.Table, bounds: Bounds | None) -> pa.Table:
    """Rows with predictions within bounds, and columns that say what was clipped.

    `clipped` names the ends that were, "" for none; `NAME_unclipped` are the values as they were.

    >>> row = pa.table({"mean": [0.5], "lower": [-1.0], "upper": [2.0]})
    >>> clip(row, Bounds(low=0.0)).select(["lower", "clipped", "lower_unclipped"]).to_pylist()
    [{'lower': 0.0, 'clipped': 'lower', 'lower_unclipped': -1.0}]
    """
    if bounds is None:
        return table
    told = np.full(table.num_rows, "", dtype=object)
    for name in ENDS:
        values = table[name].to_numpy(zero_copy_only=False)
        inside = np.clip(values, bounds.low, bounds.high)
        changed = inside != values
        changed &= ~np.isnan(values)
        told[changed] = [f"{words}, {name}" if words else name for words in told[changed]]
        table = table.set_column(table.column_names.index(name), name, pa.array(inside, pa.float64()))
        table = table.append_column(f"{name}_unclipped", pa.array(values, pa.float64()))
    return table.append_column("clipped", pa.array(told.tolist(), pa.string()))


def unclip(table: pa.Table) -> pa.Table:
    """Rows with predictions as they were before clipping."""
    for name in ENDS:
        if f"{name}_unclipped" in table.column_names:
            table = table.set_column(table.column_names.index(name), name, table[f"{name}_unclipped"])
    return table
