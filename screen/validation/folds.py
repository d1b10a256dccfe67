"""Cross-validation folds that never split a group.

A group is a reduced formula or a polymer: with one half fitted on, the other is no test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Folds = NDArray[np.int64]


class Split(NamedTuple):
    """Rows to fit on and rows held out."""

    rows: NDArray[np.int64]
    held: NDArray[np.int64]


def splits_of(folds: Folds) -> list[Split]:
    """Hold out each fold in turn.

    >>> [split.held.tolist() for split in splits_of(np.array([0, 1, 0]))]
    [[0, 2], [1]]
    """
    return [Split(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]


def grouped_folds(groups: Sequence[str], n_folds: int, seed: int) -> Folds:
    """Deal groups to folds of even size; (n,) fold numbers from 0.

    Groups are shuffled, then dealt to the smallest fold so far, the largest groups first.

    Raises
    ------
    ValueError : fewer than 2 folds, or fewer groups than folds.

    Examples
    --------
    >>> folds = grouped_folds(["MgO", "MgO", "NaCl"], n_folds=2, seed=0)
    >>> bool(folds[0] == folds[1] != folds[2])
    True
    """
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if n_folds < 2 or len(names) < n_folds:
        raise ValueError(f"expected 2 to {len(names)} folds for {len(names)} groups, got {n_folds}")
    sizes = np.bincount(member)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    # Largest groups first keeps folds even; the sort is stable, so equal sizes stay shuffled.
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    filled = np.zeros(n_folds, dtype=np.int64)
    fold_of = np.empty(len(names), dtype=np.int64)
    for group in order:
        fold_of[group] = int(np.argmin(filled))
        filled[fold_of[group]] += sizes[group]
    return fold_of[member]


def inner_folds(groups: Sequence[str], n_folds: int, seed: int) -> Folds:
    """Deal groups to folds, at most one fold per group.

    As `grouped_folds`, but never more folds than groups.
    """
    return grouped_folds(groups, max(2, min(n_folds, len(set(groups)))), seed)
