"""Weights of a stack: non-negative (Breiman, 1996), summing to one, and drawn towards equal shares."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

# Strength of the pull towards equal weights: it weighs as much as this many rows with the columns' mean squared
# error. With 45 rows the least-squares weights of similar columns are mostly noise; equal ones are hard to beat.
from kakehashi.catalogs.records import FloatArray

PULL = 20.0
# Enforces the sum of one in the least-squares problem.
_SUM = 1e3


def stack_weights(columns: FloatArray, y: FloatArray, pull: float = PULL) -> FloatArray:
    """Weights (k,) that minimise |y - columns @ w|² + pull e |w - 1/k|², e the columns' mean squared error.

    columns : (n, k) out-of-fold predictions; y : (n,)
    """
    n, k = columns.shape
    if k == 1:
        return np.ones(1)
    error = float(np.mean((columns - y[:, None]) ** 2))
    if error == 0:
        return np.full(k, 1.0 / k)
    strength, sum_of_one = np.sqrt(pull * error), _SUM * np.sqrt(n * error)
    # Deviations from y make the problem invariant to shifts of y once the weights sum to one.
    design = np.vstack(
        [
            columns - y[:, None],
            strength * np.eye(k),
            np.full((1, k), sum_of_one),
        ]
    )
    aim = np.concatenate([np.zeros(n), np.full(k, strength / k), [sum_of_one]])
    weights, _ = nnls(design, aim)
    return np.asarray(weights / weights.sum(), dtype=np.float64)
