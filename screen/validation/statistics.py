"""Paired tests of two models on the same held-out compounds.

Errors of compounds that were predicted by the same fitted model are not independent, and training sets of different
folds overlap. So the differences are averaged fold by fold, and their variance is corrected for the overlap: the
corrected resampled t test (Nadeau & Bengio, 2003), with the ratio of test to training compounds in place of the 0 that
an ordinary paired t test assumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.validation.folds import Split

# Fewer differences have no variance worth the name; then nothing is tested.
LEAST = 3


class Paired(NamedTuple):
    """A paired comparison.

    difference : mean of the differences over compounds
    standard_error : corrected for overlapping training sets; NaN where it cannot be known
    p_value : two-sided, NaN where it cannot be known
    units : independent differences behind it: folds, or compounds where all were predicted by one fitted model
    by : "folds" or "compounds"
    """

    difference: float
    standard_error: float
    p_value: float
    units: int
    by: str


def paired_test(differences: FloatArray, splits: Sequence[Split]) -> Paired:
    """Test whether paired differences of errors have mean zero.

    Fold means are weighted by the fold's compounds. With fewer than `LEAST` folds the compounds are compared one by
    one (an ordinary paired t test of the two fitted models).

    differences : (n,), NaN where no split holds a compound

    Examples
    --------
    >>> from kakehashi.screen.validation.folds import splits_of
    >>> folds = np.arange(12) % 4
    >>> test = paired_test(np.array([0.1, 0.2, 0.3, 0.2] * 3), splits_of(folds))
    >>> round(test.difference, 3), test.units, test.by
    (0.2, 4, 'folds')
    """
    from scipy.stats import t as student

    held = np.concatenate([split.held for split in splits])
    mean = float(np.mean(differences[held]))
    if len(splits) >= LEAST:
        weights = np.array([len(split.held) for split in splits], float)
        weights /= weights.sum()
        each = np.array([np.mean(differences[split.held]) for split in splits])
        # Unbiased for the variance of one fold's mean when every fold has the same weight.
        variance = float(np.sum(weights * (each - mean) ** 2) / (1 - np.sum(weights**2)))
        overlap = float(np.mean([len(split.held) / len(split.rows) for split in splits]))
        error = float(np.sqrt((np.sum(weights**2) + overlap) * variance))
        units, by = len(splits), "folds"
    else:
        units, by = len(held), "compounds"
        error = float(np.std(differences[held], ddof=1) / np.sqrt(units)) if units >= LEAST else float("nan")
    if np.isnan(error):
        return Paired(mean, error, float("nan"), units, by)
    if error == 0:
        return Paired(mean, 0.0, 1.0 if mean == 0 else 0.0, units, by)
    return Paired(mean, error, float(2 * student.sf(abs(mean) / error, units - 1)), units, by)


def holm(p_values: Sequence[float]) -> FloatArray:
    """Adjust p values for several comparisons (Holm, 1979).

    p_values : (k,); NaN stays NaN and does not count

    >>> holm([0.01, 0.04, float("nan")]).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p_values, float)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    steps = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return adjusted
