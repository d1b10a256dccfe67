"""Extremely randomised trees (Geurts, Ernst & Wehenkel, 2006), as arrays of `forest`.

Every tree sees all rows and splits at random thresholds: of few rows it wastes none. scikit-learn grows single trees,
each with its own seed, so that threads share a fit without changing it.

It cannot predict above the largest training value.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.heads import forest
from kakehashi.screen.heads.head import FloatArray, Head, Params, refit_per_fold

# Trees up to `FEW` rows, and above; a third of the columns is tried per split.
TREES, LARGE_TREES, FEW = 200, 100, 300
SHARE = 1 / 3
# Most inner folds: each costs a fit.
FOLDS, LARGE_FOLDS = 5, 3


def fit(x: FloatArray, y: FloatArray) -> Params:
    """Fit on x (n, p), y (n,)."""
    from sklearn.tree import ExtraTreeRegressor

    rows = np.asarray(x, np.float32)
    count = TREES if len(y) <= FEW else LARGE_TREES
    trees = [
        ExtraTreeRegressor(max_features=SHARE, random_state=seed).fit(rows, y, check_input=False)
        for seed in range(count)
    ]
    return forest.flatten(SimpleNamespace(estimators_=trees))


def cross_validate(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Out-of-fold means (n,), folds merged to at most `FOLDS`."""
    return refit_per_fold(fit, forest.predict, x, y, folds, most=FOLDS if len(y) <= FEW else LARGE_FOLDS)


extra_trees = Head("extra-trees", fit, forest.predict, forest.ceiling, cross_validate)
