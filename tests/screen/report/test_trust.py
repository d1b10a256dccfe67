"""The sentence on how far to trust predictions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from kakehashi.screen.report.trust import Trust, measure_trust, trust_record, trust_sentence


def held_out(n: int = 31) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(5)
    y = np.exp(rng.normal(2, 1, n))
    mean = y * np.exp(rng.normal(0, 0.5, n))
    return y, mean, mean / 2.2, mean * 2.2


def test_figures_are_those_of_scikit_learn() -> None:
    y, mean, lower, upper = held_out()
    trust = measure_trust(y, mean, lower, upper, log=True)
    assert trust is not None
    assert trust.factor == pytest.approx(np.exp(mean_absolute_error(np.log(y), np.log(mean))))
    assert trust.r2 == pytest.approx(r2_score(np.log(y), np.log(mean)))
    assert trust.covered == int(np.sum((lower <= y) & (y <= upper)))
    assert (trust.n, trust.with_interval, trust.error) == (31, 31, None)
    plain = measure_trust(y, mean, lower, upper, log=False)
    assert plain is not None
    assert plain.error == pytest.approx(mean_absolute_error(y, mean))
    assert plain.r2 == pytest.approx(r2_score(y, mean))
    assert plain.factor is None


def test_the_sentence_says_factor_or_unit() -> None:
    assert trust_sentence(Trust(31, 1.9, None, 0.77, 29, 31), "W/(m K)") == (
        "On compounds it never saw the model is typically off by a factor of 1.9 (R² 0.77, n = 31); 29 of 31 lay in"
        " their 90% intervals."
    )
    assert trust_sentence(Trust(1200, None, 0.4567, 0.9, 0, 0), "eV", noun="polymers") == (
        "On polymers it never saw the model is typically off by 0.46 eV (R² 0.9, n = 1,200)."
    )


def test_a_useless_model_is_called_so() -> None:
    said = trust_sentence(Trust(15, 1.2, None, -0.07, 14, 15), "")
    assert "(R² −0.07, no better than guessing the average, n = 15)" in said
    assert "R²" not in trust_sentence(Trust(3, 1.2, None, None, 3, 3), "")


def test_values_that_cannot_be_compared_are_left_out() -> None:
    nan = np.nan
    y, mean = np.array([1.0, 2.0, nan, -1.0]), np.array([1.0, 4.0, 1.0, 1.0])
    lower, upper = np.array([0.5, nan, 0.0, 0.0]), np.array([2.0, 9.0, 1.0, 1.0])
    trust = measure_trust(y, mean, lower, upper, log=True)
    assert trust is not None
    assert (trust.n, trust.covered, trust.with_interval) == (2, 1, 1)
    assert trust.factor == pytest.approx(np.sqrt(2))
    assert measure_trust(*(np.array([nan]),) * 4, log=False) is None
    assert trust_record(None, "K", "compounds", 0.9) == {}
