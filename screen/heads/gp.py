"""Gaussian process, RBF + linear covariance, marginal likelihood on a grid.

Rasmussen & Williams (2006), chapters 2 and 5. The signal variance is profiled out in closed form, and one
eigendecomposition per (length scale, mixture) serves every noise level, so a grid is exhaustive and cheap.

Of more rows than `budget.EXACT` some, evenly spread over the table, stand between the others (`inducing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.budget import EXACT, blocks, spread_rows
from kakehashi.screen.heads.head import Affine, FloatArray, Head, Params, block_residuals, namespace
from kakehashi.screen.heads.inducing import Kernel, fit_inducing, inducing_count, leave_out_inducing
from kakehashi.screen.networks.pyramid import matmul

# Length scales in units of the median distance between rows; share of the linear term; noise over signal variance.
LENGTHS = (0.5, 1.0, 2.0)
MIXTURES = (0.1, 0.5, 0.8, 0.95)
NOISES = np.logspace(-3, 0.5, 12)
# Rows that choose length scale and mixture, at most: each pair costs an eigendecomposition.
GRID_ROWS = 400
_GRID = [(factor, mixture) for factor in LENGTHS for mixture in MIXTURES]
# Prior variance of the constant mean, in units of the signal variance.
CONSTANT = 1.0
# Columns of a triangular root that are multiplied at a time.
STRIPE = 192


class _Fit(NamedTuple):
    length: float
    mixture: float
    noise: float
    signal: float
    values: FloatArray
    vectors: FloatArray


def fit(x: FloatArray, y: FloatArray) -> Params:
    """Fit on x (n, p), y (n,)."""
    centre, norm, offset = _frame(x, y)
    if len(y) > EXACT:
        seen = _look(x, y - offset, centre, norm)
        found = fit_inducing(x, y - offset, seen.own, seen.kernel, NOISES)
        return {
            "centre": centre, "norm": norm, "rows": seen.inducing, "alpha": found.alpha, "root": found.root,
            "offset": offset, "length": np.float64(seen.length), "mixture": np.float64(seen.mixture),
            "noise": np.float64(found.noise), "signal": np.float64(found.signal),
        }  # fmt: skip
    z = (x - centre) / norm
    best = _search(z, y - offset)
    root = best.vectors / np.sqrt(best.values + best.noise)
    return {
        "centre": centre,
        "norm": norm,
        "rows": z,
        "alpha": root @ (root.T @ (y - offset)),
        "root": root,
        "offset": offset,
        "length": np.float64(best.length),
        "mixture": np.float64(best.mixture),
        "noise": np.float64(best.noise),
        "signal": np.float64(best.signal),
    }


def _split(params: Params) -> tuple[Any, Any, Params]:
    rows = params["rows"]
    rest = {name: params[name] for name in params if name not in ("centre", "rows", "root")}
    rest = {**rest, "roots": (params["root"],), "theirs": namespace(rows).sum(rows**2, axis=-1)}
    return params["centre"], rows.T / params["norm"], rest


def _ready(rest: Params) -> Params:
    (root,) = rest["roots"]
    return {**rest, "roots": striped(root)}


def striped(root: FloatArray) -> tuple[FloatArray, ...]:
    """Triangular root in stripes, without the zeros above.

    Half the products of the explained variance.

    With root.T = Q R, the rows of R.T have the same lengths and inner products as those of the root.
    """
    if len(root) <= STRIPE:
        return (root,)
    lower = np.linalg.qr(root.T)[1].T
    return tuple(lower[start:, start : start + STRIPE] for start in range(0, len(root), STRIPE))


def _finish(rest: Params, inner: Any, squares: Any) -> tuple[Any, Any]:
    """Posterior mean and spread (noise included) from inner products."""
    xp, mixture = namespace(inner), rest["mixture"]
    scaled = squares / rest["norm"] ** 2
    squared = xp.maximum(scaled[:, None] + rest["theirs"][None, :] - 2 * inner, 0.0)
    cross = (1 - mixture) * xp.exp(-0.5 * squared / rest["length"] ** 2) + mixture * inner + CONSTANT
    prior = (1 - mixture) + mixture * scaled + CONSTANT
    explained = sum(xp.sum(matmul(cross[:, -len(part) :], part) ** 2, axis=-1) for part in rest["roots"])
    variance = rest["signal"] * (xp.maximum(prior - explained, 0.0) + rest["noise"])
    return matmul(cross, rest["alpha"]) + rest["offset"], xp.sqrt(variance)


def ceiling(params: Params) -> float:
    """Infinity, by the linear term."""
    return float("inf") if float(params["mixture"]) > 0 and np.any(params["alpha"]) else float(params["offset"])


def cross_validate(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Out-of-fold means (n,) in closed form.

    Hyperparameters are chosen once, on all rows given.
    """
    centre, norm, offset = _frame(x, y)
    if len(y) > EXACT:
        seen = _look(x, y - offset, centre, norm)
        return offset + leave_out_inducing(x, y - offset, folds, seen.own, seen.kernel, NOISES)
    best = _search((x - centre) / norm, y - offset)
    inverse = (best.vectors / (best.values + best.noise)) @ best.vectors.T
    return y - block_residuals(inverse, y - offset, folds)


