"""A folder of tables as tasks: one matrix of values, every formula once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.properties.refused import refused_lines
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.foundation.record import FoundationTask
from kakehashi.screen.foundation.training.columns import (
    MINIMUM,
    FoundationColumn,
    LeftOut,
    every_table,
    read_columns,
)
from kakehashi.screen.foundation.training.recipe import FoundationRecipe
from kakehashi.screen.foundation.transforms import choose, spread, standardised, transformed
from kakehashi.screen.networks.aliases import alias
from kakehashi.screen.networks.tables import join

# Most reasons of refused rows listed for a table.
_REASONS = 3

FloatArray = NDArray[np.float64]


class FoundationData(NamedTuple):
    """n formulas of k tasks.

    name : of the recipe
    keys, compositions : n reduced formulas
    values : (n, k) in the units of the tasks, NaN where unknown
    y : (n, k) float32, transformed, standardised and clipped; NaN where unknown
    left_out : columns that are not learned
    warnings : sentences on refused rows and doubtful values
    """

    name: str
    keys: tuple[str, ...]
    compositions: Compositions
    values: FloatArray
    y: NDArray[np.float32]
    tasks: tuple[FoundationTask, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


def gather(folder: Path, recipe: FoundationRecipe | None = None, *, minimum: int = MINIMUM) -> FoundationData:
    """Read a folder of tables.

    recipe : which tables and columns; None for all that can be learned
    minimum : formulas that a property needs

    Raises
    ------
    UserError : no folder, nothing to learn, or what a recipe names cannot be read or learned.
    """
    chosen = every_table(folder) if recipe is None else recipe
    if chosen.tables and not folder.is_dir():
        raise UserError(f"--foundation: expected a folder of tables, got {folder}")
    read = list(read_columns(folder, chosen, strict=recipe is not None, minimum=minimum))
    columns = [each for each in read if isinstance(each, FoundationColumn)]
    left_out = tuple(each for each in read if isinstance(each, LeftOut))
    if not columns:
        reasons = "; ".join(f"{each.table}: {each.reason}" for each in left_out[:_REASONS])
        raise UserError(f"--foundation: {folder} holds no property to learn: {reasons}")
    tables = [column.values for column in columns]
    joined = join(tables, [np.arange(len(table)) for table in tables])
    tasks = tuple(_task(column) for column in columns)
    y = np.stack([standardised(task, joined.y[:, k]) for k, task in enumerate(tasks)], axis=1)
    groups = alias_groups(joined.y, y)
    return FoundationData(
        chosen.name,
        joined.keys,
        joined.compositions,
        joined.y,
        y.astype(np.float32),
        tuple(task._replace(alias=number) for task, number in zip(tasks, groups, strict=True)),
        left_out,
        _warnings(columns),
    )


def alias_groups(values: FloatArray, y: FloatArray) -> list[int]:
    """Number of the group of each of k tasks that are one quantity.

    values, y : (n, k) in units and as learned, NaN where unknown

    Two tasks are one quantity where their values or their learned values agree on shared formulas; and so are all that
    are joined by such pairs.

    >>> a = np.arange(12.0)
    >>> alias_groups(*[np.stack([a, np.cos(a), 2 * a], axis=1)] * 2)
    [0, 1, 0]
    """
    known = np.isfinite(values)
    group = list(range(values.shape[1]))
    for i, j in combinations(range(values.shape[1]), 2):
        rows = np.flatnonzero(known[:, i] & known[:, j])
        if group[i] == group[j] or not _same(values[rows][:, [i, j]], y[rows][:, [i, j]]):
            continue
        low, high = sorted((group[i], group[j]))
        group = [low if number == high else number for number in group]
    place = {number: i for i, number in enumerate(dict.fromkeys(group))}
    return [place[number] for number in group]


def _same(values: FloatArray, y: FloatArray) -> bool:
    return alias(values[:, 0], values[:, 1]) is not None or alias(y[:, 0], y[:, 1]) is not None


def _task(column: FoundationColumn) -> FoundationTask:
    """Task of a column, in a group of its own."""
    table = column.values
    transform, width = ("share", 1.0) if column.share else choose(table.values)
    centre, scale = spread(transformed(table.values, transform, width), transform)
    return FoundationTask(
        table.name, column.table, column.column, table.quantity, table.unit, transform, centre, scale, width,
        len(table), table.source, table.licence, 0,
    )  # fmt: skip


def _warnings(columns: Sequence[FoundationColumn]) -> tuple[str, ...]:
    """Refused rows of every table once, then doubtful values of every column."""
    sentences: list[str] = []
    for name in dict.fromkeys(column.table for column in columns):
        tables = [column.values for column in columns if column.table == name]
        rows = {(row.row, row.reason): row for table in tables for row in table.rejected}
        merged = replace(tables[0], name=name, rejected=tuple(rows[key] for key in sorted(rows)))
        sentences += refused_lines(merged, _REASONS)
        sentences += [text for table in tables for text in table.warnings]
    return tuple(sentences)
