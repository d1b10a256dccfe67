"""Prediction intervals from the errors of held-out compounds.

Normalised (locally weighted) conformal prediction (Papadopoulos et al., 2008; Lei et al., 2018): the residual of a
held-out compound is divided by its own difficulty, a quantile of these ratios is carried over to candidates.

Difficulty grows with the ensemble's spread and with the distance to the training compounds. On eleven small targets
(`benchmarks/small_data.py`) the 90th percentile of errors rose in proportion to the distance, from a quarter of the
target's own to beyond it: a width that is constant up to the usual distance covers too much near by and too little
where a candidate's chemical system or family is new. Intervals by fold (CV+; Barber et al., 2021) need the predictions
of every fold's models at every candidate, ten times the work of a screening.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray

LEVEL = 0.9


class FoldIntervals(NamedTuple):
    """Intervals of held-out compounds, from the other folds' residuals.

    ratios : (n,) absolute residuals over difficulty
    lower, upper : (n,)
    usual : typical spread
    """

    ratios: FloatArray
    lower: FloatArray
    upper: FloatArray
    usual: float


def intervals_by_fold(
    y: FloatArray, mean: FloatArray, spread: FloatArray, distance: FloatArray, folds: NDArray[np.int64]
) -> FoldIntervals:
    """Make intervals of n held-out predictions.

    The width of each comes from the residuals of all folds but its own.

    y, mean, spread, distance, folds : (n,) values, predictions, their spread, distances and fold numbers
    """
    usual = usual_spread(spread)
    scale = difficulty(spread, distance, usual)
    ratios = np.abs(y - mean) / scale
    half = quantile_of_others(ratios, folds) * scale
    return FoldIntervals(ratios, mean - half, mean + half, usual)


def usual_spread(spread: FloatArray) -> float:
    """Median spread of held-out compounds."""
    return max(float(np.median(spread)), 1e-12)


def difficulty(spread: Any, distance: Any, usual: Any) -> Any:
    """Scale of the interval at each point, (n,), NumPy or JAX as given.

    (spread + usual) x (1 + distance): the spread counts half, because that of 50 compounds is itself uncertain.

    >>> difficulty(np.array([0.1, 0.4]), np.array([0.5, 2.0]), usual=0.2).round(2).tolist()
    [0.45, 1.8]
    """
    return (spread + usual) * (1.0 + distance)


def conformal_quantile(ratios: FloatArray, level: float = LEVEL) -> float:
    """Conformal quantile of n residuals over difficulty.

    The ceil((n + 1) level)-th smallest; the largest when n is too small for the level.

    >>> conformal_quantile(np.arange(1.0, 20.0))
    18.0
    """
    n = len(ratios)
    if n == 0:
        raise ValueError("expected at least one held-out residual, got none")
    rank = min(n, int(np.ceil((n + 1) * level)))
    return float(np.sort(ratios)[rank - 1])


def quantile_of_others(ratios: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Conformal quantile (n,) for each row, of the rows of all folds but its own."""
    numbers, place = np.unique(folds, return_inverse=True)
    return np.array([conformal_quantile(ratios[folds != number]) for number in numbers])[place]


def interval_coverage(ratios: FloatArray, folds: NDArray[np.int64], level: float = LEVEL) -> float:
    """Share of compounds inside their intervals.

    ratios : (n,) residuals over difficulty; the width in each fold comes from the others
    """
    inside = np.empty(len(ratios), bool)
    for fold in np.unique(folds):
        held = folds == fold
        inside[held] = ratios[held] <= conformal_quantile(ratios[~held], level)
    return float(inside.mean())