def _frame(x: FloatArray, y: FloatArray) -> tuple[FloatArray, np.float64, np.float64]:
    """Centre, common scale, and mean of y.

    The scale makes a typical row of norm 1.
    """
    centre = x.mean(axis=0)
    squares = np.concatenate([np.sum((x[part] - centre) ** 2, axis=1) for part in blocks(len(x), x.shape[1])])
    norm = np.sqrt(np.mean(squares))
    return centre, np.float64(norm if norm > 0 else 1.0), np.float64(y.mean())


def _search(z: FloatArray, y: FloatArray) -> _Fit:
    """Hyperparameters of the largest marginal likelihood.

    The signal variance is profiled out. Of more than `GRID_ROWS` rows as many, evenly spaced, choose length scale and
    mixture; noise and signal come from all.
    """
    grid = _GRID if len(y) <= GRID_ROWS else [_shape_of(z, y)]
    return _best_of(z, y, grid)[1]


def _shape_of(z: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Length in units of the median distance, and mixture, by at most `GRID_ROWS` rows."""
    rows = spread_rows(len(y), GRID_ROWS)
    return _GRID[_best_of(z[rows], y[rows] - y[rows].mean(), _GRID)[0]]


class _Seen(NamedTuple):
    """Inducing rows (m, p) on the common scale, their covariance (m, m), and that of other rows with them."""

    inducing: FloatArray
    own: FloatArray
    length: float
    mixture: float
    kernel: Kernel


def _look(x: FloatArray, y: FloatArray, centre: FloatArray, norm: np.float64) -> _Seen:
    """Inducing rows, with the covariance that a grid on a few rows chose."""

    def scaled(rows: FloatArray) -> FloatArray:
        return np.asarray((rows - centre) / norm)

    factor, mixture = _shape_of(scaled(x[spread_rows(len(x), GRID_ROWS)]), y[spread_rows(len(x), GRID_ROWS)])
    chosen = x[spread_rows(len(x), inducing_count(len(x)))]
    inducing = scaled(chosen)
    theirs = np.sum(inducing**2, axis=1)
    length = factor * _middle(_distances(inducing @ inducing.T, theirs, theirs))

    def kernel(rows: FloatArray) -> FloatArray:
        z = scaled(rows)
        inner = z @ inducing.T
        smooth = np.exp(-0.5 * _distances(inner, np.sum(z**2, axis=1), theirs) / length**2)
        return np.asarray((1 - mixture) * smooth + mixture * inner + CONSTANT)

    return _Seen(inducing, kernel(chosen), length, mixture, kernel)


def _distances(inner: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(a[:, None] + b[None, :] - 2 * inner, 0.0))


def _middle(squared: FloatArray) -> float:
    """Median distance of different rows; 1 where it is 0."""
    return float(np.median(np.sqrt(squared[np.triu_indices(len(squared), 1)]))) or 1.0


def _best_of(z: FloatArray, y: FloatArray, grid: Sequence[tuple[float, float]]) -> tuple[int, _Fit]:
    """Best of some factors of the median distance and mixtures: its number, and the fit."""
    n = len(y)
    inner = z @ z.T
    squared = _distances(inner, np.diag(inner), np.diag(inner))
    middle = _middle(squared)
    scaled = [(factor * middle, mixture) for factor, mixture in grid]
    covariances = np.stack(
        [(1 - w) * np.exp(-0.5 * squared / length**2) + w * inner + CONSTANT for length, w in scaled]
    )
    values, vectors = np.linalg.eigh(covariances)
    values = np.maximum(values, 0.0)
    projected = np.einsum("gij,i->gj", vectors, y) ** 2
    damped = values[:, None, :] + NOISES[None, :, None]
    signal = np.maximum(np.mean(projected[:, None, :] / damped, axis=-1), 1e-300)
    likelihood = -0.5 * (n * np.log(signal) + np.sum(np.log(damped), axis=-1))
    which, noise = (int(i) for i in np.unravel_index(int(np.argmax(likelihood)), likelihood.shape))
    fit = _Fit(*scaled[which], float(NOISES[noise]), float(signal[which, noise]), values[which], vectors[which])
    return which, fit


affine = Affine(_split, _finish, _ready)
gp = Head("gp", fit, affine.predict, ceiling, cross_validate, affine)
