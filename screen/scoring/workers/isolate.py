"""Find rows that kill their worker by halving the partition, and quarantine them."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from kakehashi.catalogs.records import UserError
from kakehashi.screen.scoring.columns import QUARANTINE, ScoredPartition

REASON = "crashed_worker"
# Most fatal rows of a partition. More point to another cause, and each takes about log2(rows) new processes to find.
MOST = 16


class WorkerCrashed(Exception):
    """The process that scored some rows died."""


def isolate_crashes(rows: pa.Table, score: Callable[[pa.Table], ScoredPartition]) -> ScoredPartition:
    """Score a partition that killed its worker.

    Other rows have the scores they would have without those. A row goes to quarantine, as `crashed_worker`, if it
    killed two processes in a row with nothing else in them, so that one killed by chance costs no row.

    score : function of some of the rows; raises WorkerCrashed where their process died, and runs nothing beside them

    Raises
    ------
    UserError : code 1, more than `MOST` rows kill their process
    """
    waiting, parts, fatal = [rows], list[ScoredPartition](), list[pa.Table]()
    while waiting:
        piece = waiting.pop()
        try:
            parts.append(_score_twice(piece, score) if piece.num_rows == 1 else score(piece))
        except WorkerCrashed:
            half = piece.num_rows // 2
            if half:
                waiting += [piece.slice(half), piece.slice(0, half)]
                continue
            fatal.append(piece)
            if len(fatal) > MOST:
                raise UserError(
                    f"more than {MOST} rows of one partition killed their worker, the last one {_describe_row(piece)}:"
                    " go on with --resume, fewer --workers and more memory for each",
                    1,
                ) from None
            parts.append(ScoredPartition(None, _set_aside(piece)))
    scores = [part.scores for part in parts if part.scores is not None] or [score(rows.slice(0, 0)).scores]
    return ScoredPartition(pa.concat_tables(scores), pa.concat_tables([part.quarantine for part in parts]))


def _score_twice(row: pa.Table, score: Callable[[pa.Table], ScoredPartition]) -> ScoredPartition:
    try:
        return score(row)
    except WorkerCrashed:
        return score(row)


def _set_aside(row: pa.Table) -> pa.Table:
    quarantined = row.select(["id", "formula"]).cast(QUARANTINE.remove(2))
    return quarantined.append_column("reason", pa.array([REASON], pa.string()))


def _describe_row(row: pa.Table) -> str:
    return f"{row['formula'][0].as_py()!r} ({row['id'][0].as_py()})"
