"""Numbers as people read them: the same digits everywhere."""

from __future__ import annotations

import math

import pytest

from kakehashi.catalogs.numbers import MISSING, interval, number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1441.0, "1,440"), (1.44e3, "1,440"), (999_999.0, "1×10⁶"), (0.0001234, "0.000123"), (1.2e-5, "1.2×10⁻⁵"),
        (-0.5, "−0.5"), (-1.5e-7, "−1.5×10⁻⁷"), (0.0, "0"), (None, MISSING), (math.nan, MISSING), (math.inf, "inf"),
        (12, "12"), (True, "yes"), ("text", "text"),
    ],
)  # fmt: skip
def test_three_digits(value: object, written: str) -> None:
    assert number(value, 3) == written


def test_final_zeros_are_kept_where_points_are_to_meet() -> None:
    assert [number(x, 4, keep=True) for x in (48.1, 0.0, 123456.0)] == ["48.10", "0.000", "123,500"]


def test_an_interval_has_both_ends() -> None:
    assert interval(1441.0, 2030.5) == "1,440 to 2,030"
    assert interval(math.nan, 1.0) == f"{MISSING} to 1"
