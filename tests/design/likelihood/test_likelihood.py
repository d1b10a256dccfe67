"""The likelihood of a goal against arbitrary-precision windows, and its calibration against drawing."""

import math
from types import ModuleType

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from kakehashi.design.likelihood.goals import Goal
from kakehashi.design.likelihood.likelihood import (
    Prediction,
    held_out_noise,
    held_out_tails,
    log_applicability,
    log_goal_probability,
    log_window,
)

INF = math.inf


def exact(mean: float, spread: float, lower: float, upper: float, degrees: float) -> float:
    """log P(lower < Y < upper) with the digits the subtraction needs."""
    with mpmath.workdps(60):
        a, b = (None if math.isinf(end) else (mpmath.mpf(end) - mean) / mpmath.mpf(spread) for end in (lower, upper))

        def above(x: mpmath.mpf) -> mpmath.mpf:
            if degrees == INF:
                return mpmath.erfc(x / mpmath.sqrt(2)) / 2
            nu = mpmath.mpf(degrees)
            tail = mpmath.betainc(nu / 2, mpmath.mpf(1) / 2, 0, nu / (nu + x * x), regularized=True) / 2
            return tail if x >= 0 else 1 - tail

        # From the side where both tails are small.
        if a is None or (b is not None and a + b < 0):
            a, b = (None if b is None else -b), (None if a is None else -a)
        p = above(a) - (0 if b is None else above(b))
        return float(mpmath.log(p))


WINDOWS = [(0.5, 1.0), (0.5, INF), (-INF, 0.5), (-1.0, 1.0), (-INF, 5.0), (-5.0, 6.0), (-1.0, 30.0)]


@pytest.mark.parametrize("degrees", [INF, 3.0, 10.0, 18.0, 100.0, 1000.0])
@pytest.mark.parametrize(("lower", "upper"), WINDOWS)
def test_windows_are_exact_near_and_far(lower: float, upper: float, degrees: float) -> None:
    for mean in (-3.6, -0.3, 0.2, 0.75, 1.7, 4.9, 9.0):
        for spread in (0.03, 0.7, 2.0):
            value = float(log_window(mean, spread, lower, upper, degrees))
            assert value == pytest.approx(exact(mean, spread, lower, upper, degrees), rel=1e-9, abs=1e-50)


def test_the_tail_where_a_difference_of_log_cdfs_underflows() -> None:
    assert float(log_window(0.2, 0.03, 0.5, 1.0)) == pytest.approx(-53.2313, abs=1e-4)


@pytest.mark.parametrize(
    ("degrees", "ends", "smallest"),
    [
        (INF, np.geomspace(1.0, 200.0, 25), -1e4),
        (10.0, np.geomspace(1.0, 1e300, 60), -6e3),
        (1000.0, np.geomspace(1.0, 1e7, 60), -1e4),
        (1e6, np.array([5.0, 36.0, 37.0, 50.0, 1e3]), -1e5),
    ],
)
def test_tails_keep_a_millionth_of_the_logarithm(degrees: float, ends: NDArray[np.float64], smallest: float) -> None:
    for z in ends:
        value = float(log_window(0.0, 1.0, z, INF, degrees))
        assert value == pytest.approx(exact(0.0, 1.0, z, INF, degrees), rel=1e-9)
        assert float(log_window(0.0, 1.0, -INF, -z, degrees)) == value
    assert value < smallest


@pytest.mark.parametrize("degrees", [INF, 5.0, 50.0])
def test_narrow_windows_do_not_cancel(degrees: float) -> None:
    for mean in (0.0, 0.3, -7.0, 39.0):
        for width in (1e-2, 2e-4, 0.9e-4, 1e-7, 1e-11):
            value = float(log_window(mean, 1.0, 1.0, 1.0 + width, degrees))
            exactly = exact(mean, 1.0, 1.0, 1.0 + width, degrees)
            assert value == pytest.approx(exactly, rel=1e-8, abs=1e-8)


def test_ends_certain_values_and_missing_ones() -> None:
    assert float(log_window(0.3, 1.0, -INF, INF)) == 0.0
    np.testing.assert_array_equal(log_window([0.5, 1.5, 1.0], 0.0, 0.0, 1.0), [0.0, -INF, -INF])
    assert np.isnan(log_window([np.nan], 1.0, 0.0, 1.0)).all()
    assert np.isnan(log_window([np.nan], 1.0, -INF, INF)).all()
    assert float(log_window(0.0, 1e-300, 1.0, INF)) == -INF
    with pytest.raises(ValueError, match="lower < upper"):
        log_window(0.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="zero or more"):
        log_window(0.0, -1.0, 0.0, 1.0)


def test_members_are_averaged_as_probabilities() -> None:
    means = np.array([[0.0, 2.0], [3.0, -40.0]])
    prediction = Prediction(means, np.ones((2, 2)), np.array([0.25, 0.75]))
    goal = Goal("x", 1.0, INF)
    each = np.exp(log_window(means, 1.0, 1.0, INF))
    np.testing.assert_allclose(log_goal_probability([goal], [prediction]), np.log([0.25, 0.75] @ each), rtol=1e-12)
    # All members far off: the best one decides, and nothing underflows.
    far = Prediction(np.array([[-100.0], [-140.0]]), np.ones((2, 1)), np.array([0.5, 0.5]))
    expected = math.log(0.5) + float(log_window(-100.0, 1.0, 1.0, INF))
    np.testing.assert_allclose(log_goal_probability([goal], [far]), expected, rtol=1e-12)
    # A member without weight says nothing.
    alone = Prediction(means, np.ones((2, 2)), np.array([1.0, 0.0]))
    np.testing.assert_allclose(log_goal_probability([goal], [alone]), np.log(each[0]), rtol=1e-12)


