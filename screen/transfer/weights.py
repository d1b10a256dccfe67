"""Weights of a stack, non-negative and drawn towards equal shares (Breiman, 1996)."""

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
    """Weights of the columns that predict y best, (k,).

    They minimise |y - columns @ w|² + pull e |w - 1/k|², e the columns' mean squared error; none is negative, their sum
    is one.

    columns : (n, k) out-of-fold predictions; y : (n,)

    Examples
    --------
    >>> y = np.linspace(0.0, 1.0, 50)
    >>> stack_weights(np.stack([y, -y], axis=1), y, pull=1.0).round(2).tolist()
    [0.99, 0.01]
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
