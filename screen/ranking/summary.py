"""Summarise all scores of a catalogue while they pass by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.ranking.sorter import Sorter

_BINS = 40


class ScoreSummary(NamedTuple):
    """Figures of a scored catalogue.

    unique : distinct reduced formulas; at_ceiling : rows at the largest value the model can return
    best : best prediction, None without rows; sharing : distinct compositions with that prediction
    low, high : smallest and largest prediction
    not_positive : rows predicted at zero or below
    unpredicted : rows that have a verdict alone, being out of the domain
    """

    rows: int
    unique: int
    domains: dict[str, int]
    at_ceiling: int
    best: float | None
    sharing: int
    low: float | None
    high: float | None
    not_positive: int = 0
    unpredicted: int = 0


class ScoreCounter:
    """Counter of scored rows that arrive in pieces.

    A context manager; distinct compositions are counted by sorting them on disk.
    """

    def __init__(self, folder: Path, rows: int, *, minimise: bool) -> None:
        self._minimise = minimise
        self._rows = self._at_ceiling = self._not_positive = self._unpredicted = 0
        self._domains: Counter[str] = Counter()
        self._low = self._high = None
        self._compositions = Sorter(folder, rows, self._keys, _first_of_each)

    def __enter__(self) -> ScoreCounter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._compositions.__exit__(kind, error, trace)

    def add(self, scores: pa.Table) -> None:
        """Count rows."""
        if not scores.num_rows:
            return
        self._rows += scores.num_rows
        self._unpredicted += scores["mean"].null_count
        self._at_ceiling += pc.sum(scores["at_ceiling"]).as_py() or 0
        self._not_positive += pc.sum(pc.less_equal(scores["mean"], 0.0)).as_py() or 0
        for entry in pc.value_counts(scores["domain"]).to_pylist():
            self._domains[entry["values"]] += entry["counts"]
        ends = pc.min_max(scores["mean"]).as_py()
        self._low = min((end for end in (self._low, ends["min"]) if end is not None), default=None)
        self._high = max((end for end in (self._high, ends["max"]) if end is not None), default=None)
        self._compositions.add(scores.select(["reduced_formula", "mean"]))

    def summary(self) -> ScoreSummary:
        """Figures of all rows."""
        best = self._low if self._minimise else self._high
        unique = sharing = 0
        last: str | None = None
        for table in self._compositions.ordered():
            table = _first_of_each(table)
            if table["reduced_formula"][0].as_py() == last:
                table = table.slice(1)
            if table.num_rows:
                last = table["reduced_formula"][-1].as_py()
                unique += table.num_rows
                sharing += pc.sum(pc.equal(table["mean"], best)).as_py() or 0
        return ScoreSummary(
            self._rows, unique, dict(self._domains), self._at_ceiling, best, sharing, self._low, self._high,
            self._not_positive, self._unpredicted,
        )  # fmt: skip

    def _keys(self, table: pa.Table) -> pa.Table:
        """Sort keys: formula, then the best prediction of one formula first.

        One formula has several predictions under the cell convention.
        """
        worth = table["mean"] if self._minimise else pc.negate(table["mean"])
        return pa.table({"formula": table["reduced_formula"], "worth": worth})


class ReasonCounter:
    """Counter of quarantined rows by reason.

    Keeps the first formula of each.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, aside: pa.Table) -> None:
        """Count rows."""
        reasons = aside["reason"].to_pylist()
        self._counts.update(reasons)
        for reason, formula in zip(reasons, aside["formula"].to_pylist(), strict=True):
            self._examples.setdefault(reason, "" if formula is None else formula)

    def records(self) -> list[dict[str, Any]]:
        """JSON records, commonest first."""
        return [
            {"reason": reason, "count": count, "example": self._examples[reason]}
            for reason, count in self._counts.most_common()
        ]


def bin_values(target: PropertyTable, summary: ScoreSummary, scores: Iterable[pa.Table]) -> dict[str, Any]:
    """Histogram of training and predicted values in shared bins.

    {} where none can be drawn.

    Bins are logarithmic for a target fitted as ln.

    scores : rows of the summary
    """
    if summary.low is None or summary.high is None:
        return {}
    low, high = min(summary.low, float(target.values.min())), max(summary.high, float(target.values.max()))
    forward, back = (np.log, np.exp) if target.log else (np.asarray, np.asarray)
    if target.log and not low > 0:
        return {}
    edges = back(np.linspace(forward(low), forward(high), _BINS + 1))
    # Rounding of edges must not exclude the extremes.
    edges[0], edges[-1] = low, high
    if not np.all(np.diff(edges) > 0):
        return {}
    predicted = np.zeros(_BINS, np.int64)
    for table in scores:
        predicted += np.histogram(table["mean"].drop_null().to_numpy(), edges)[0]
    return {
        "unit": target.unit,
        "scale": "log" if target.log else "linear",
        "edges": edges.tolist(),
        "training": np.histogram(target.values, edges)[0].tolist(),
        "predicted": predicted.tolist(),
    }


def _first_of_each(table: pa.Table) -> pa.Table:
    """First row of every formula of an ordered table."""
    formulas = table.combine_chunks()["reduced_formula"]
    if len(formulas) < 2:
        return table
    other = pc.not_equal(formulas.slice(1), formulas.slice(0, len(formulas) - 1))
    return table.filter(pa.chunked_array([pa.array([True]), *other.chunks]))
