"""Is a sample one of the stated distribution? For any space whose exact probabilities are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

FloatArray = NDArray[np.float64]


def counts(observed: Sequence[str], cells: Sequence[str]) -> NDArray[np.int64]:
    """How often each cell occurs; KeyError for an observation outside the space."""
    row = {cell: i for i, cell in enumerate(cells)}
    assert len(row) == len(cells), "cells must be distinct: aggregate the probabilities of equal repeat units first"
    return np.bincount([row[text] for text in observed], minlength=len(cells))


def total_variation(observed: NDArray[np.int64], probabilities: FloatArray) -> float:
    """Half the absolute difference between observed shares and probabilities."""
    return float(0.5 * np.abs(observed / observed.sum() - probabilities).sum())


def total_variation_band(
    probabilities: FloatArray, n: int, level: float = 0.99, draws: int = 1000, seed: int = 0
) -> float:
    """What the total variation of n independent exact draws stays below with probability `level`."""
    rng = np.random.default_rng(seed)
    samples = (rng.multinomial(n, probabilities) for _ in range(draws))
    return float(np.quantile([total_variation(sample, probabilities) for sample in samples], level))


def chi_square(observed: NDArray[np.int64], probabilities: FloatArray, expected: float = 5.0) -> float:
    """P value of Pearson's test of independent draws; cells that expect fewer than `expected` are pooled.

    An observation in a cell of probability zero gives 0.
    """
    if observed[probabilities == 0].any():
        return 0.0
    e, o = [0.0], [0]
    for i in np.argsort(probabilities)[::-1]:
        if e[-1] >= expected:
            e.append(0.0)
            o.append(0)
        e[-1] += probabilities[i] * observed.sum()
        o[-1] += observed[i]
    if e[-1] < expected and len(e) > 1:
        e[-2:], o[-2:] = [sum(e[-2:])], [sum(o[-2:])]
    assert len(e) > 1, "too few observations for two cells"
    statistic = sum((a - b) ** 2 / b for a, b in zip(o, e, strict=True))
    return float(chi2.sf(statistic, len(e) - 1))
