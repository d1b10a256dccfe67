"""Diversity of the proposals: clusters by structural similarity."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.molecules.polymers import read

SIMILAR = 0.6
_RADIUS, _BITS = 2, 2048


class Clusters(NamedTuple):
    """Clusters of n repeat units.

    numbers : (n,) cluster of each, 1 for the largest, 0 for a text that cannot be read
    mean_distance : mean Tanimoto distance of two different units, None with fewer than two
    """

    numbers: tuple[int, ...]
    total: int
    mean_distance: float | None


def cluster(smiles: Sequence[str], similar: float = SIMILAR) -> Clusters:
    """Cluster repeat units by structure (Butina, 1999).

    A cluster is a centre and all units at least `similar` to it that are in no cluster yet. Similarity is Tanimoto's,
    of Morgan fingerprints of radius 2 (2048 bits); among units with equally many neighbours the first is the centre.

    Examples
    --------
    >>> cluster(["*CCCCCC*", "*CCCCCCCC*", "*Oc1ccc(*)cc1"]).numbers
    (1, 1, 2)
    """
    rows, similarity = _similarities(smiles)
    n = len(rows)
    numbers = [0] * len(smiles)
    labels = butina(similarity >= similar)
    for row, number in zip(rows, labels, strict=True):
        numbers[row] = int(number)
    distance = 1.0 - similarity[np.triu_indices(n, 1)]
    return Clusters(tuple(numbers), int(labels.max(initial=0)), float(distance.mean()) if n > 1 else None)


def butina(near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Cluster numbers (n,), 1 for the largest, from a matrix of neighbours.

    near : (n, n), symmetric, the diagonal set
    """
    numbers = np.zeros(len(near), np.int64)
    order = np.argsort(-near.sum(axis=1), kind="stable")
    count = 0
    for centre in order:
        if not numbers[centre]:
            count += 1
            numbers[near[centre] & (numbers == 0)] = count
    sizes = np.bincount(numbers, minlength=count + 1)[1:]
    # a centre with many neighbours may come late and find most of them taken
    rank = np.empty(count + 1, np.int64)
    rank[0] = 0
    rank[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    return rank[numbers]


def fingerprint(unit: str) -> Any:
    """Morgan fingerprint of radius 2, 2048 bits; ValueError for a text that cannot be read."""
    return _generator().GetFingerprint(read(unit))


@cache
def _generator() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BITS)


def _similarities(smiles: Sequence[str]) -> tuple[list[int], NDArray[np.float64]]:
    """Rows that can be read, and their Tanimoto similarities."""
    from rdkit import DataStructs

    rows, prints = [], []
    for row, text in enumerate(smiles):
        try:
            prints.append(fingerprint(text))
        except (ValueError, RuntimeError):
            continue
        rows.append(row)
    similarity = np.array([DataStructs.BulkTanimotoSimilarity(bits, prints) for bits in prints], np.float64)
    return rows, similarity.reshape(len(rows), len(rows))
