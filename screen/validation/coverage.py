"""Coverage of the prediction intervals by distance and by chemical family."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.records import Crystals, FloatArray, Inputs, Molecules
from kakehashi.screen.validation.folds import Folds, grouped_folds
from kakehashi.screen.validation.intervals import difficulty, quantile_of_others

# Distances in units of the target's own (see `domain`): close, usual, far, very far.
EDGES = (0.0, 0.5, 1.0, 2.0, np.inf)
# Families are dealt to this many folds, fewer for large targets: each costs a nested selection.
FAMILY_FOLDS = 5
LARGE, LARGE_FAMILY_FOLDS = 300, 2


class Bin(NamedTuple):
    """Coverage of held-out compounds in one bin of distance.

    low, high : the bin, low excluded; high is None where unbounded
    compounds : how many are in it
    coverage : share of them inside their intervals
    """

    low: float
    high: float | None
    compounds: int
    coverage: float


class Families(NamedTuple):
    """Coverage and error with whole chemical families held out.

    families, folds : how many
    coverage : share of compounds inside their 90 % intervals
    mae : mean absolute error, fitted scale
    """

    families: int
    folds: int
    coverage: float
    mae: float


class Reach(NamedTuple):
    """Coverage of the 90 % intervals by distance and by family.

    by_family : None where too few compounds would be left to fit on
    """

    by_distance: tuple[Bin, ...]
    by_family: Families | None


def coverage_by_distance(inside: NDArray[np.bool_], distance: FloatArray) -> tuple[Bin, ...]:
    """Coverage in bins of distance, empty bins left out.

    inside : (n,) bool, in its interval; distance : (n,)

    >>> [share] = coverage_by_distance(np.array([True, False]), np.array([0.6, 0.9]))
    >>> share.low, share.high, share.coverage
    (0.5, 1.0, 0.5)
    """
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
    """Name the chemical family of each compound.

    Of a composition its most electronegative element (oxides, sulphides, arsenides, ...): slots list elements by rising
    electronegativity, so it is the last one. Of a molecule or repeat unit the linkage that names its class (imides,
    amides, esters, ...).
    """
    if isinstance(inputs, Molecules):
        from kakehashi.screen.descriptors.linkages import linkage

        return [linkage(smiles) for smiles in inputs.smiles]
    compositions = inputs.compositions if isinstance(inputs, Crystals) else inputs
    used = (compositions.elements >= 0).sum(axis=1)
    return [SYMBOLS[row[count - 1]] for row, count in zip(compositions.elements, used, strict=True)]


def family_folds(groups: Sequence[str], seed: int, least: int) -> Folds | None:
    """Deal compounds to folds that never split a family.

    Returns
    -------
    (n,) fold numbers; None with one family, or where a fold would leave under `least` compounds to fit on
    """
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
    predictions: FloatArray,
) -> Families:
    """Coverage and error on families the model never saw.

    ratios : (n,) residuals over difficulty of the ordinary folds; an interval takes its width from the compounds of
        the other family folds, as for a candidate of a new family
    predictions : (3, n) mean, spread and distance of every compound while its family was held out
    """
    mean, spread, distance = predictions
    factor = quantile_of_others(ratios, folds)
    error = np.abs(y - mean)
    inside = error <= factor * difficulty(spread, distance, usual)
    return Families(len(set(groups)), len(np.unique(folds)), float(inside.mean()), float(error.mean()))
