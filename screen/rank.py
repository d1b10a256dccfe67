"""Ranking of scored candidates: order, filters, limits per chemical system, top k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from catalogs.formulas import parse_column
from catalogs.records import UserError
from screen.acquisition import normal_through
from screen.filters import Count, Filter, apply_filters
from screen.intervals import LEVEL

By = Literal["mean", "lower", "upper", "probability"]


class Order(NamedTuple):
    """How candidates are ranked.

    by : mean, lower or upper bound of the interval, or probability above (below, if `minimise`) `threshold`
    top : rows kept, None for all; per_system : at most this many of one chemical system, None for all
    """

    by: By = "mean"
    minimise: bool = False
    threshold: float | None = None
    top: int | None = None
    per_system: int | None = None
    filters: tuple[Filter, ...] = ()
    exclude: tuple[str, ...] = ()
    radioactive: bool = True


class Ranked(NamedTuple):
    """The ranking, and what the filters removed."""

    table: pa.Table
    counts: tuple[Count, ...]


def check_order(order: Order, *, log: bool) -> None:
    """Refuse settings that cannot be met, before any work. `log` : whether the target is fitted as ln."""
    if order.by not in get_args(By):
        raise UserError(f"--rank-by: expected one of {', '.join(get_args(By))}, got {order.by!r}")
    if order.by == "probability" and order.threshold is None:
        raise UserError("--rank-by probability needs --threshold VALUE, in the target's unit")
    if order.threshold is not None:
        check_threshold(order.threshold, log)
    for name, value in (("--top", order.top), ("--per-system", order.per_system)):
        if value is not None and value < 1:
            raise UserError(f"{name}: expected a whole number of at least 1, got {value}")


def rank(scores: pa.Table, order: Order, *, log: bool) -> Ranked:
    """Rank scored rows; ties go by id, then formula, so that the order never depends on the rows' order.

    log : whether intervals are symmetric in ln(value), which probabilities need to know
    """
    keep, counts = apply_filters(scores, order.filters, order.exclude, order.radioactive)
    table = scores if keep.all() else scores.take(pa.array(np.flatnonzero(keep)))
    if order.threshold is not None:
        chance = probability(table, order.threshold, log=log, below=order.minimise)
        table = table.append_column("probability", pa.array(chance))
    merit = table[order.by].to_numpy(zero_copy_only=False).astype(np.float64)
    rising = order.minimise and order.by != "probability"
    keys = pa.table({"merit": merit if rising else -merit, "id": table["id"], "formula": table["formula"]})
    ranked = pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names]).to_numpy()
    if order.per_system is not None:
        systems = chemical_systems(table["reduced_formula"])
        ranked = ranked[_place(systems[ranked]) < order.per_system]
    if order.top is not None:
        ranked = ranked[: order.top]
    table = table.take(pa.array(ranked))
    numbers = pa.array(np.arange(1, len(ranked) + 1), pa.int64())
    first = ["id", "formula", "reduced_formula", "mean", "lower", "upper", "spread", "at_ceiling", "domain",
             "domain_reason", "nearest_training", "distance"]  # fmt: skip
    rest = [name for name in table.column_names if name not in first]
    if "probability" in rest:
        rest.remove("probability")
        first.insert(6, "probability")
    return Ranked(table.select(first + rest).add_column(0, "rank", numbers), tuple(counts))


def check_threshold(threshold: float, log: bool) -> None:
    """Refuse a threshold no value can be compared with."""
    if not np.isfinite(threshold):
        raise UserError(f"--threshold: expected a number, got {threshold}")
    if log and threshold <= 0:
        raise UserError(f"--threshold: expected a positive value for a target fitted as ln, got {threshold}")


def probability(table: pa.Table, threshold: float, *, log: bool, below: bool = False) -> NDArray[np.float64]:
    """(n,) probability that the value is above (below) the threshold, a normal law through the interval."""
    from scipy.stats import norm

    check_threshold(threshold, log)
    columns = (table[name].to_numpy(zero_copy_only=False) for name in ("mean", "lower", "upper"))
    law = normal_through(*columns, level=LEVEL, log=log)
    z = (law.mean - (np.log(threshold) if log else threshold)) / np.maximum(law.sigma, 1e-12)
    return np.asarray(norm.cdf(-z if below else z), np.float64)


def chemical_systems(formulas: pa.ChunkedArray | Sequence[str]) -> NDArray[np.object_]:
    """(n,) the set of elements of each formula as one hashable key."""
    elements = parse_column(formulas).compositions.elements
    return np.array([np.sort(row).tobytes() for row in elements], dtype=object)


def _place(groups: NDArray[np.object_]) -> NDArray[np.int64]:
    """(n,) how many of the same group come before each row."""
    seen: dict[bytes, int] = {}
    out = np.empty(len(groups), np.int64)
    for i, group in enumerate(groups):
        out[i] = seen.get(group, 0)
        seen[group] = out[i] + 1
    return out
