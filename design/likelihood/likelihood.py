"""Likelihood of a goal: probability of its windows under an ensemble of models.

Probabilities, not their logarithms, are averaged over the members: members are alternatives, of which one is right.
All arithmetic is on logarithms, from the nearer tail, so that units far from the goal still differ. Values, windows
and spreads are on the fitted scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betaln, gammaln, log_ndtr, logsumexp, stdtr

from kakehashi.design.likelihood.goals import Goal

FloatArray = NDArray[np.float64]

# Narrower windows (in spreads) are integrated about their middle: the difference of two logarithms would cancel.
# The error of doing so is of the order of the square.
_NARROW = 1e-4
# Smallest tail probability taken from scipy's distribution function; beyond it the tail's own series is used.
_SMALLEST = 1e-290
# Candidate degrees of freedom of held-out residuals; fewer residuals than ENOUGH do not determine them.
DEGREES = (2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 50.0)
ENOUGH = 50
# Penalty of the distance to the training units. In the model's units, 1 is the 95th percentile of the distances
# among training units: no penalty up to 1, two natural logarithms at 2.
START, SCALE = 1.0, 0.5


class Prediction(NamedTuple):
    """Predictions of one property for n repeat units, on the fitted scale.

    means, spreads : (members, n); weights : (members,), summing to one
    noise : standard deviation to be added to every spread, from `held_out_noise`
    degrees : of freedom of Student's t, from `held_out_tails`; inf where errors are normal
    """

    means: FloatArray
    spreads: FloatArray
    weights: FloatArray
    noise: float = 0.0
    degrees: float = np.inf


def log_goal_probability(
    goals: Sequence[Goal], predictions: Sequence[Prediction], *, paired: bool = False
) -> FloatArray:
    """Log probability (n,) that every property lies in its window.

    Goal j is evaluated with prediction j.

    paired : the members of all predictions are the same networks, in the same order. A member that errs in one
        property errs in the others, so that windows are multiplied within a member, and only then averaged.
        Otherwise the properties are independent and their averages are multiplied.

    Examples
    --------
    >>> prediction = Prediction(np.array([[300.0, 400.0]]), np.array([[10.0, 10.0]]), np.array([1.0]))
    >>> np.exp(log_goal_probability([Goal("tg", lower=400.0)], [prediction])).round(3)
    array([0. , 0.5])
    """
    if len(goals) != len(predictions) or not goals:
        raise ValueError(f"expected a prediction for each goal, got {len(goals)} goals and {len(predictions)}")
    for prediction in predictions:
        _check(prediction)
    each = [_log_members(goal, prediction) for goal, prediction in zip(goals, predictions, strict=True)]
    if not paired:
        averages = [_average(log_p, p.weights) for log_p, p in zip(each, predictions, strict=True)]
        return np.asarray(np.sum(averages, axis=0), np.float64)
    weights = predictions[0].weights
    if not all(np.array_equal(weights, prediction.weights) for prediction in predictions):
        raise ValueError("paired predictions share their members: expected the same weights for all properties")
    return _average(np.sum(each, axis=0), weights)


def log_window(mean: ArrayLike, spread: ArrayLike, lower: float, upper: float, degrees: float = np.inf) -> FloatArray:
    """Log P(lower < Y < upper), elementwise.

    Y is normal or Student's t.

    mean, spread : location and scale; degrees : of freedom, inf for a normal distribution

    A spread of zero is a certain value. The relative error of the logarithm is below 1e-6 down to -1e4 and beyond.

    Examples
    --------
    >>> float(np.exp(log_window(0.0, 1.0, -1.96, 1.96)).round(3))
    0.95
    """
    mean, spread = np.broadcast_arrays(np.asarray(mean, np.float64), np.asarray(spread, np.float64))
    if not lower < upper or not degrees > 0:
        raise ValueError(f"expected lower < upper and positive degrees, got {lower}, {upper} and {degrees}")
    if (spread < 0).any():
        raise ValueError("expected spreads of zero or more")
    if lower == -np.inf and upper == np.inf:
        return np.where(np.isnan(mean + spread), np.nan, 0.0)
    with np.errstate(all="ignore"):  # the branches not chosen
        a, b, width = (lower - mean) / spread, (upper - mean) / spread, (upper - lower) / spread
        right = a + b > 0
        near, far = np.where(right, -a, b), np.where(right, -b, a)
        top, bottom = _log_cdf(near, degrees), _log_cdf(far, degrees)
        # log(exp(top) - exp(bottom))
        wide = top + np.log1p(-np.exp(bottom - top))
        wide = np.where(np.isneginf(bottom), top, wide)
        inside = np.where(width < _NARROW, _log_narrow((near + far) / 2, width, degrees), wide)
        certain = np.where((lower < mean) & (mean < upper), 0.0, -np.inf)
        result = np.where(spread > 0, np.minimum(inside, 0.0), certain)
    return np.asarray(np.where(np.isnan(mean + spread), np.nan, result), np.float64)


def held_out_noise(residuals: ArrayLike, spreads: ArrayLike) -> float:
    """Noise to add to predicted spreads so that they cover held-out residuals.

    Solves mean(residual² / (spread² + noise²)) = 1; zero where the spreads alone are wide enough.

    Examples
    --------
    >>> round(held_out_noise([3.0, -3.0], [0.0, 0.0]), 6)
    3.0
    """
    squared, variance = np.asarray(residuals, np.float64) ** 2, np.asarray(spreads, np.float64) ** 2
    if squared.size == 0 or not np.isfinite(squared).all() or not np.isfinite(variance).all():
        raise ValueError("expected at least one held-out residual, all finite with their spreads")

    def excess(noise2: float) -> float:
        return float(np.mean(squared / (variance + noise2))) - 1.0

    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.where(squared > 0, squared / variance, 0.0)
    if float(np.mean(alone)) <= 1.0:
        return 0.0
    # Between them the mean falls through one: it is at most one at the mean square, above one near zero.
    largest = float(squared.mean()) * (1 + 1e-9)
    smallest = largest / 4
    while excess(smallest) <= 0:
        smallest /= 4
    return float(np.sqrt(brentq(excess, smallest, largest, xtol=smallest * 1e-12)))


def held_out_tails(residuals: ArrayLike, spreads: ArrayLike) -> tuple[float, float]:
    """Fit Student's t to held-out residuals by maximum likelihood.

    Returns the factor of the spreads and the degrees of freedom.

    Errors of property models have heavy tails: compared with a normal distribution of their variance most are smaller,
    and a few are several times as large. The tails decide how probable a value far from the prediction is. Fewer than
    `ENOUGH` residuals do not determine them: n - 1 degrees then, as for a normal distribution of unknown variance.
    """
    ratios = np.asarray(residuals, np.float64) / np.asarray(spreads, np.float64)
    n = len(ratios)
    if n < ENOUGH or not ratios.any():
        return 1.0, float(max(n - 1, 1))
    typical = float(np.sqrt(np.mean(ratios**2)))

    def surprise(log_scale: float, degrees: float) -> float:
        constant = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - 0.5 * np.log(degrees * np.pi)
        tails = np.log1p((ratios / np.exp(log_scale)) ** 2 / degrees)
        return float(n * (log_scale - constant) + (degrees + 1) / 2 * tails.sum())

    fits = []
    for degrees in (*DEGREES, float(n - 1)):
        bounds = np.log(typical) + np.array([-5.0, 1.0])
        best = minimize_scalar(surprise, args=(degrees,), bounds=bounds, method="bounded", options={"xatol": 1e-9})
        fits.append((float(best.fun), float(np.exp(best.x)), degrees))
    _, scale, degrees = min(fits)
    return scale, degrees


def log_applicability(
    distance: ArrayLike, start: float = START, scale: float = SCALE, limit: float = np.inf
) -> FloatArray:
    """Log weight (n,) of repeat units by distance from the training units.

    The weight is -max(0, d - start)² / (2 scale²), -inf beyond `limit`. It is part of the constraint, i.e. of the
    prior: extrapolations are rare at every temperature alike, whatever goal probability is predicted for them, and log
    Z stays the log probability of the goal among applicable units.

    Examples
    --------
    >>> log_applicability([0.5, 1.0, 2.0])
    array([-0., -0., -2.])
    """
    distance = np.asarray(distance, np.float64)
    if not scale > 0 or (distance < 0).any():
        raise ValueError(f"expected a positive scale and distances of zero or more, got scale {scale}")
    beyond = np.maximum(0.0, distance - start) / scale
    return np.asarray(np.where(distance > limit, -np.inf, -0.5 * beyond**2), np.float64)


def _check(prediction: Prediction) -> None:
    means, spreads, weights = prediction.means, prediction.spreads, prediction.weights
    if means.ndim != 2 or means.shape != spreads.shape or weights.shape != means.shape[:1]:
        raise ValueError(
            "expected means and spreads (members, n) and weights (members,), got"
            f" {means.shape}, {spreads.shape} and {weights.shape}"
        )
    if not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError(f"expected weights of zero or more that sum to one, got a sum of {weights.sum()}")


def _log_members(goal: Goal, prediction: Prediction) -> FloatArray:
    spread = np.hypot(prediction.spreads, prediction.noise)
    return log_window(prediction.means, spread, goal.lower, goal.upper, prediction.degrees)


def _average(log_p: FloatArray, weights: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        mean = logsumexp(log_p + np.log(weights)[:, None], axis=0)
    return np.asarray(np.minimum(mean, 0.0), np.float64)


def _log_cdf(x: FloatArray, degrees: float) -> FloatArray:
    if degrees == np.inf:
        return np.asarray(log_ndtr(x), np.float64)
    tail = _log_tail(np.abs(x), degrees)
    return np.asarray(np.where(x <= 0, tail, np.log1p(-np.exp(tail))), np.float64)


def _log_tail(x: FloatArray, degrees: float) -> FloatArray:
    """Log P(T > x) of Student's t for x >= 0.

    Half the incomplete beta function of y = degrees / (degrees + x²).
    """
    p = np.asarray(stdtr(degrees, -x))
    result = np.asarray(np.log(p))
    far = p < _SMALLEST
    if far.any():
        half, r = degrees / 2, degrees / x[far] ** 2
        # The hypergeometric function of the incomplete beta function in powers of y / (y - 1) = -r: where p is that
        # small, term k + 1 is at most (k + 1/2) / 660 of term k.
        term = series = np.ones_like(r)
        for k in range(8):
            term = -term * r * (k + 0.5) / (half + 1 + k)
            series = series + term
        log_y = -2 * np.log(np.hypot(1.0, x[far] / np.sqrt(degrees)))
        root = np.log(np.hypot(1.0, np.sqrt(r)))  # -log(1 - y) / 2
        result[far] = half * log_y + root - np.log(degrees) - betaln(half, 0.5) + np.log(series)
    return result


def _log_narrow(middle: FloatArray, width: FloatArray, degrees: float) -> FloatArray:
    """Log probability of a narrow window: density times width, slope included.

    middle, width : in spreads
    """
    if degrees == np.inf:
        density = -0.5 * middle**2 - 0.5 * np.log(2 * np.pi)
        slope = np.abs(middle)
    else:
        root = np.sqrt(degrees)
        constant = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - 0.5 * np.log(degrees * np.pi)
        density = constant - (degrees + 1) * np.log(np.hypot(1.0, middle / root))
        slope = (degrees + 1) * np.abs(middle) / (degrees + middle**2)
    h = slope * width / 2
    sinhc = np.where(h < 1e-2, h**2 / 6, h + np.log1p(-np.exp(-2 * h)) - np.log(2 * h))  # log(sinh(h) / h)
    return np.asarray(density + np.log(width) + sinhc, np.float64)
