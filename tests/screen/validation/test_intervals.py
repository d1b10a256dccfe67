"""Conformal quantiles, difficulty and coverage."""

import numpy as np
import pytest

from kakehashi.screen.validation.intervals import conformal_quantile, difficulty, interval_coverage, usual_spread


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


def test_difficulty_is_flat_where_things_are_usual():
    spread, distance = np.array([0.1, 0.5, 2.0, 2.0]), np.array([0.2, 1.0, 0.5, 3.0])
    np.testing.assert_allclose(difficulty(spread, distance, 0.5), [0.5, 0.5, 2.0, 6.0])


def test_usual_spread_is_the_90th_percentile():
    assert usual_spread(np.arange(11.0)) == 9.0
    assert usual_spread(np.zeros(5)) > 0


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
    # Noise three times larger far away: difficulty known, so both halves are covered.
    rng = np.random.default_rng(2)
    far = np.arange(400) % 2 == 1
    spread = np.where(far, 3.0, 1.0)
    usual = 1.0
    inside = []
    for _ in range(40):
        error = np.abs(rng.normal(size=400)) * spread
        ratios = error / difficulty(spread, np.ones(400), usual)
        inside.append(ratios <= conformal_quantile(np.abs(rng.normal(size=400))))
    near_rate, far_rate = np.mean(inside, axis=0)[~far].mean(), np.mean(inside, axis=0)[far].mean()
    assert near_rate == pytest.approx(far_rate, abs=0.02)
    assert near_rate == pytest.approx(0.9, abs=0.03)
