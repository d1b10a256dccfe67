"""Adaptive tempering: the next inverse temperature by effective sample size.

Adaptive tempering by the effective sample size of the incremental weights (Zhou, Johansen & Aston, 2016), which is the
effective sample size when particles are resampled at every temperature.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_BISECTIONS = 60
# exp(-1e-3) and 1 are equal to a thousandth, and so are all weights of a step that spreads no wider.
_HARMLESS = 1e-3


def incremental_weights(log_likelihood: FloatArray, before: float, after: float) -> FloatArray:
    """Log weights (n,) of particles for a tempering step."""
    return (after - before) * log_likelihood


def effective_size(log_weights: FloatArray) -> float:
    """Effective sample size (sum of w)² / sum of w².

    n for equal weights, 1 if one weighs all, 0 if none does.

    Examples
    --------
    >>> effective_size(np.log([0.5, 0.5])), effective_size(np.array([0.0, -np.inf]))
    (2.0, 1.0)
    """
    largest = log_weights.max(initial=-np.inf)
    if largest == -np.inf:
        return 0.0
    weights = np.exp(log_weights - largest)
    return float(weights.sum() ** 2 / (weights**2).sum())


def next_inverse_temperature(log_likelihood: FloatArray, before: float, fraction: float, last: float = 1.0) -> float:
    """Highest inverse temperature that keeps a fraction of the effective size.

    fraction : of the particles; last : the highest value to return

    Particles whose likelihood is zero are lost to any step and do not count: the fraction is of the others. ValueError
    if there are none. `last` is returned exactly.

    Examples
    --------
    >>> round(next_inverse_temperature(np.array([0.0, -10.0]), 0.0, 0.9), 4)
    0.0693
    """
    alive = log_likelihood[log_likelihood > -np.inf]
    if not alive.size:
        raise ValueError("expected a particle with a positive likelihood, got none")
    if not 0 < fraction < 1:
        raise ValueError(f"expected a fraction between 0 and 1, got {fraction}")

    def enough(step: float) -> bool:
        return effective_size(incremental_weights(alive, 0.0, step)) >= fraction * len(alive)

    whole = last - before
    if enough(whole):
        return last
    # In logarithms, as the likelihoods of a first draw may spread over many powers of ten.
    low, high = np.log(min(_HARMLESS / np.ptp(alive), whole)), np.log(whole)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if enough(float(np.exp(middle))) else (low, middle)
    return float(min(before + np.exp(low), last))
