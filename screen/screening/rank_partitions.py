"""Rank committed partitions into files, in memory that does not grow with the catalogue.

It grows, by about 100 bytes each, with the number of chemical systems where their candidates are limited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.ranking.csv_text import csv_bytes
from kakehashi.screen.ranking.filters import FilterCount
from kakehashi.screen.ranking.rank import Order, RowLimit, add_ranks, filter_rows, sort_keys
from kakehashi.screen.ranking.sorter import Sorter
from kakehashi.screen.ranking.summary import ReasonCounter, ScoreCounter, ScoreSummary
from kakehashi.screen.scoring.columns import QUARANTINE
from kakehashi.screen.scoring.committed import CommittedScores
from kakehashi.screen.scoring.virtual.search import IndexCounts, Search, count_filters


class RankingResult(NamedTuple):
    """Outcome of a ranking.

    ranked : rows; filters : rows each filter removed; summary : of all scores; reasons : of quarantine
    """

    ranked: int
    filters: tuple[FilterCount, ...]
    summary: ScoreSummary
    reasons: list[dict[str, Any]]


def write_ranking(
    rundir: RunDir,
    scored: CommittedScores,
    order: Order,
    *,
    log: bool,
    metadata: Mapping[str, str],
    finish: Callable[[pa.Table], pa.Table] = lambda table: table,
) -> RankingResult:
    """Write ranking and quarantine as Parquet and CSV.

    Without `finish` the bytes are those of `rank` on all rows at once.

    finish : adds columns to ranked rows
    """
    keys = lambda table: sort_keys(table, order)
    prune = lambda table: RowLimit(order)(table)
    rows = scored.rows
    with (
        Sorter(rundir.path, rows, keys, prune) as sorter,
        ScoreCounter(rundir.path, rows, minimise=order.minimise) as tally,
    ):
        filters: tuple[FilterCount, ...] = ()
        schema: pa.Schema | None = None
        for scores in scored.scores():
            tally.add(scores)
            table, counts = filter_rows(scores, order, log=log)
            filters = _add_counts(filters, counts)
            schema = add_ranks(finish(table.slice(0, 0)), 1).schema
            sorter.add(table)
        if schema is None:
            raise RuntimeError("no partition to rank")
        ranked = _write_ranking(rundir, sorter, order, schema, metadata, finish)
        summary = tally.summary()
    reasons = ReasonCounter()
    with (
        rundir.table_writer("quarantine.parquet", QUARANTINE, metadata) as writer,
        rundir.bytes_writer("quarantine.csv") as text,
    ):
        text.write(csv_bytes(QUARANTINE.empty_table()))
        for aside in scored.quarantine():
            reasons.add(aside)
            writer.write(aside)
            text.write(csv_bytes(aside, heading=False))
    return RankingResult(ranked, filters, summary, reasons.records())


def count_all_indices(
    counted: RankingResult, search: Search, counts: IndexCounts, order: Order, *, log: bool
) -> RankingResult:
    """Ranking result with the figures of all indices.

    Of a virtual catalogue, whose ranking holds the best alone.
    """
    back = math.exp if log else float
    ends = (None if end is None else back(end) for end in (counts.low, counts.high))
    summary = counted.summary._replace(
        rows=counts.scored,
        unique=counts.scored,
        domains={"in": counts.inside, "edge": counts.edge, "out": counts.out},
        at_ceiling=counts.at_ceiling,
    )
    low, high = ends
    return counted._replace(filters=count_filters(search, counts, order), summary=summary._replace(low=low, high=high))


def _write_ranking(
    rundir: RunDir,
    sorter: Sorter,
    order: Order,
    schema: pa.Schema,
    metadata: Mapping[str, str],
    finish: Callable[[pa.Table], pa.Table],
) -> int:
    limit = RowLimit(order)
    rows = 0
    with (
        rundir.table_writer("ranking.parquet", schema, metadata) as table,
        rundir.bytes_writer("ranking.csv") as text,
    ):
        text.write(csv_bytes(schema.empty_table()))
        for piece in sorter.ordered():
            piece = add_ranks(finish(limit(piece)), rows + 1)
            table.write(piece)
            text.write(csv_bytes(piece, heading=False))
            rows += piece.num_rows
            if limit.reached:
                break
    return rows


def _add_counts(filters: tuple[FilterCount, ...], counts: list[FilterCount]) -> tuple[FilterCount, ...]:
    """Sums of counts over partitions."""
    if not filters:
        return tuple(counts)
    pairs = zip(filters, counts, strict=True)
    return tuple(FilterCount(a.expression, a.failed + b.failed, a.null + b.null) for a, b in pairs)
