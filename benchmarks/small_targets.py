"""Small targets from ../shared/data and how they are drawn.

Not a script: `small_data.py` imports it.

Draw d takes its test compounds from the formulas of hash fold d, whose networks never saw them, and its training
compounds from the other formulas. Where compounds of one chemical system are alike (alloy series), whole systems are
dealt to training or test instead; test compounds are then of all hash folds, each predicted by the networks of its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.foundation.folds import hash_folds
from kakehashi.screen.foundation.record import FOLDS

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"
# Most test compounds of a draw, and the share of chemical systems that are tested.
TESTED, TESTED_SYSTEMS = 400, 1 / 3
# Training compounds that must be there, as a share of those asked for: the 45 conductivities leave 36 of 50.
LEAST = 0.6
# Room temperature, K.
ROOM = 290.0, 310.0
# Values from this quantile on are the top.
TOP = 0.8
Rows = NDArray[np.int64]


class Target(NamedTuple):
    """A column of a table.

    log : fit ln(value); by_system : deal chemical systems; room : rows at room temperature only
    """

    file: str
    material: str
    column: str
    unit: str
    log: bool = False
    by_system: bool = False
    room: bool = False


class Case(NamedTuple):
    """Compounds of one draw, as rows of the table.

    train : fitted on; low : as many, all below the top; None where there are too few
    test : predicted; folds : their hash folds
    """

    train: Rows
    low: Rows | None
    test: Rows
    folds: NDArray[np.int64]


def read_target(name: str, target: Target) -> PropertyTable:
    """Read a target, the median of each reduced formula."""
    table = pq.read_table(DATA / f"{target.file}.parquet")
    values = np.asarray(table[target.column].to_numpy(zero_copy_only=False), np.float64)
    if target.room:
        kelvin = np.asarray(table["temperature_k"].to_numpy(zero_copy_only=False), np.float64)
        values = np.where((kelvin >= ROOM[0]) & (kelvin <= ROOM[1]), values, np.nan)
    return assemble(name, table[target.material].to_pylist(), values, log=target.log, unit=target.unit)


def top_value(table: PropertyTable) -> float:
    """Value from which on a compound is in the top fifth, on the fitted scale."""
    return float(np.quantile(table.y, TOP))


def draw_case(table: PropertyTable, target: Target, n: int, draw: int) -> Case | None:
    """Draw n training compounds and the test compounds of a draw; None where there are too few.

    Of a table with fewer compounds than asked for all are drawn, if they are most of n.
    """
    folds = hash_folds(table.keys)
    rng = np.random.default_rng([draw, len(table)])
    if target.by_system:
        systems = np.array([" ".join(map(str, sorted(row[row >= 0]))) for row in table.compositions.elements])
        names = np.unique(systems)
        tested = np.isin(systems, rng.permutation(names)[: round(TESTED_SYSTEMS * len(names))])
    else:
        tested = folds == draw % FOLDS
    test = np.sort(rng.permutation(np.flatnonzero(tested))[:TESTED])
    pool = np.random.default_rng([draw, len(table), n]).permutation(np.flatnonzero(~tested))
    if len(pool) < LEAST * n:
        return None
    below = pool[table.y[pool] < top_value(table)]
    low = np.sort(below[:n]) if len(below) >= LEAST * n else None
    return Case(np.sort(pool[:n]), low, test, folds[test])


def part_of(table: PropertyTable, rows: Rows) -> PropertyTable:
    """Some rows of a table."""
    return replace(
        table, ids=tuple(table.ids[i] for i in rows), materials=tuple(table.materials[i] for i in rows),
        keys=tuple(table.keys[i] for i in rows), compositions=table.compositions.take(rows), values=table.values[rows],
    )  # fmt: skip
