"""Several property tables as one: every formula once, with a value of each property where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions, Inputs, Molecules, PropertyTable


class Joined(NamedTuple):
    """n formulas of k tables.

    keys, compositions : n reduced formulas (or keys of molecules); each as given in the first table that has it
    y : (n, k) fitted values, NaN where a table lacks the formula
    molecules : of tables of SMILES, else None
    """

    keys: tuple[str, ...]
    compositions: Compositions
    y: NDArray[np.float64]
    molecules: Molecules | None = None

    @property
    def inputs(self) -> Inputs:
        """What models look at: the molecules where there are any, else the compositions."""
        return self.compositions if self.molecules is None else self.molecules


def join(tables: Sequence[PropertyTable], kept: Sequence[NDArray[np.int64]]) -> Joined:
    """The kept rows of all tables, formulas in the order of their first appearance."""
    place: dict[str, int] = {}
    elements, amounts, smiles = [], [], []
    for table, rows in zip(tables, kept, strict=True):
        fresh = [i for i in rows if table.keys[i] not in place]
        place |= {table.keys[i]: len(place) + j for j, i in enumerate(fresh)}
        elements.append(table.compositions.elements[fresh])
        amounts.append(table.compositions.amounts[fresh])
        smiles += [table.molecules.smiles[i] for i in fresh] if table.molecules else []
    y = np.full((len(place), len(tables)), np.nan)
    for task, (table, rows) in enumerate(zip(tables, kept, strict=True)):
        y[[place[table.keys[i]] for i in rows], task] = table.y[rows]
    compositions = Compositions(np.concatenate(elements), np.concatenate(amounts))
    return Joined(tuple(place), compositions, y, Molecules(tuple(smiles), tuple(place)) if smiles else None)


def draw(known: NDArray[np.bool_], budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`budget` of n formulas, in ascending order, such that no large task (n, k) starves a small one.

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
    molecules = joined.molecules and joined.molecules.take(rows)
    return Joined(keys, joined.compositions.take(rows), joined.y[rows], molecules)
