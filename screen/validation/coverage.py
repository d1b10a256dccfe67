"""How far the intervals can be trusted: coverage by distance, and of chemical families never trained on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.records import Crystals, FloatArray, Inputs, Molecules
from kakehashi.screen.validation.folds import Folds, grouped_folds
from kakehashi.screen.validation.intervals import conformal_quantile, difficulty

# Distances in units of the target's own (see `domain`): close, usual, far, very far.
EDGES = (0.0, 0.5, 1.0, 2.0, np.inf)
# Families are dealt to this many folds, fewer for large targets: each costs a nested selection.
FAMILY_FOLDS = 5
LARGE, LARGE_FAMILY_FOLDS = 300, 2


class Bin(NamedTuple):
    """Held-out compounds at a distance above `low` up to `high` (None: unbounded), and the share covered."""

    low: float
    high: float | None
    compounds: int
    coverage: float


class Families(NamedTuple):
    """Whole chemical families held out: how many, the share of compounds covered by their 90 % intervals, the error."""

    families: int
    folds: int
    coverage: float
    mae: float


class Reach(NamedTuple):
    """Coverage of the 90 % intervals by distance bin; with families left out, None if that leaves too few compounds."""

    by_distance: tuple[Bin, ...]
    by_family: Families | None


def coverage_by_distance(inside: NDArray[np.bool_], distance: FloatArray) -> tuple[Bin, ...]:
    """Coverage in bins of distance; empty bins are left out."""
    bins = []
    for low, high in itertools.pairwise(EDGES):
        within = (distance > low) & (distance <= high)
        if low == 0.0:
            within |= distance <= 0.0
        if within.any():
            upper = None if np.isinf(high) else float(high)
            bins.append(Bin(float(low), upper, int(within.sum()), float(inside[within].mean())))
    return tuple(bins)


def name_families(inputs: Inputs) -> list[str]:
    """Chemical family of each compound: its most electronegative element (oxides, sulphides, arsenides, ...).

    Slots list elements by rising electronegativity, so it is the last one. Of a molecule or repeat unit, the linkage
    that names its class (imides, amides, esters, ...).
    """
    if isinstance(inputs, Molecules):
        from kakehashi.screen.descriptors.linkages import linkage

        return [linkage(smiles) for smiles in inputs.smiles]
    compositions = inputs.compositions if isinstance(inputs, Crystals) else inputs
    used = (compositions.elements >= 0).sum(axis=1)
    return [SYMBOLS[row[count - 1]] for row, count in zip(compositions.elements, used, strict=True)]


def family_folds(groups: Sequence[str], seed: int, least: int) -> Folds | None:
    """(n,) folds that never split a family; None with one family, or where one would leave under `least` compounds."""
    distinct = len(set(groups))
    if distinct < 2:
        return None
    wanted = FAMILY_FOLDS if len(groups) <= LARGE else LARGE_FAMILY_FOLDS
    folds = grouped_folds(groups, min(wanted, distinct), seed)
    return folds if len(folds) - int(np.bincount(folds).max()) >= least else None


def family_coverage(
    y: FloatArray,
    groups: Sequence[str],
    folds: Folds,
    ratios: FloatArray,
    usual: float,
    found: FloatArray,
) -> Families:
    """Coverage and error where every family is predicted by a model that never saw it.

    ratios : (n,) residuals over difficulty of the ordinary folds; an interval takes its width from the compounds of
        the other family folds, as for a candidate of a new family
    found : (3, n) mean, spread and distance of every compound while its family was held out
    """
    mean, spread, distance = found
    factor = np.array([conformal_quantile(ratios[folds != fold]) for fold in folds])
    error = np.abs(y - mean)
    inside = error <= factor * difficulty(spread, distance, usual)
    return Families(len(set(groups)), len(np.unique(folds)), float(inside.mean()), float(error.mean()))
