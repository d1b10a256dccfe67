"""Folds of a design's targets: whole clusters of similar polymers are held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kakehashi.catalogs.records import PropertyTable
from kakehashi.design.report.clusters import cluster
from kakehashi.screen.transfer.problem import MIN_TRAINING
from kakehashi.screen.validation.folds import Folds, grouped_folds

# Tanimoto similarity to its centre from which a polymer is in a cluster: below it, hardly a fragment is shared.
SIMILAR = 0.35
# Polymers above which clusters would cost more than models.
MOST = 4_000


def cluster_folds(target: PropertyTable, n_folds: int, seed: int) -> Folds | None:
    """Deal a target's clusters to folds, (n,); None where clusters do not allow it.

    None with fewer clusters than folds, with a fold that leaves too few polymers to fit on, and above `MOST` polymers.
    """
    if len(target) > MOST:
        return None
    numbers = cluster(target.keys, SIMILAR).numbers
    if len(set(numbers)) < n_folds:
        return None
    folds = grouped_folds([str(number) for number in numbers], n_folds, seed)
    return folds if len(folds) - int(np.bincount(folds).max()) >= MIN_TRAINING else None


def with_cluster_folds(target: PropertyTable, n_folds: int, seed: int) -> PropertyTable:
    """The target with folds by cluster, where it has none of its own.

    A design looks for polymers unlike those it knows: errors between near relatives would flatter the model, and the
    chances that follow from them.
    """
    if target.folds is not None:
        return target
    folds = cluster_folds(target, n_folds, seed)
    return target if folds is None else replace(target, folds=folds, dealt="no cluster of polymers on both sides")
