"""Several property tables as one, every material once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions, Inputs, PropertyTable
from kakehashi.screen.descriptors.compositions import COMPOSITION
from kakehashi.screen.descriptors.materials import kind_of_table


class Joined(NamedTuple):
    """n formulas of k tables.

    keys, compositions : n reduced formulas (or keys of molecules); each as given in the first table that has it
    y : (n, k) fitted values, NaN where a table lacks the formula
    inputs : what models see of them, one kind of material
    """

    keys: tuple[str, ...]
    compositions: Compositions
    y: NDArray[np.float64]
    inputs: Inputs


def join(tables: Sequence[PropertyTable], chosen: Sequence[NDArray[np.int64]]) -> Joined:
    """Join rows of tables, materials by first appearance.

    chosen : row numbers, per table
    """
    place: dict[str, int] = {}
    compositions, inputs = [], []
    for table, rows in zip(tables, chosen, strict=True):
        fresh = np.array([i for i in rows if table.keys[i] not in place], np.int64)
        place |= {table.keys[i]: len(place) + j for j, i in enumerate(fresh)}
        compositions.append(table.compositions.take(fresh))
        inputs.append(table.inputs.take(fresh))
    y = np.full((len(place), len(tables)), np.nan)
    for task, (table, rows) in enumerate(zip(tables, chosen, strict=True)):
        y[[place[table.keys[i]] for i in rows], task] = table.y[rows]
    return Joined(tuple(place), COMPOSITION.join(compositions), y, kind_of_table(tables[0]).join(inputs))


def draw(known: NDArray[np.bool_], budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `budget` of n materials, ascending.

    known : (n, k); no large task starves a small one

    The tasks take a formula each in turn until the budget is used up; what one draws serves all that know it. So a
    task loses formulas only while it has more than its equal share.
    """
    n = len(known)
    if n <= budget:
        return np.arange(n)
    # One order for all tasks: a formula with several values then comes early in each of them.
    order = rng.permutation(n)
    turn = np.empty(n, np.int64)
    turn[order] = np.where(known[order], np.cumsum(known[order], axis=0), n + 1).min(axis=1)
    return np.sort(np.argsort(turn, kind="stable")[:budget])


def take(joined: Joined, rows: NDArray[np.int64]) -> Joined:
    """Some of the formulas."""
    keys = tuple(joined.keys[i] for i in rows)
    return Joined(keys, joined.compositions.take(rows), joined.y[rows], joined.inputs.take(rows))
