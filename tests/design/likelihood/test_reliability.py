"""Said chances against what is true, on values whose distribution is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import beta, norm

from kakehashi.design.likelihood.goals import Goal
from kakehashi.design.likelihood.reliability import ENDS, compare_chances, held_out_chances


def model_of(y, mean, spread, log=False):
    folds = np.arange(len(y)) % 5
    held = SimpleNamespace(mean=mean, spread=spread, folds=folds, distance=np.ones(len(y)))
    return SimpleNamespace(target=SimpleNamespace(y=y, log=log), out_of_fold=held)


def test_chances_of_a_calibrated_model_are_true():
    rng = np.random.default_rng(0)
    mean, spread = rng.normal(size=4000), np.full(4000, 0.5)
    model = model_of(mean + spread * rng.normal(size=4000), mean, spread)
    said, met = held_out_chances(model, Goal("x", lower=1.0))
    np.testing.assert_array_equal(met, model.target.y > 1.0)
    np.testing.assert_allclose(said, norm.sf((1.0 - mean) / 0.5), atol=0.03)
    bins = compare_chances(said, met)
    assert sum(found.polymers for found in bins) == 4000
    assert all(found.start <= found.said <= found.stop for found in bins)
    inside = [found.lower <= found.said <= found.upper for found in bins]
    assert sum(inside) >= len(bins) - 1


def test_a_model_that_says_too_small_spreads_is_widened_and_one_fold_by_the_others():
    rng = np.random.default_rng(1)
    mean = rng.normal(size=1000)
    model = model_of(mean + 0.5 * rng.normal(size=1000), mean, np.full(1000, 0.01))
    said, met = held_out_chances(model, Goal("x", lower=1.0))
    np.testing.assert_allclose(said, norm.sf((1.0 - mean) / 0.5), atol=0.06)
    first = model.out_of_fold.folds == 0
    model.target.y[first] = mean[first] + 100.0  # the chances of a fold do not depend on its own residuals
    again, _ = held_out_chances(model, Goal("x", lower=1.0))
    np.testing.assert_array_equal(again[first], said[first])
    assert not np.allclose(again[~first], said[~first])
    assert met.any()


def test_goals_are_in_the_unit_of_the_values():
    values = np.exp(np.linspace(-2, 0, 60))
    model = model_of(np.log(values), np.log(values), np.full(60, 1e-3), log=True)
    said, met = held_out_chances(model, Goal("x", lower=0.3, upper=0.8))
    np.testing.assert_array_equal(met, (values > 0.3) & (values < 0.8))
    assert said[met].min() > 0.5 > said[~met].max()


def test_bins_and_intervals():
    said = [0.0, 0.005, 0.01, 0.5, 1.0]
    found = compare_chances(said, [False, False, True, True, True])
    assert [(one.start, one.stop, one.polymers) for one in found] == [
        (0.0, 0.01, 2), (0.01, 0.03, 1), (0.3, 0.6, 1), (0.6, 1.0, 1),
    ]  # fmt: skip
    assert (found[0].lower, found[-1].upper) == (0.0, 1.0)
    assert found[0].upper == pytest.approx(beta.ppf(0.95, 1, 2))
    [many] = compare_chances([0.2] * 40, [True] * 10 + [False] * 30)
    assert (many.lower, many.upper) == pytest.approx((beta.ppf(0.05, 10, 31), beta.ppf(0.95, 11, 30)))
    assert compare_chances([], []) == ()
    assert (ENDS[0], ENDS[-1]) == (0.0, 1.0)