def test_paired_members_err_together() -> None:
    means = np.array([[2.0], [-2.0]])
    both = [Prediction(means, np.full((2, 1), 0.1), np.array([0.5, 0.5]))] * 2
    goals = [Goal("x", 0.0, INF), Goal("y", 0.0, INF)]
    np.testing.assert_allclose(log_goal_probability(goals, both), math.log(0.25), rtol=1e-12)
    np.testing.assert_allclose(log_goal_probability(goals, both, paired=True), math.log(0.5), rtol=1e-12)
    other = both[1]._replace(weights=np.array([0.4, 0.6]))
    with pytest.raises(ValueError, match="same weights"):
        log_goal_probability(goals, [both[0], other], paired=True)


def test_noise_widens_and_shapes_are_checked() -> None:
    prediction = Prediction(np.zeros((1, 1)), np.full((1, 1), 3.0), np.ones(1), noise=4.0)
    np.testing.assert_allclose(log_goal_probability([Goal("x", 5.0)], [prediction]), log_window(0.0, 5.0, 5.0, INF))
    for bad in (
        prediction._replace(weights=np.array([0.9])),
        prediction._replace(weights=np.ones(2) / 2),
        prediction._replace(spreads=np.ones((1, 2))),
    ):
        with pytest.raises(ValueError, match="expected"):
            log_goal_probability([Goal("x", 5.0)], [bad])
    with pytest.raises(ValueError, match="for each goal"):
        log_goal_probability([Goal("x", 5.0)], [prediction] * 2)


def test_held_out_noise_is_found_again() -> None:
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.1, 0.5, 200_000)
    residual = np.hypot(spread, 0.4) * rng.standard_normal(len(spread))
    noise = held_out_noise(residual, spread)
    assert noise == pytest.approx(0.4, rel=0.01)
    assert np.mean(residual**2 / (spread**2 + noise**2)) == pytest.approx(1.0, abs=1e-9)
    assert held_out_noise(1e-9 * residual, 1e-9 * spread) == pytest.approx(1e-9 * noise, rel=1e-6)
    assert held_out_noise(0.1 * residual, spread) == 0.0
    assert held_out_noise([0.0, 2.0], [0.0, 0.0]) == pytest.approx(math.sqrt(2))
    with pytest.raises(ValueError, match="at least one"):
        held_out_noise([], [])


@pytest.mark.parametrize(("rows", "student"), [(6, True), (6, False)])
def test_few_residuals_are_calibrated_by_students_t_alone(rows: int, student: bool, check: ModuleType) -> None:
    """Probability integral transforms of new values are uniform, over repeated estimation of the noise."""
    rng = np.random.default_rng(3)
    below = []
    for _ in range(6_000):
        residuals, new = rng.standard_normal(rows), rng.standard_normal()
        noise = held_out_noise(residuals, np.zeros(rows))
        below.append(float(np.exp(log_window(0.0, noise, -INF, new, rows if student else INF))))
    observed = np.histogram(below, bins=np.linspace(0, 1, 21))[0]
    p = check.chi_square(observed, np.full(20, 1 / 20))
    assert p > 1e-3 if student else p < 1e-6


def test_tails_of_held_out_residuals_are_found_again() -> None:
    rng = np.random.default_rng(1)
    spread = rng.uniform(0.5, 2.0, 20_000)
    residual = 0.6 * spread * rng.standard_t(4, len(spread))
    scale, degrees = held_out_tails(residual, spread)
    assert degrees == 4.0
    assert scale == pytest.approx(0.6, rel=0.02)
    assert held_out_tails(1e-9 * residual, spread) == pytest.approx((1e-9 * scale, degrees), rel=1e-6)
    # What they say of a far value is what comes true, and not what a normal distribution of their variance says.
    far = 4 * np.std(residual / spread)
    true = np.mean(residual / spread > far)
    assert np.exp(log_window(0.0, scale, far, INF, degrees)) == pytest.approx(true, rel=0.25)
    assert np.exp(log_window(0.0, far / 4, far, INF)) < true / 20
    scale, degrees = held_out_tails(2.0 * spread * rng.standard_normal(len(spread)), spread)
    assert degrees >= 50
    assert scale == pytest.approx(2.0, rel=0.02)


def test_few_residuals_tell_no_tails() -> None:
    assert held_out_tails(np.array([0.1, -0.2, 5.0]), np.ones(3)) == (1.0, 2.0)
    assert held_out_tails(np.zeros(200), np.ones(200)) == (1.0, 199.0)


def test_applicability_is_free_near_and_forbids_beyond_the_limit() -> None:
    distance = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(log_applicability(distance), [0.0, 0.0, -2.0, -8.0, -18.0])
    np.testing.assert_allclose(log_applicability(distance, limit=3.0), [0.0, 0.0, -2.0, -8.0, -INF])
    with pytest.raises(ValueError, match="positive scale"):
        log_applicability(distance, scale=0.0)
