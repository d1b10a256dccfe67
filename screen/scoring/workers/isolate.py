"""Rows that kill the process that scores them, found by halving their partition and set aside."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from kakehashi.catalogs.records import UserError
from kakehashi.screen.scoring.columns import QUARANTINE, ScoredPartition

REASON = "crashed_worker"
# More in one partition is no fault of single rows, and finding each takes about log2(rows) new processes.
MOST = 16


class WorkerCrashed(Exception):
    """The process that scored some rows died."""


def isolate_crashes(rows: pa.Table, score: Callable[[pa.Table], ScoredPartition]) -> ScoredPartition:
    """Score a partition that killed its process: what is left is as if the rows in quarantine had not been there.

    A row is set aside, as `crashed_worker`, that killed two processes in a row with nothing else in them, so that
    one killed by chance costs no row.

    score : of some of the rows; raises Crashed where their process died, and runs nothing beside them

    Raises
    ------
    UserError : code 1, more than `MOST` rows kill their process
    """
    waiting, found, fatal = [rows], list[ScoredPartition](), list[pa.Table]()
    while waiting:
        piece = waiting.pop()
        try:
            found.append(_twice(piece, score) if piece.num_rows == 1 else score(piece))
        except WorkerCrashed:
            half = piece.num_rows // 2
            if half:
                waiting += [piece.slice(half), piece.slice(0, half)]
                continue
            fatal.append(piece)
            if len(fatal) > MOST:
                raise UserError(
                    f"more than {MOST} rows of one partition killed their worker, the last one {_named(piece)}:"
                    " go on with --resume, fewer --workers and more memory for each",
                    1,
                ) from None
            found.append(ScoredPartition(None, _set_aside(piece)))
    scores = [part.scores for part in found if part.scores is not None] or [score(rows.slice(0, 0)).scores]
    return ScoredPartition(pa.concat_tables(scores), pa.concat_tables([part.quarantine for part in found]))


def _twice(row: pa.Table, score: Callable[[pa.Table], ScoredPartition]) -> ScoredPartition:
    try:
        return score(row)
    except WorkerCrashed:
        return score(row)


def _set_aside(row: pa.Table) -> pa.Table:
    named = row.select(["id", "formula"]).cast(QUARANTINE.remove(2))
    return named.append_column("reason", pa.array([REASON], pa.string()))


def _named(row: pa.Table) -> str:
    return f"{row['formula'][0].as_py()!r} ({row['id'][0].as_py()})"
