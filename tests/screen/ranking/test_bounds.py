"""Bounds of a property: read, checked, applied and marked."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.ranking.bounds import Bounds, check_bounds, clip, parse_bounds, unclip


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("0,", 0.0, math.inf), (",1", -math.inf, 1.0), ("-2.5, 3e2", -2.5, 300.0), ("0,1", 0.0, 1.0)],
)
def test_bounds_are_read(text: str, low: float, high: float) -> None:
    assert parse_bounds(text) == Bounds(low, high)
    assert parse_bounds(str(Bounds(low, high))) == Bounds(low, high)


@pytest.mark.parametrize("text", ["", "0", ",", "a,1", "1,0", "1,1", "0,1,2", "nan,1", "0,inf"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--bounds: expected"):
        parse_bounds(text)


def test_no_bounds_change_nothing() -> None:
    table = pa.table({"mean": [-1.0], "lower": [-2.0], "upper": [0.0]})
    assert parse_bounds(None) is None
    assert clip(table, None) is table


def test_every_end_is_cut_marked_and_kept() -> None:
    table = pa.table(
        {"id": ["a", "b", "c", "d"], "mean": [-0.5, 0.5, 2.0, 1.0], "lower": [-1.0, -0.1, 0.5, math.nan],
         "upper": [0.2, 0.9, 4.0, 1.5]}
    )  # fmt: skip
    cut = clip(table, Bounds(0.0, 1.5))
    assert cut["mean"].to_pylist() == [0.0, 0.5, 1.5, 1.0]
    assert cut["lower"].to_pylist()[:3] == [0.0, 0.0, 0.5]
    assert np.isnan(cut["lower"][3].as_py())
    assert cut["upper"].to_pylist() == [0.2, 0.9, 1.5, 1.5]
    assert cut["clipped"].to_pylist() == ["lower, mean", "lower", "mean, upper", ""]
    for name in ("mean", "lower", "upper"):
        np.testing.assert_array_equal(unclip(cut)[name].to_numpy(), table[name].to_numpy())


def test_cutting_keeps_the_order() -> None:
    mean = np.sort(np.random.default_rng(0).normal(size=50))[::-1]
    table = pa.table({"mean": mean, "lower": mean - 1, "upper": mean + 1})
    cut = clip(table, Bounds(-0.3, 0.4))["mean"].to_numpy()
    assert np.all(np.diff(cut) <= 0)


def test_bounds_that_exclude_a_measured_value_are_refused() -> None:
    values = np.array([0.2, -0.1, 3.0])
    check_bounds(Bounds(-1.0, 3.0), values, "eV")
    check_bounds(None, values, "eV")
    with pytest.raises(UserError, match=r"--bounds 0,: 1 target value lies outside, such as -0.1 eV"):
        check_bounds(Bounds(0.0), values, "eV")
    with pytest.raises(UserError, match=r"2 target values lie outside"):
        check_bounds(Bounds(0.0, 1.0), values, "")
