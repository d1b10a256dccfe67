"""Weights of a stack, soft in the inner errors.

Of few rows the least-squares weights of similar members are mostly noise, and picking the best one picks luck: on
nine small targets soft weights erred less than both (`benchmarks/small_data.py`). Errors of many rows are known well,
and the weights are harder.
"""

from __future__ import annotations

import numpy as np

from kakehashi.catalogs.records import FloatArray

# Of up to `FEW` rows a member that errs a tenth more than the best one has 0.39 of its weight.
POWER, FEW = 10.0, 400
# Members below this share are left out: they cost as much as the others.
LEAST = 0.02


def stack_weights(columns: FloatArray, y: FloatArray) -> FloatArray:
    """Weights (least error / error)^p of the columns, (k,), adding up to one.

    p is `POWER` up to `FEW` rows, and grows with the root of their number. Weights below `LEAST` are 0.

    columns : (n, k) out-of-fold predictions; y : (n,)

    Examples
    --------
    >>> y = np.linspace(0.0, 1.0, 50)
    >>> stack_weights(np.stack([y + 0.10, y - 0.11, y + 9.0], axis=1), y).round(2).tolist()
    [0.72, 0.28, 0.0]
    """
    errors = np.mean(np.abs(columns - y[:, None]), axis=0)
    least = float(errors.min())
    power = POWER * max(1.0, np.sqrt(len(y) / FEW))
    soft = (errors == least).astype(np.float64) if least == 0 else (least / errors) ** power
    shares = soft / soft.sum()
    shares[shares < LEAST] = 0.0
    return np.asarray(shares / shares.sum(), dtype=np.float64)
