"""The rough time of a model grows with what it depends on, and agrees with measured times."""

from __future__ import annotations

import pytest

from kakehashi.screen.heads.registry import SERVING_HEADS
from kakehashi.screen.screening.model_cost import estimate_model


@pytest.mark.parametrize(("n", "measured"), [(45, 20.0), (964, 100.0)])
def test_default_runs_take_about_as_long_as_measured(n: int, measured: float) -> None:
    assert measured / 2 < estimate_model(n, foundation=True) < measured * 2


def test_more_of_everything_takes_longer() -> None:
    usual = estimate_model(45, foundation=True)
    assert estimate_model(45, foundation=True, outer=5, families=False) < usual
    assert estimate_model(45) < usual < estimate_model(90, foundation=True)
    assert usual < estimate_model(45, foundation=True, networks=50) < estimate_model(45, foundation=True, networks=150)
    assert usual < estimate_model(45, foundation=True, heads=SERVING_HEADS)
    assert usual < estimate_model(45, foundation=True, baselines=4)
