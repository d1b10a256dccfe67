"""Extremely randomised trees (Geurts, Ernst & Wehenkel, 2006), as arrays of `forest`.

Of few rows every tree sees all and splits at random thresholds: it wastes none. Of more than `FEW` a tree sees at most
two thirds, drawn by its seed, and the others tell its error without another fit; the rows that all trees see together
grow with the fourth root of the target. scikit-learn grows single trees, each with its own seed, so that threads share
a fit without changing it.

It cannot predict above the largest training value.
"""

from __future__ import annotations

from hashlib import blake2b
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.budget import FEW
from kakehashi.screen.heads import forest
from kakehashi.screen.heads.head import FloatArray, Head, Params, refit_per_fold

# Most and fewest trees; a third of the columns is tried per split.
TREES, FEWEST = 200, 50
SHARE = 1 / 3
# Of more than `FEW` rows: share that a tree sees at most, and rows that all trees see together at `FEW`.
SEEN, VISITS = 2 / 3, 60_000
# Most inner folds: each costs a fit. Fewer of more than `FEW` rows.
FOLDS, LARGE_FOLDS = 5, 2
Rows = NDArray[np.int64]


def fit(x: FloatArray, y: FloatArray) -> Params:
    """Fit on x (n, p), y (n,)."""
    return forest.flatten(SimpleNamespace(estimators_=_grow(x, y)))


def cross_validate(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Out-of-fold means (n,), folds merged to at most `FOLDS`; of many rows by the trees that did not see a row.

    These would know a row by its twin: where rows repeat, as those of polymorphs do, trees are grown anew for each
    fold, and folds keep groups whole.
    """
    single = np.asarray(x, np.float32)
    if len(y) <= FEW or _repeat(single):
        return refit_per_fold(fit, forest.predict, x, y, folds, most=FOLDS if len(y) <= FEW else LARGE_FOLDS)
    total, count = np.zeros(len(y)), np.zeros(len(y))
    for seed, tree in enumerate(_grow(x, y)):
        unseen = np.delete(np.arange(len(y)), tree_rows(len(y), seed))
        total[unseen] += tree.predict(single[unseen], check_input=False)
        count[unseen] += 1
    # A row that every tree drew (one in 10^23) is as good as unknown.
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), y.mean()))


def tree_count(n: int) -> int:
    """Number of trees for n rows.

    >>> [tree_count(n) for n in (300, 301, 1_000, 5_000, 100_000)]
    [200, 200, 122, 50, 50]
    """
    return TREES if n <= FEW else int(np.clip(round(_visits(n) / (SEEN * n)), FEWEST, TREES))


def tree_rows(n: int, seed: int) -> Rows:
    """Rows that a tree sees, in order.

    >>> [len(tree_rows(n, 0)) for n in (300, 600, 100_000)]
    [300, 400, 5127]
    """
    if n <= FEW:
        return np.arange(n)
    most = min(round(SEEN * n), round(_visits(n) / tree_count(n)))
    return np.sort(np.random.default_rng([seed, n]).permutation(n)[:most])


def _repeat(x: NDArray[np.float32]) -> bool:
    """True if two rows are equal."""
    return len({blake2b(row.tobytes(), digest_size=16).digest() for row in x + np.float32(0)}) < len(x)


def _visits(n: int) -> float:
    return float(VISITS * (n / FEW) ** 0.25)


def _grow(x: FloatArray, y: FloatArray) -> list[Any]:
    from sklearn.tree import ExtraTreeRegressor

    single, n = np.asarray(x, np.float32), len(y)
    trees = []
    for seed in range(tree_count(n)):
        rows = slice(None) if n <= FEW else tree_rows(n, seed)
        tree = ExtraTreeRegressor(max_features=SHARE, random_state=seed)
        trees.append(tree.fit(single[rows], y[rows], check_input=False))
    return trees


extra_trees = Head("extra-trees", fit, forest.predict, forest.ceiling, cross_validate)
