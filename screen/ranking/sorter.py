"""Sort more rows than fit into memory: sorted runs on disk, merged block by block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.files.durable import TEMPORARY

# Limits of rows sorted at a time (RUN) and of rows in memory during a merge (POOL), in rows and in bytes.
RUN_ROWS = 262_144
POOL_ROWS = 262_144
RUN_BYTES = 256 << 20
POOL_BYTES = 128 << 20
# Smallest block of a run, in rows and in bytes: reading smaller ones would cost more than their rows.
_LEAST_BLOCK, _LEAST_BYTES = 64, 64 << 10


class Sorter:
    """External merge sort of rows that arrive in pieces (Knuth, 1973).

    A context manager that removes its temporary files. Up to `RUN_ROWS` rows, fewer where they are wide, stay in memory
    and nothing is written; more go to files in `folder` whose names a run folder sweeps away after a kill.

    Parameters
    ----------
    rows : most rows to come, which decides how finely files are read
    keys : columns a table is ordered by, ascending, the first one first; equal keys must mean equal rows
    prune : drops rows of an ordered table that cannot matter, whatever other rows there are
    """

    def __init__(
        self,
        folder: Path,
        rows: int,
        keys: Callable[[pa.Table], pa.Table],
        prune: Callable[[pa.Table], pa.Table] = lambda table: table,
    ) -> None:
        self._folder, self._keys, self._prune = folder, keys, prune
        self._rows, self._widest = rows, 1.0
        self._waiting: list[pa.Table] = []
        self._held = 0
        self._files: list[Path] = []

    def __enter__(self) -> Sorter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self._files:
            path.unlink(missing_ok=True)

    def add(self, table: pa.Table) -> None:
        """Add rows; every table has the same columns."""
        if table.num_rows:
            self._widest = max(self._widest, table.nbytes / table.num_rows)
        while self._held + table.num_rows > self._run:
            room = max(0, self._run - self._held)
            self._hold(table.slice(0, room))
            table = table.slice(room)
            ordered = self._ordered()
            # Rows left after pruning wait for more, unless they would soon fill a run again.
            if ordered.num_rows <= self._run // 2:
                # A copy: a slice would keep the whole run.
                self._waiting, self._held = [ordered.take(pa.array(range(ordered.num_rows)))], ordered.num_rows
            else:
                self._spill(ordered)
        self._hold(table)

    @property
    def _run(self) -> int:
        """Rows sorted at a time, for the widest rows so far."""
        return max(2, min(RUN_ROWS, int(RUN_BYTES / self._widest)))

    @property
    def _block(self) -> int:
        """Rows of one run read at a time."""
        pool = min(POOL_ROWS, int(POOL_BYTES / self._widest))
        least = max(1, min(_LEAST_BLOCK, int(_LEAST_BYTES / self._widest)))
        return max(least, pool // (self._rows // self._run + 1))

    def ordered(self) -> Iterator[pa.Table]:
        """All rows in order, in tables of any size.

        Rows of different runs are not pruned together.
        """
        if not self._waiting:
            return
        last = self._ordered()
        if not self._files:
            yield last
            return
        self._spill(last)
        with ExitStack() as stack:
            yield from self._merged([stack.enter_context(_Run(path, self._keys)) for path in self._files])

    def _hold(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._held += table.num_rows

    def _ordered(self) -> pa.Table:
        table = pa.concat_tables(self._waiting)
        self._waiting, self._held = [], 0
        return self._prune(table.take(pa.array(row_order(self._keys(table)))))

    def _spill(self, table: pa.Table) -> None:
        path = self._folder / f"{TEMPORARY}sort-{id(self):x}-{len(self._files):05d}.tmp"
        self._files.append(path)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        try:
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema, options=options) as stream:
                stream.write_table(table.combine_chunks(), max_chunksize=self._block)
        except OSError as error:  # arrow's message has neither file nor plain reason
            raise OSError(error.errno, os.strerror(error.errno) if error.errno else str(error), str(path)) from error

    def _merged(self, runs: list[_Run]) -> Iterator[pa.Table]:
        """Merge runs block by block.

        Each step yields rows up to the earliest of the last rows read from each run.
        """
        while runs:
            for run in runs:
                run.fill(self._block)
            runs = [run for run in runs if run.rows.num_rows]
            unread = [run for run in runs if not run.finished]
            cuts = [run.rows.num_rows for run in runs]
            until = -1
            if unread:
                lasts = pa.concat_tables([run.keys.slice(run.rows.num_rows - 1) for run in unread])
                first = unread[row_order(lasts)[0]]
                bound = first.keys[0][-1]
                cuts = [_count_up_to(run.keys[0], bound) for run in runs]
                until = sum(cuts[: runs.index(first) + 1]) - 1
            if not runs:
                return
            order = row_order(pa.concat_tables([run.keys.slice(0, n) for run, n in zip(runs, cuts, strict=True)]))
            if unread:
                order = order[: int(np.flatnonzero(order == until)[0]) + 1]
            pool = pa.concat_tables([run.rows.slice(0, n) for run, n in zip(runs, cuts, strict=True)])
            yield pool.take(pa.array(order))
            whose = np.repeat(np.arange(len(runs)), cuts)[order]
            for run, n in zip(runs, np.bincount(whose, minlength=len(runs)).tolist(), strict=True):
                run.drop(n)


def row_order(keys: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Row numbers (n,) in ascending order of all columns.

    Ties keep their order.

    >>> row_order(pa.table({"key": [3, 1, 2]})).tolist()
    [1, 2, 0]
    """
    by = [(name, "ascending") for name in keys.column_names]
    return np.asarray(pc.sort_indices(keys, by).to_numpy())


class _Run:
    """Block of a sorted file that is in memory."""

    def __init__(self, path: Path, keys: Callable[[pa.Table], pa.Table]) -> None:
        self._keys = keys
        self._source = pa.OSFile(str(path), "rb")
        self._stream = pa.ipc.open_stream(self._source)
        self.rows: pa.Table = self._stream.schema.empty_table()
        self.keys: pa.Table = keys(self.rows)
        self.finished = False

    def __enter__(self) -> _Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._source.close()

    def fill(self, size: int) -> None:
        """Read on until `size` rows or all are in memory."""
        while self.rows.num_rows < size and not self.finished:
            try:
                piece = pa.Table.from_batches([self._stream.read_next_batch()])
            except StopIteration:
                self.finished = True
                return
            self.rows = pa.concat_tables([self.rows, piece])
            self.keys = pa.concat_tables([self.keys, self._keys(piece)])

    def drop(self, n: int) -> None:
        """Drop the first n rows."""
        self.rows, self.keys = self.rows.slice(n), self.keys.slice(n)


def _count_up_to(column: pa.ChunkedArray, bound: pa.Scalar) -> int:
    """Number of values up to `bound` in an ascending column.

    NaN and null come last.
    """
    value = bound.as_py()
    if value is None or value != value:
        return len(column)
    return pc.sum(pc.less_equal(column, bound)).as_py() or 0
