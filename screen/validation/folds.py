"""Cross-validation folds that never split a group (a reduced formula, a polymer) between training and test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Folds = NDArray[np.int64]


class Split(NamedTuple):
    """Row numbers that are fitted on, and row numbers that are predicted."""

    rows: NDArray[np.int64]
    held: NDArray[np.int64]


def splits_of(folds: Folds) -> list[Split]:
    """Each fold held out in turn, all others fitted on."""
    return [Split(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]


def grouped_folds(groups: Sequence[str], n_folds: int, seed: int) -> Folds:
    """(n,) fold numbers 0 .. n_folds-1; groups are shuffled, then dealt to the smallest fold so far.

    Raises
    ------
    ValueError : fewer than 2 folds, or fewer groups than folds.
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
    """As `grouped_folds`, with as many folds as there are groups when they are fewer."""
    return grouped_folds(groups, max(2, min(n_folds, len(set(groups)))), seed)
