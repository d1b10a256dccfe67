"""Rank scored candidates: order, filters, limits per chemical system, top k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.candidates.catalog import RESERVED
from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.records import UserError
from kakehashi.screen.ranking.acquisition import normal_through
from kakehashi.screen.ranking.filters import Filter, FilterCount, apply_filters
from kakehashi.screen.ranking.sorter import row_order
from kakehashi.screen.validation.intervals import LEVEL

RankBy = Literal["mean", "lower", "upper", "probability"]
# Leading columns of a ranking, after the rank.
LEADING = ("id", "formula", "reduced_formula", "mean", "lower", "upper", "probability", "spread", "at_ceiling",
           "domain", "domain_reason", "nearest_training", "distance", "measured", "measured_row", "clipped",
           "mean_unclipped", "lower_unclipped", "upper_unclipped")  # fmt: skip


class Order(NamedTuple):
    """Order and filters of a ranking.

    by : mean, lower or upper bound of the interval, or probability above (below, if `minimise`) `threshold`
    top : number of rows, None for all; per_system : most rows of one chemical system, None for all
    """

    by: RankBy = "mean"
    minimise: bool = False
    threshold: float | None = None
    top: int | None = None
    per_system: int | None = None
    filters: tuple[Filter, ...] = ()
    exclude: tuple[str, ...] = ()
    radioactive: bool = True


class RankedTable(NamedTuple):
    """Ranking, and the number of rows each filter removed."""

    table: pa.Table
    counts: tuple[FilterCount, ...]


def check_order(order: Order, *, log: bool) -> None:
    """Refuse settings that cannot be met, before any work.

    log : True for a target fitted as ln
    """
    if order.by not in get_args(RankBy):
        raise UserError(f"--rank-by: expected one of {', '.join(get_args(RankBy))}, got {order.by!r}")
    if order.by == "probability" and order.threshold is None:
        raise UserError("--rank-by probability needs --threshold VALUE, in the target's unit")
    if order.threshold is not None:
        check_threshold(order.threshold, log)
    for name, value in (("--top", order.top), ("--per-system", order.per_system)):
        if value is not None and value < 1:
            raise UserError(f"{name}: expected a whole number of at least 1, got {value}")


def rank(scores: pa.Table, order: Order, *, log: bool) -> RankedTable:
    """Rank scored rows, whatever order they come in.

    Ties go by id, formula and the catalogue's columns.

    log : True if intervals are symmetric in ln(value), which probabilities need to know

    >>> scores = pa.table({"id": ["a", "b"], "formula": ["MgO", "NaCl"], "reduced_formula": ["MgO", "NaCl"],
    ...                    "mean": [1.0, 2.0]})
    >>> rank(scores, Order(), log=False).table["formula"].to_pylist()
    ['NaCl', 'MgO']
    """
    table, counts = filter_rows(scores, order, log=log)
    table = table.take(pa.array(row_order(sort_keys(table, order))))
    return RankedTable(add_ranks(RowLimit(order)(table), 1), tuple(counts))


def filter_rows(scores: pa.Table, order: Order, *, log: bool) -> tuple[pa.Table, list[FilterCount]]:
    """Rows that meet the filters, and counts of the others.

    With a column `probability` where a threshold is set.
    """
    keep, counts = apply_filters(scores, order.filters, order.exclude, order.radioactive)
    table = scores if keep.all() else scores.take(pa.array(np.flatnonzero(keep)))
    if order.threshold is not None:
        chance = probability(table, order.threshold, log=log, below=order.minimise)
        table = table.append_column("probability", pa.array(chance))
    return table, counts


def sort_keys(table: pa.Table, order: Order) -> pa.Table:
    """Columns in whose ascending order candidates are ranked.

    Rows with equal keys are equal. Other columns take part because ids need not be unique; scores do not, they follow
    from the formula.
    """
    merit = table[order.by].to_numpy(zero_copy_only=False).astype(np.float64)
    rising = order.minimise and order.by != "probability"
    other_columns = [name for name in table.column_names if name not in RESERVED and name not in ("id", "formula")]
    columns = [pa.chunked_array([merit if rising else -merit]), table["id"], table["formula"]]
    columns += [_sortable(table[name]) for name in other_columns]
    return pa.Table.from_arrays(columns, names=[str(i) for i in range(len(columns))])


class RowLimit:
    """Limits per chemical system and in all, piece by piece."""

    def __init__(self, order: Order) -> None:
        self._most, self._left = order.per_system, order.top
        self._seen: dict[bytes, int] = {}

    @property
    def reached(self) -> bool:
        """True if no further row can pass."""
        return self._left == 0

    def __call__(self, table: pa.Table) -> pa.Table:
        """Rows of the next piece that pass."""
        if self._most is not None and table.num_rows:
            keep = [self._fits(system) for system in chemical_systems(table["reduced_formula"])]
            table = table.filter(pa.array(keep))
        if self._left is not None:
            table = table.slice(0, self._left)
            self._left -= table.num_rows
        return table

    def _fits(self, system: bytes) -> bool:
        before = self._seen.get(system, 0)
        if before == self._most:
            return False
        self._seen[system] = before + 1
        return True


def add_ranks(table: pa.Table, first: int) -> pa.Table:
    """Ordered rows with ranks from `first`.

    Columns are in the order of ranking.parquet.
    """
    numbers = pa.array(np.arange(first, first + table.num_rows), pa.int64())
    leading = [name for name in LEADING if name in table.column_names]
    rest = [name for name in table.column_names if name not in leading]
    return table.select(leading + rest).add_column(0, "rank", numbers)


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Column as text where arrow cannot sort its type."""
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_float16(kind) or pa.types.is_binary_view(kind):
        return pa.chunked_array([pa.array([None if v is None else repr(v) for v in column.to_pylist()], pa.string())])
    return column.cast(pa.string()) if pa.types.is_string_view(kind) else column


def check_threshold(threshold: float, log: bool) -> None:
    """Refuse a threshold no value can be compared with."""
    if not np.isfinite(threshold):
        raise UserError(f"--threshold: expected a number, got {threshold}")
    if log and threshold <= 0:
        raise UserError(f"--threshold: expected a positive value for a target fitted as ln, got {threshold}")


def probability(table: pa.Table, threshold: float, *, log: bool, below: bool = False) -> NDArray[np.float64]:
    """Probability (n,) of a value above (below) the threshold.

    By the normal distribution through the interval.
    """
    from scipy.stats import norm

    check_threshold(threshold, log)
    columns = (table[name].to_numpy(zero_copy_only=False) for name in ("mean", "lower", "upper"))
    law = normal_through(*columns, level=LEVEL, log=log)
    z = (law.mean - (np.log(threshold) if log else threshold)) / np.maximum(law.sigma, 1e-12)
    return np.asarray(norm.cdf(-z if below else z), np.float64)


def chemical_systems(formulas: pa.ChunkedArray | Sequence[str]) -> NDArray[np.object_]:
    """Hashable key (n,) of the set of elements of each formula.

    >>> keys = chemical_systems(["MgO", "Mg2O2", "NaCl"])
    >>> keys[0] == keys[1], keys[0] == keys[2]
    (True, False)
    """
    elements = parse_column(formulas).compositions.elements
    return np.array([np.sort(row).tobytes() for row in elements], dtype=object)
