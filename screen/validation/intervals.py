"""Prediction intervals from the errors of held-out compounds.

Normalised (locally weighted) conformal prediction (Papadopoulos et al., 2008; Lei et al., 2018): the residual of a
held-out compound is divided by its own difficulty, a quantile of these ratios is carried over to candidates.
Difficulty is constant among compounds like the target's own and grows with the ensemble's spread and with the distance
to the training compounds where these exceed what is usual. (On 45 held-out conductivities neither said anything about
the errors inside the usual range, and dividing by the bare spread made intervals a third wider at equal coverage.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray

LEVEL = 0.9
USUAL = 0.9


class FoldIntervals(NamedTuple):
    """Intervals of held-out compounds, from the other folds' residuals.

    ratios : (n,) absolute residuals over difficulty
    lower, upper : (n,)
    usual : spread up to which the width is constant
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
    half = np.array([conformal_quantile(ratios[folds != fold]) for fold in folds]) * scale
    return FoldIntervals(ratios, mean - half, mean + half, usual)


def usual_spread(spread: FloatArray) -> float:
    """90th percentile of the spreads of held-out compounds.

    Below it a compound counts as an ordinary one.
    """
    return max(float(np.quantile(spread, USUAL)), 1e-12)


def difficulty(spread: FloatArray, distance: FloatArray, usual: float) -> FloatArray:
    """Scale of the interval at each point, (n,).

    max(usual, spread) x max(1, distance)

    >>> difficulty(np.array([0.1, 0.4]), np.array([0.5, 2.0]), usual=0.2).tolist()
    [0.2, 0.8]
    """
    return np.maximum(spread, usual) * np.maximum(1.0, distance)


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


def interval_coverage(ratios: FloatArray, folds: NDArray[np.int64], level: float = LEVEL) -> float:
    """Share of compounds inside their intervals.

    ratios : (n,) residuals over difficulty; the width in each fold comes from the others
    """
    inside = np.empty(len(ratios), bool)
    for fold in np.unique(folds):
        held = folds == fold
        inside[held] = ratios[held] <= conformal_quantile(ratios[~held], level)
    return float(inside.mean())
