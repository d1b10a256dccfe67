"""Choice among proposals: how they are ordered, at most so many alike, and twenty that differ most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import UserError
from kakehashi.design.likelihood.goals import Goal
from kakehashi.design.report.clusters import SIMILAR, fingerprint

# Units that are ordered by value or lower bound, in multiples of those listed: the likeliest ones.
POOLED = 5
# Proposals of the diverse list, and the best ones that it is taken from.
DIVERSE, DIVERSE_FROM = 20, 200

FloatArray = NDArray[np.float64]


def ordered_goal(goals: Sequence[Goal], order: str) -> Goal:
    """The goal whose property orders the proposals: the first.

    Raises
    ------
    UserError : an order by value of a goal that is a window, where neither end is better.
    """
    goal = goals[0]
    if order != "chance" and np.isfinite(goal.lower) and np.isfinite(goal.upper):
        raise UserError(
            f"--rank-by {order}: expected a first goal with one bound, got {goal}, where neither end is better; use"
            " --rank-by chance"
        )
    return goal


def worth_by_value(goal: Goal, order: str, mean: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Worth (n,) of units by their predicted values, larger is better.

    The value itself, or the end of its interval that is farther from the goal.

    mean, lower, upper : (n,) in the property's unit

    >>> worth_by_value(Goal("tc", lower=0.4), "lower", np.array([0.5]), np.array([0.3]), np.array([0.7])).tolist()
    [0.3]
    """
    if np.isfinite(goal.lower):
        return mean if order == "value" else lower
    return -mean if order == "value" else -upper


class Quota:
    """Counts what is listed, and refuses what is there often enough.

    per_cluster : proposals of one cluster; a proposal is in the cluster of the first listed one that is at least
        `SIMILAR` to it by Tanimoto's measure
    per_monomer : proposals that share a monomer; a fixed reagent of a polymerisation is none
    per_class : proposals of one polymer class

    None is no limit.
    """

    def __init__(
        self, per_cluster: int | None = None, per_monomer: int | None = None, per_class: int | None = None
    ) -> None:
        self.limits = (per_cluster, per_monomer, per_class)
        self._centres: list[Any] = []
        self._members: list[int] = []
        self._monomers: Counter[str] = Counter()
        self._classes: Counter[str] = Counter()

    def admit(self, key: str, monomers: Sequence[str], polymer_class: str = "") -> str:
        """Take a proposal up and return "", or say which limit it is above."""
        per_cluster, per_monomer, per_class = self.limits
        different = set(monomers)
        if per_monomer is not None and any(self._monomers[name] >= per_monomer for name in different):
            return f"more than {per_monomer} with one monomer"
        if per_class is not None and self._classes[polymer_class] >= per_class:
            return f"more than {per_class} of one class"
        if per_cluster is not None:
            number = self._cluster(key)
            if self._members[number] >= per_cluster:
                return f"more than {per_cluster} of one cluster"
            self._members[number] += 1
        self._monomers.update(different)
        self._classes[polymer_class] += 1
        return ""

    def _cluster(self, key: str) -> int:
        from rdkit import DataStructs

        bits = fingerprint(key)
        near = np.flatnonzero(np.array(DataStructs.BulkTanimotoSimilarity(bits, self._centres)) >= SIMILAR)
        if len(near):
            return int(near[0])
        self._centres.append(bits)
        self._members.append(0)
        return len(self._centres) - 1


def pick_diverse(keys: Sequence[str], size: int = DIVERSE) -> list[int]:
    """Rows of repeat units that differ most, by MaxMin, from the first on.

    Each is the one whose most similar unit picked before is the least similar; the first of equals.
    """
    from rdkit import DataStructs

    if not keys:
        return []
    prints = [fingerprint(key) for key in keys]
    picked = [0]
    nearest = np.array(DataStructs.BulkTanimotoSimilarity(prints[0], prints))
    while len(picked) < min(size, len(keys)):
        nearest[picked] = np.inf
        picked.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, DataStructs.BulkTanimotoSimilarity(prints[picked[-1]], prints))
    return picked
