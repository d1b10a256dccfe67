"""Prediction intervals from outer-fold residuals, scaled by what is known about each prediction.

Normalised (locally weighted) conformal prediction (Papadopoulos et al., 2008; Lei et al., 2018): the residual of a
held-out compound is divided by its own difficulty, a quantile of these ratios is carried over to candidates.
Difficulty is the ensemble's spread, stretched by the distance to the training compounds beyond the usual.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
LEVEL = 0.9


def difficulty(spread: FloatArray, distance: FloatArray) -> FloatArray:
    """Scale of the interval at each point: spread x max(1, distance)."""
    return np.maximum(spread, 1e-12) * np.maximum(1.0, distance)


def quantile(ratios: FloatArray, level: float = LEVEL) -> float:
    """The ceil((n + 1) level)-th smallest of n ratios; the largest when n is too small for the level."""
    n = len(ratios)
    if n == 0:
        raise ValueError("expected at least one held-out residual, got none")
    rank = min(n, int(np.ceil((n + 1) * level)))
    return float(np.sort(ratios)[rank - 1])


def coverage(ratios: FloatArray, folds: NDArray[np.int64], level: float = LEVEL) -> float:
    """Share of compounds inside an interval whose width comes from the other folds' residuals alone."""
    inside = np.empty(len(ratios), bool)
    for fold in np.unique(folds):
        held = folds == fold
        inside[held] = ratios[held] <= quantile(ratios[~held], level)
    return float(inside.mean())
