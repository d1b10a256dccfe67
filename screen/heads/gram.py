"""Ridge regression by sums over blocks of rows, for any number of rows.

Gram matrix, products with the values, leave-one-out errors and predictions of left-out folds need no more than a block
of rows at a time. Of more than `SQUARE` columns the rows are seen in a basis of the directions that `SQUARE` rows,
evenly spread over the table, lie in: of no more rows than that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.budget import SQUARE, blocks, spread_rows
from kakehashi.screen.heads.head import FloatArray

# Penalties tried, in units of the mean squared norm of a centred row: from interpolation to the mean.
PENALTIES = np.logspace(-4, 2, 25)
# Directions below this share of the largest, squared, are rounding errors.
_LEAST = 1e-12


class Frame(NamedTuple):
    """Origin and directions in which rows are seen.

    centre : (p,); basis : (p, d) orthonormal, None for the columns themselves
    """

    centre: FloatArray
    basis: FloatArray | None

    def see(self, x: FloatArray) -> FloatArray:
        """Rows (b, d) of a block x (b, p)."""
        return x - self.centre if self.basis is None else (x - self.centre) @ self.basis

    def back(self, directions: FloatArray) -> FloatArray:
        """Directions (d, k) as directions of the columns, (p, k)."""
        return directions if self.basis is None else self.basis @ directions


class Sums(NamedTuple):
    """Sums over rows z (n, d) with values y (n, k).

    first : of z; second : of z zᵀ; cross : of z yᵀ; total : of y
    """

    rows: int
    first: FloatArray
    second: FloatArray
    cross: FloatArray
    total: FloatArray


class Ridge(NamedTuple):
    """Fitted ridge of k columns of values, each with a penalty of its own.

    values, vectors : (d,), (d, d) of the Gram matrix of centred rows; projected : (d, k) values along the vectors
    penalty, noise : (k,); loo_mae : (k,) mean absolute leave-one-out error; offset : (k,)
    """

    frame: Frame
    values: FloatArray
    vectors: FloatArray
    projected: FloatArray
    penalty: FloatArray
    noise: FloatArray
    loo_mae: FloatArray
    offset: FloatArray

    @property
    def coefficients(self) -> FloatArray:
        """Coefficients of the columns, (p, k)."""
        return self.frame.back(self.vectors @ (self.projected / (self.values[:, None] + self.penalty)))


def make_frame(x: FloatArray) -> Frame:
    """Frame of rows x (n, p): centred, in at most `SQUARE` directions."""
    centre = x.mean(axis=0)
    if x.shape[1] <= SQUARE:
        return Frame(centre, None)
    z = x[spread_rows(len(x), SQUARE)] - centre
    values, vectors = np.linalg.eigh(z @ z.T)
    kept = values > _LEAST * max(float(values[-1]), 1e-300)
    if not kept.any():
        return Frame(centre, np.zeros((x.shape[1], 1)))
    return Frame(centre, z.T @ (vectors[:, kept] / np.sqrt(values[kept])))


def sum_rows(frame: Frame, x: FloatArray, y: FloatArray, rows: NDArray[np.int64] | None = None) -> Sums:
    """Sum over rows of x (n, p) and y (n, k), all or some."""
    width = x.shape[1] if frame.basis is None else frame.basis.shape[1]
    first, second = np.zeros(width), np.zeros((width, width))
    cross = np.zeros((width, y.shape[1]))
    n = len(x) if rows is None else len(rows)
    for part in blocks(n, x.shape[1]):
        chosen = part if rows is None else rows[part]
        z = frame.see(x[chosen])
        first += z.sum(axis=0)
        second += z.T @ z
        cross += z.T @ y[chosen]
    return Sums(n, first, second, cross, (y if rows is None else y[rows]).sum(axis=0))


def fit_ridge(x: FloatArray, y: FloatArray, frame: Frame | None = None, sums: Sums | None = None) -> Ridge:
    """Fit ridge with intercept on x (n, p), y (n, k); the penalty by leave-one-out error (Allen, 1974)."""
    frame = make_frame(x) if frame is None else frame
    sums = sum_rows(frame, x, y) if sums is None else sums
    n, offset = len(y), sums.total / len(y)
    values, vectors = np.linalg.eigh(sums.second)
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (sums.cross - np.outer(sums.first, offset))
    penalties = PENALTIES * max(float(values.sum()) / n, 1e-12)
    damped = 1.0 / (values + penalties[:, None])
    squared, absolute, inside = (np.zeros((len(penalties), y.shape[1])) for _ in range(3))
    slopes = damped[:, :, None] * projected
    wide = np.moveaxis(slopes, 0, 1).reshape(len(values), -1)
    for part in blocks(n, max(x.shape[1], wide.shape[1])):
        along = frame.see(x[part]) @ vectors
        left = np.maximum(1.0 - along**2 @ damped.T - 1.0 / n, 1e-8)
        fitted = (along @ wide).reshape(len(along), len(penalties), -1)
        error = ((y[part] - offset)[:, None, :] - fitted) / left[:, :, None]
        squared += np.sum(error**2, axis=0)
        absolute += np.sum(np.abs(error), axis=0)
        inside += np.sum(error**2 * left[:, :, None], axis=0)
    best, columns = np.argmin(squared, axis=0), np.arange(y.shape[1])
    return Ridge(
        frame, values, vectors, projected, penalties[best], np.sqrt(inside[best, columns] / n),
        absolute[best, columns] / n, offset,
    )  # fmt: skip


def predict_ridge(ridge: Ridge, x: FloatArray) -> FloatArray:
    """Means (m, k) at x (m, p)."""
    return (x - ridge.frame.centre) @ ridge.coefficients + ridge.offset


def leave_out(x: FloatArray, y: FloatArray, folds: Sequence[int] | NDArray[np.int64]) -> FloatArray:
    """Out-of-fold means (n,) of ridge on y (n,), its penalty chosen on all rows.

    What a fold adds to the sums is taken away again, so that no fold costs a pass of its own.
    """
    numbers = np.asarray(folds)
    column = y[:, None]
    frame = make_frame(x)
    groups = [np.flatnonzero(numbers == fold) for fold in np.unique(numbers)]
    parts = [sum_rows(frame, x, column, rows) for rows in groups]
    whole = Sums(*(sum(values[1:], values[0]) for values in zip(*parts, strict=True)))
    penalty = float(fit_ridge(x, column, frame, whole).penalty[0])
    predicted = np.empty(len(y))
    for rows, part in zip(groups, parts, strict=True):
        left = whole.rows - part.rows
        mean, offset = (whole.first - part.first) / left, (whole.total - part.total) / left
        second = whole.second - part.second - left * np.outer(mean, mean)
        cross = whole.cross - part.cross - left * np.outer(mean, offset)
        slopes = np.linalg.solve(second + penalty * np.eye(len(mean)), cross[:, 0])
        for block in blocks(len(rows), x.shape[1]):
            chosen = rows[block]
            predicted[chosen] = (frame.see(x[chosen]) - mean) @ slopes + offset[0]
    return predicted
