"""Weights of a stack: non-negative, summing to one, drawn towards equal shares (Breiman, 1996)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

FloatArray = NDArray[np.float64]

# Strength of the pull towards equal weights, in units of the columns' mean squared error. With 45 rows the
# least-squares weights of similar columns are mostly noise; equal ones are hard to beat.
PULL = 0.5
# Enforces the sum of one in the least-squares problem.
_SUM = 1e3


def stack_weights(columns: FloatArray, y: FloatArray, pull: float = PULL) -> FloatArray:
    """Weights (k,) that minimise |y - columns @ w|² + pull n e |w - 1/k|², e the mean squared error.

    columns : (n, k) out-of-fold predictions; y : (n,)
    """
    n, k = columns.shape
    if k == 1:
        return np.ones(1)
    error = float(np.mean((columns - y[:, None]) ** 2))
    strength = np.sqrt(pull * n * max(error, 1e-12))
    # Deviations from y make the problem invariant to shifts of y once the weights sum to one.
    design = np.vstack(
        [
            columns - y[:, None],
            strength * np.eye(k),
            np.full((1, k), _SUM * np.sqrt(n * max(error, 1e-12))),
        ]
    )
    aim = np.concatenate([np.zeros(n), np.full(k, strength / k), [_SUM * np.sqrt(n * max(error, 1e-12))]])
    weights, _ = nnls(design, aim)
    return np.asarray(weights / weights.sum(), dtype=np.float64)
