"""Conformal quantiles, difficulty and coverage."""

import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.screen.transfer.problem import MIN_COMPOUNDS
from kakehashi.screen.validation.intervals import (
    LEVEL,
    conformal_quantile,
    difficulty,
    interval_coverage,
    usual_spread,
)


def test_quantile_is_the_ceil_of_n_plus_one():
    ratios = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))  # 19 ratios: ceil(20 * 0.9) = 18
    assert conformal_quantile(ratios) == 18
    assert conformal_quantile(np.arange(1.0, 46.0)) == 42  # ceil(46 * 0.9) = ceil(41.4)
    assert conformal_quantile(ratios, 0.5) == 10


def test_quantile_of_few_is_the_largest():
    assert conformal_quantile(np.array([3.0, 1.0, 2.0])) == 3
    assert conformal_quantile(np.array([5.0])) == 5
    with pytest.raises(ValueError, match="at least one"):
        conformal_quantile(np.empty(0))


def test_difficulty_grows_with_spread_and_distance():
    spread, distance = np.array([0.1, 0.5, 2.0, 2.0]), np.array([0.2, 1.0, 0.5, 3.0])
    np.testing.assert_allclose(difficulty(spread, distance, 0.5), [0.72, 2.0, 3.75, 10.0])
    on_device = difficulty(jnp.float32(spread), jnp.float32(distance), jnp.float32(0.5))
    np.testing.assert_allclose(on_device, [0.72, 2.0, 3.75, 10.0], rtol=1e-6)


def test_an_ensemble_that_always_agrees_still_has_an_interval():
    assert (difficulty(np.zeros(3), np.zeros(3), 0.3) == 0.3).all()


def test_usual_spread_is_the_median():
    assert usual_spread(np.arange(11.0)) == 5.0
    assert usual_spread(np.zeros(5)) > 0


def test_the_smallest_target_reaches_the_level():
    # ceil((n + 1) level) <= n: the interval of the model is no mere largest residual.
    assert np.ceil((MIN_COMPOUNDS + 1) * LEVEL) <= MIN_COMPOUNDS
    assert np.ceil((8 + 1) * LEVEL) > 8


@pytest.mark.parametrize("n", [20, 50])
def test_heavy_tails_are_covered_too(n):
    # Exchangeable errors, half of them with Cauchy tails, and spreads and distances that say nothing about them.
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(3000):
        tails = np.where(rng.random(n + 1) < 0.5, rng.standard_cauchy(n + 1), rng.normal(size=n + 1))
        spread, distance = rng.exponential(size=n + 1), rng.exponential(size=n + 1)
        scale = difficulty(spread, distance, usual_spread(spread[:-1]))
        ratios = np.abs(tails) / scale
        inside.append(ratios[-1] <= conformal_quantile(ratios[:-1]))
    exact = np.ceil((n + 1) * LEVEL) / (n + 1)
    assert np.mean(inside) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 3000))


def test_errors_that_grow_with_distance_are_covered_far_away():
    # Planted: errors in proportion to 1 + distance; held-out compounds lie near by, candidates far away.
    rng = np.random.default_rng(4)
    near, far = rng.uniform(0.0, 0.5, (400, 50)), rng.uniform(1.0, 3.0, (400, 50))
    shares = {}
    for name, scale in (("distance", lambda d: difficulty(0.5, d, 0.5)), ("constant", np.ones_like)):
        inside = []
        for own, away in zip(near, far, strict=True):
            factor = conformal_quantile(np.abs(rng.normal(size=50)) * (1 + own) / scale(own))
            inside.append(np.abs(rng.normal(size=50)) * (1 + away) <= factor * scale(away))
        shares[name] = float(np.mean(inside))
    assert shares["distance"] == pytest.approx(0.9, abs=0.02)
    assert shares["constant"] < 0.7


def test_marginal_coverage_of_a_new_compound():
    # Exchangeable ratios: P(new <= quantile of n) = ceil((n + 1) 0.9) / (n + 1), 19 of 19.. for every distribution.
    rng = np.random.default_rng(0)
    trials = 4000
    for n in (19, 45):
        draws = rng.exponential(size=(trials, n + 1)) ** 2
        inside = np.mean([row[-1] <= conformal_quantile(row[:-1]) for row in draws])
        exact = np.ceil((n + 1) * 0.9) / (n + 1)
        assert inside == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / trials))


def test_coverage_uses_the_other_folds_only():
    # One fold with huge ratios: inside an interval from all of them, outside one from the others.
    ratios = np.concatenate([np.full(10, 100.0), np.linspace(1, 2, 40)])
    folds = np.repeat(np.arange(5), 10)
    assert interval_coverage(ratios, folds) == pytest.approx(0.8)


def test_coverage_is_nominal_on_average():
    rng = np.random.default_rng(1)
    folds = np.arange(50) % 10
    found = [interval_coverage(np.abs(rng.normal(size=50)), folds) for _ in range(300)]
    # Held-out rank among 45 others: ceil(46 * 0.9) / 46 = 0.913.
    assert np.mean(found) == pytest.approx(42 / 46, abs=4 * np.std(found) / np.sqrt(300))


def test_normalising_makes_unequal_noise_equally_covered():
    # Noise twice as large where the ensemble says so: both halves are covered.
    rng = np.random.default_rng(2)
    wide = np.arange(400) % 2 == 1
    spread = np.where(wide, 3.0, 1.0)
    usual = 1.0
    inside = []
    for _ in range(40):
        error = np.abs(rng.normal(size=400)) * (spread + usual)
        ratios = error / difficulty(spread, np.zeros(400), usual)
        inside.append(ratios <= conformal_quantile(np.abs(rng.normal(size=400))))
    narrow_rate, wide_rate = np.mean(inside, axis=0)[~wide].mean(), np.mean(inside, axis=0)[wide].mean()
    assert narrow_rate == pytest.approx(wide_rate, abs=0.02)
    assert narrow_rate == pytest.approx(0.9, abs=0.03)
