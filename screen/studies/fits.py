"""Errors and correlations of predictions, and the best of many networks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.validation.folds import Folds

# Values held out in fifths by size show whether a model predicts above all it has seen.
FIFTHS = 5


class Fit(NamedTuple):
    """Errors and correlations of n predictions.

    Correlations are NaN where either side is constant.
    """

    n: int
    mae: float
    rmse: float
    r: float
    r2: float
    spearman: float


class NetworkChoice(NamedTuple):
    """The best of many networks on the same folds, with hindsight and without.

    network : index of the least cross-validated error of all rows, as the papers choose
    mae : (networks,) these errors
    hindsight : (n,) its cross-validated predictions, of which its choice has seen every error
    unseen : (n,) where each fold is predicted by the network that was best on the other folds
    """

    network: int
    mae: FloatArray
    hindsight: FloatArray
    unseen: FloatArray


def fit_of(y: FloatArray, predicted: FloatArray) -> Fit:
    """Compute errors and correlations of predictions.

    >>> fit = fit_of(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    >>> round(fit.mae, 3), round(fit.spearman, 3)
    (0.333, 1.0)
    """
    varies = len(y) > 1 and np.ptp(y) > 0 and np.ptp(predicted) > 0
    nothing = float("nan")
    residual = float(np.sum((y - predicted) ** 2))
    return Fit(
        n=len(y),
        mae=float(np.mean(np.abs(y - predicted))),
        rmse=float(np.sqrt(residual / len(y))),
        r=float(np.corrcoef(y, predicted)[0, 1]) if varies else nothing,
        r2=1 - residual / float(np.sum((y - y.mean()) ** 2)) if np.ptp(y) > 0 else nothing,
        spearman=float(spearmanr(y, predicted).statistic) if varies else nothing,
    )


def choose_network(predictions: FloatArray, y: FloatArray, folds: Folds) -> NetworkChoice:
    """Choose the best of many predictions (networks, n).

    With hindsight and without.
    """
    errors = np.abs(predictions - y[None, :])
    best = int(np.argmin(errors.mean(axis=1)))
    unseen = np.empty(len(y))
    for fold in np.unique(folds):
        held = folds == fold
        unseen[held] = predictions[int(np.argmin(errors[:, ~held].mean(axis=1))), held]
    return NetworkChoice(best, errors.mean(axis=1), predictions[best], unseen)


def shared_values(source: PropertyTable, target: PropertyTable) -> tuple[FloatArray, FloatArray]:
    """Values of source and target on shared materials, fitted scales."""
    place = {key: i for i, key in enumerate(source.keys)}
    pairs = [(place[key], i) for i, key in enumerate(target.keys) if key in place]
    return source.y[[i for i, _ in pairs]], target.y[[j for _, j in pairs]]


def correlations(a: FloatArray, b: FloatArray) -> tuple[float, float]:
    """Pearson and Spearman correlation.

    NaN below three values or where one side is constant.
    """
    if len(a) < 3 or not (np.ptp(a) > 0 and np.ptp(b) > 0):
        return float("nan"), float("nan")
    return float(np.corrcoef(a, b)[0, 1]), float(spearmanr(a, b).statistic)


def fifths(y: FloatArray) -> NDArray[np.int64]:
    """Fifth of the values each one is in, (n,), 0 the smallest.

    >>> fifths(np.array([5.0, 1.0, 2.0, 3.0, 4.0])).tolist()
    [4, 0, 1, 2, 3]
    """
    place = np.empty(len(y), np.int64)
    place[np.argsort(y, kind="stable")] = np.arange(len(y))
    return place * FIFTHS // len(y)
