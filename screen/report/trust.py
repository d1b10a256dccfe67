"""Say in one plain sentence how far to trust predictions, from held-out values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import FloatArray


class Trust(NamedTuple):
    """Errors on n held-out values.

    factor : exp of the mean absolute error of ln(value), None unless that is the scale
    error : mean absolute error in the unit, None where `factor` is given
    r2 : coefficient of determination on the fitted scale, None if all values are equal
    covered, with_interval : values inside their interval, and values that have one
    """

    n: int
    factor: float | None
    error: float | None
    r2: float | None
    covered: int
    with_interval: int


def measure_trust(y: FloatArray, mean: FloatArray, lower: FloatArray, upper: FloatArray, *, log: bool) -> Trust | None:
    """Measure errors of held-out predictions, all (n,) in the target's unit.

    None without any.
    """
    usable = np.isfinite(y) & np.isfinite(mean) & ((y > 0) & (mean > 0) | (not log))
    y, mean, lower, upper = (values[usable] for values in (y, mean, lower, upper))
    if not len(y):
        return None
    truth, guess = (np.log(y), np.log(mean)) if log else (y, mean)
    mae = float(np.abs(truth - guess).mean())
    spread = float(((truth - truth.mean()) ** 2).sum())
    has = np.isfinite(lower) & np.isfinite(upper)
    return Trust(
        n=len(y),
        factor=math.exp(min(mae, 700.0)) if log else None,
        error=None if log else mae,
        r2=1 - float(((truth - guess) ** 2).sum()) / spread if spread > 0 else None,
        covered=int(np.sum(has & (lower <= y) & (y <= upper))),
        with_interval=int(has.sum()),
    )


def trust_sentence(trust: Trust, unit: str, *, noun: str = "compounds", level: float = 0.9) -> str:
    """Sentence on the typical error, what it explains, and how many intervals held.

    >>> trust_sentence(Trust(31, 1.9, None, 0.77, 29, 31), "W/(m K)")
    'On compounds it never saw the model is typically off by a factor of 1.9 (R² 0.77, n = 31); 29 of 31 lay in their 90% intervals.'
    """  # noqa: E501
    off = f"by a factor of {number(trust.factor, 2)}" if trust.factor is not None else f"by {_error(trust, unit)}"
    useless = ", no better than guessing the average" if trust.r2 is not None and trust.r2 <= 0 else ""
    explained = "" if trust.r2 is None else f"R² {number(round(trust.r2, 2), 2)}{useless}, "
    text = f"On {noun} it never saw the model is typically off {off} ({explained}n = {trust.n:,})"
    if trust.with_interval:
        text += f"; {trust.covered:,} of {trust.with_interval:,} lay in their {level:.0%} intervals"
    return f"{text}."


def trust_record(trust: Trust | None, unit: str, noun: str, level: float) -> dict[str, Any]:
    """Errors and sentence as JSON values; {} without any."""
    return {} if trust is None else {**trust._asdict(), "text": trust_sentence(trust, unit, noun=noun, level=level)}


def _error(trust: Trust, unit: str) -> str:
    return f"{number(trust.error, 2)} {unit}".strip()
