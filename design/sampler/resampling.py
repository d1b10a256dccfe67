"""Systematic resampling: one random number places all points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def systematic(rng: np.random.Generator, log_weights: FloatArray, n: int | None = None) -> NDArray[np.intp]:
    """Draw indices (n,) by their weights, in increasing order.

    Index i comes up floor or ceil of n w_i times, n w_i on average.

    Weights need no normalisation; ValueError if none is positive.

    Examples
    --------
    >>> systematic(np.random.default_rng(0), np.log([0.5, 0.25, 0.25])).tolist()
    [0, 1, 2]
    """
    n = len(log_weights) if n is None else n
    largest = log_weights.max()
    if not np.isfinite(largest):
        raise ValueError(f"expected a positive weight, got a largest logarithm of {largest}")
    cumulative = np.cumsum(np.exp(log_weights - largest))
    # The cumulative weights end at exactly 1: a point that rounds up to 1 would fall beyond the last positive weight.
    points = np.minimum((rng.random() + np.arange(n)) / n, np.nextafter(1.0, 0.0))
    return np.searchsorted(cumulative / cumulative[-1], points, side="right")
