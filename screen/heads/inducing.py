"""Gaussian process of any number of rows, seen through a few of them.

Every row counts, but covariances pass through the inducing rows: the deterministic training conditional of
Quiñonero-Candela & Rasmussen (2005). With all rows inducing it is the exact process. Sums over blocks of rows take the
place of the square covariance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.budget import blocks
from kakehashi.screen.heads.head import FloatArray

# Most inducing rows; above so many products with all rows fewer, down to the least number.
MOST, PRODUCTS, LEAST = 800, 10_000_000, 300
# Share of the mean prior variance that keeps the covariance of the inducing rows positive.
JITTER = 1e-8

# Covariances (b, m) of rows (b, p) with the inducing rows.
Kernel = Callable[[FloatArray], FloatArray]


class Inducing(NamedTuple):
    """Fitted process, covariances in units of the signal variance.

    noise, signal : variance of the noise over that of the signal, variance of the signal
    alpha : (m,) the mean is k(x, inducing) @ alpha
    root : (m, m) the explained variance is |k(x, inducing) @ root|²
    """

    noise: float
    signal: float
    alpha: FloatArray
    root: FloatArray


class _Spectrum(NamedTuple):
    """Features of the rows, (n, m), by sums.

    whiten : (m, m) turns covariances with the inducing rows into features
    second, cross : sums of features by features, and by values; square : of the values squared
    """

    whiten: FloatArray
    second: FloatArray
    cross: FloatArray
    square: float


def inducing_count(n: int) -> int:
    """Number of inducing rows of n.

    >>> inducing_count(2_000), inducing_count(20_000), inducing_count(100_000)
    (800, 500, 300)
    """
    return min(n, MOST, max(LEAST, PRODUCTS // n))


def fit_inducing(x: FloatArray, y: FloatArray, own: FloatArray, kernel: Kernel, noises: FloatArray) -> Inducing:
    """Fit on x (n, p), y (n,), the noise by marginal likelihood.

    own : (m, m) covariance of the inducing rows; noises : tried, over the signal variance, which is profiled out
    """
    return _solve(_sum(x, y, own, kernel, [np.arange(len(y))])[0], len(y), noises)


def leave_out_inducing(
    x: FloatArray, y: FloatArray, folds: NDArray[np.int64], own: FloatArray, kernel: Kernel, noises: FloatArray
) -> FloatArray:
    """Out-of-fold means (n,); the noise and the inducing rows are chosen once, on all rows given."""
    groups = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    parts = _sum(x, y, own, kernel, groups)
    whiten = parts[0].whiten
    second, cross = sum(part.second for part in parts), sum(part.cross for part in parts)
    whole = _Spectrum(whiten, np.asarray(second), np.asarray(cross), sum(part.square for part in parts))
    ridge = _solve(whole, len(y), noises).noise * np.eye(len(own))
    predicted = np.empty(len(y))
    for rows, part in zip(groups, parts, strict=True):
        alpha = whiten @ np.linalg.solve(whole.second - part.second + ridge, whole.cross - part.cross)
        for block in blocks(len(rows), x.shape[1]):
            predicted[rows[block]] = kernel(x[rows[block]]) @ alpha
    return predicted


def _sum(
    x: FloatArray, y: FloatArray, own: FloatArray, kernel: Kernel, groups: list[NDArray[np.int64]]
) -> list[_Spectrum]:
    """Sums over the rows of each group."""
    from scipy.linalg import solve_triangular

    lower = np.linalg.cholesky(own + JITTER * np.trace(own) / len(own) * np.eye(len(own)))
    whiten = solve_triangular(lower, np.eye(len(own)), lower=True).T
    found = []
    for rows in groups:
        second, cross = np.zeros_like(own), np.zeros(len(own))
        for block in blocks(len(rows), max(len(own), x.shape[1])):
            chosen = rows[block]
            features = kernel(x[chosen]) @ whiten
            second += features.T @ features
            cross += features.T @ y[chosen]
        found.append(_Spectrum(whiten, second, cross, float(y[rows] @ y[rows])))
    return found


def _solve(sums: _Spectrum, n: int, noises: FloatArray) -> Inducing:
    """Noise of the largest marginal likelihood, and the process with it."""
    values, vectors = np.linalg.eigh(sums.second)
    values = np.maximum(values, 0.0)
    projected = vectors.T @ sums.cross
    damped = values[None, :] + noises[:, None]
    left = (sums.square - np.sum(projected**2 / damped, axis=1)) / noises
    signal = np.maximum(left / n, 1e-300)
    determinant = np.sum(np.log(damped), axis=1) + (n - len(values)) * np.log(noises)
    best = int(np.argmax(-0.5 * (n * np.log(signal) + determinant)))
    turned = sums.whiten @ vectors
    return Inducing(
        float(noises[best]),
        float(signal[best]),
        turned @ (projected / damped[best]),
        turned * np.sqrt(values / damped[best]),
    )
