"""Ridge regression in closed form (Hoerl & Kennard, 1970).

The penalty is chosen by leave-one-out error (Allen, 1974). Up to `FEW` rows one decomposition gives all; of more the
rows pass in blocks (`gram`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.budget import FEW
from kakehashi.screen.heads.directions import principal_directions
from kakehashi.screen.heads.gram import PENALTIES, fit_ridge, leave_out
from kakehashi.screen.heads.head import Affine, FloatArray, Head, Params, namespace

# Most directions along which the spread knows what the rows have pinned down; it is too wide along the others.
PINNED = 512


def fit(x: FloatArray, y: FloatArray) -> Params:
    """Fit ridge with intercept on x (n, p), y (n,).

    Works in the smaller of row and column space.
    """
    if len(y) > FEW:
        return _fit_blocks(x, y)
    centre, offset = x.mean(axis=0), y.mean()
    u, squares, back = principal_directions(x - centre)
    penalty, noise = _choose(u, squares, y - offset)
    # Posterior variance of a linear model with prior variance 1/penalty: the prior everywhere, less what
    # the rows have pinned down along their own directions.
    # With singular values s the reduction is s² / (penalty (s² + penalty)); `back` holds one s.
    pinned = 1.0 / np.sqrt(penalty * (squares + penalty))
    return {
        "centre": centre,
        "coefficients": back @ ((u.T @ (y - offset)) / (squares + penalty)),
        "intercept": np.float64(offset),
        "noise": np.float64(noise),
        "prior": np.float64(1.0 / penalty),
        "pinned": back * pinned,
    }


def _fit_blocks(x: FloatArray, y: FloatArray) -> Params:
    found = fit_ridge(x, y[:, None])
    penalty = float(found.penalty[0])
    pinned = np.sqrt(np.maximum(1.0 / penalty - 1.0 / (found.values + penalty), 0.0))
    strongest = np.argsort(-found.values, kind="stable")[:PINNED]
    return {
        "centre": found.frame.centre,
        "coefficients": found.coefficients[:, 0],
        "intercept": np.float64(found.offset[0]),
        "noise": np.float64(found.noise[0]),
        "prior": np.float64(1.0 / penalty),
        "pinned": found.frame.back(found.vectors[:, strongest] * pinned[strongest]),
    }


def _split(params: Params) -> tuple[Any, Any, Params]:
    xp = namespace(params["pinned"])
    matrix = xp.concatenate([params["coefficients"][:, None], params["pinned"]], axis=1)
    return params["centre"], matrix, {name: params[name] for name in ("intercept", "noise", "prior")}


def _finish(rest: Params, products: Any, squares: Any) -> tuple[Any, Any]:
    """Mean and posterior spread (noise included)."""
    xp = namespace(products)
    variance = xp.maximum(rest["prior"] * squares - xp.sum(products[:, 1:] ** 2, axis=-1), 0.0)
    return products[:, 0] + rest["intercept"], rest["noise"] * xp.sqrt(1.0 + variance)


def ceiling(params: Params) -> float:
    """Infinity; the intercept where nothing was learned."""
    return float("inf") if np.any(params["coefficients"]) else float(params["intercept"])


def cross_validate(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Out-of-fold means (n,) in closed form.

    The penalty is chosen once, by leave-one-out on all rows given.
    """
    if len(y) > FEW:
        return leave_out(x, y, folds)
    offset = y.mean()
    u, squares, _ = principal_directions(x - x.mean(axis=0))
    penalty, _ = _choose(u, squares, y - offset)
    n = len(y)
    half = u * np.sqrt(squares / (squares + penalty))
    residuals = y - offset - half @ (half.T @ (y - offset))
    predicted = np.empty(n)
    for fold in np.unique(folds):
        held = np.flatnonzero(folds == fold)
        # Of the hat matrix only the blocks of the folds are needed.
        inside = np.eye(len(held)) - half[held] @ half[held].T - 1.0 / n
        predicted[held] = y[held] - np.linalg.solve(inside, residuals[held])
    return predicted


def _choose(u: FloatArray, squares: FloatArray, centred: FloatArray) -> tuple[float, float]:
    """Penalty of least leave-one-out error, and its noise.

    squares : (k,) squared singular values

    A row left out is predicted with variance noise² / (1 - leverage); the noise makes these variances as large, on
    average, as the leave-one-out errors are. (The errors' own size would count twice what the posterior already
    knows: near interpolation the noise is tiny and the uncertainty all in the coefficients.)
    """
    n = len(centred)
    penalties = PENALTIES * max(float(np.sum(squares)) / n, 1e-12)
    projected = u.T @ centred
    shrink = squares / (squares + penalties[:, None])
    fitted = (shrink * projected) @ u.T
    leverage = shrink @ (u**2).T + 1.0 / n
    left = np.maximum(1.0 - leverage, 1e-8)
    residuals = (centred - fitted) / left
    best = int(np.argmin(np.mean(residuals**2, axis=1)))
    return float(penalties[best]), float(np.sqrt(np.mean(residuals[best] ** 2 * left[best])))


affine = Affine(_split, _finish)
ridge = Head("ridge", fit, affine.predict, ceiling, cross_validate, affine)
