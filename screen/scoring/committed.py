"""Score a catalogue into committed files, so that a killed run keeps finished partitions."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.files.paths import for_arrow
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.device_names import EXACT, Precision
from kakehashi.screen.interrupt import first_finishes
from kakehashi.screen.progress import Mode
from kakehashi.screen.scoring.columns import QUARANTINE, SCORES
from kakehashi.screen.scoring.partitions import PARTITION_ROWS, Executor, make_scorer, score_serially
from kakehashi.screen.scoring.virtual.search import IndexCounts, Search
from kakehashi.screen.transfer.fit import Model

# Folder of the best rows of each partition of a virtual catalogue, removed when the ranking is written.
BEST_FOLDER = "kept"
_COUNTS, _ROWS = "kakehashi.counts", "kakehashi.rows"
_MODEL, _CATALOG = "kakehashi.model", "kakehashi.catalog"


class CommittedScores(NamedTuple):
    """Committed partitions of a catalogue, read one at a time.

    counts : outcome of all indices of a virtual catalogue; fresh : the same for indices visited by this run
    """

    rundir: RunDir
    score_names: tuple[str, ...]
    quarantine_names: tuple[str, ...]
    schema: pa.Schema
    counts: IndexCounts | None = None
    fresh: IndexCounts | None = None

    @property
    def rows(self) -> int:
        """Number of rows with a score."""
        return sum(self.rundir.rows(name) or 0 for name in self.score_names)

    @property
    def quarantined(self) -> int:
        """Number of rows in quarantine."""
        return sum(self.rundir.rows(name) or 0 for name in self.quarantine_names)

    def scores(self) -> Iterator[pa.Table]:
        """Scored rows, a partition at a time."""
        return self._read(self.score_names, self.schema)

    def quarantine(self) -> Iterator[pa.Table]:
        """Quarantined rows, a partition at a time."""
        return self._read(self.quarantine_names, QUARANTINE)

    def _read(self, names: tuple[str, ...], schema: pa.Schema) -> Iterator[pa.Table]:
        # Metadata of the file do not apply to tables made from it.
        return (self.rundir.read_table(name).replace_schema_metadata(schema.metadata) for name in names)


class _PartitionFiles(NamedTuple):
    """Files of one partition, and the metadata both carry."""

    scores: str
    quarantine: str
    metadata: dict[str, str]


def score_catalog(
    rundir: RunDir,
    model: Model,
    catalog: Catalog,
    *,
    executor: Executor = score_serially,
    partition_rows: int = PARTITION_ROWS,
    most_left: int | None = None,
    search: Search | None = None,
    in_domain: bool = False,
    precision: Precision = EXACT,
    advance: Callable[[int], None] = lambda rows: None,
    mode: Mode = "quiet",
) -> CommittedScores:
    """Score a catalogue into `scores/` and `quarantine/` of a run folder.

    A pair of files that is committed, whole, and of this very model, catalogue and rows is reused; any other is
    replaced or removed. Only the partitions in progress are in memory.

    most_left : an interrupted run of this very model and catalogue left partitions of at most so many rows: go on with
        as many, whatever `partition_rows`; None for never
    in_domain : leave what is out of the domain without a prediction
    search : search of a virtual catalogue; its partitions go to `kept/` and hold the best rows and counts of the others
    precision : of the products of networks; scores of another precision are replaced
    advance : called with the number of rows just done

    Raises
    ------
    KeyboardInterrupt : Ctrl-C was pressed; every partition in progress has been finished and committed
    """
    scorer = make_scorer(model, search, precision)
    if in_domain:
        scorer = scorer.within_domain()
    folder = "scores" if search is None else BEST_FOLDER
    if most_left is not None and search is None:
        left = committed_size(rundir, scorer.sha256, catalog.sha256)
        partition_rows = left if left is not None and left <= most_left else partition_rows
    fresh = IndexCounts()
    schema = pa.schema([*catalog.schema, *SCORES])
    pairs: list[_PartitionFiles] = []
    waiting: deque[_PartitionFiles] = deque()
    began, done = time.monotonic(), 0

    def under_way() -> str:
        count = max(1, len(waiting))
        seconds = f", about {max(1, round(count * (time.monotonic() - began) / done))} s" if done else ""
        return f"finishing {count} partition{'' if count == 1 else 's'}{seconds}"

    with first_finishes(mode, under_way) as interrupted:

        def missing() -> Iterator[pa.Table]:
            start = 0
            for i, rows in enumerate(catalog.batches(partition_rows)):
                size = rows.num_rows if search is None else rows["stop"][0].as_py() - rows["start"][0].as_py()
                pair = _PartitionFiles(
                    f"{folder}/part-{i:05d}.parquet",
                    f"quarantine/part-{i:05d}.parquet",
                    {
                        _MODEL: scorer.sha256,
                        _CATALOG: catalog.sha256,
                        _ROWS: f"{start}-{start + size}",
                    },
                )
                if interrupted():
                    return
                pairs.append(pair)
                start += size
                if _is_current(rundir, pair, schema, size):
                    advance(size)
                else:
                    waiting.append(pair)
                    yield rows

        for partition in executor(scorer, missing()):
            pair = waiting.popleft()
            counted = {} if partition.counts is None else {_COUNTS: partition.counts.text()}
            rundir.write_table(pair.scores, partition.scores, pair.metadata | counted)
            rundir.write_table(pair.quarantine, partition.quarantine, pair.metadata)
            fresh += partition.counts or IndexCounts()
            done += 1
            advance(
                partition.counts.visited
                if partition.counts
                else partition.scores.num_rows + partition.quarantine.num_rows
            )
        if interrupted():
            raise KeyboardInterrupt
    _remove_others(rundir, {name for pair in pairs for name in pair[:2]})
    committed = CommittedScores(
        rundir, tuple(pair.scores for pair in pairs), tuple(pair.quarantine for pair in pairs), schema
    )
    if search is None:
        if committed.rows + committed.quarantined != catalog.rows:
            raise RuntimeError(
                f"{catalog.rows} rows in, {committed.rows} scored, {committed.quarantined} in quarantine"
            )
        return committed
    counts = sum((_read_counts(rundir, pair) for pair in pairs), IndexCounts())
    if counts.visited != catalog.rows or counts.unscorable != committed.quarantined or counts.filtered < 0:
        raise RuntimeError(f"{catalog.rows} indices, {committed.quarantined} rows in quarantine, but counted {counts}")
    return committed._replace(counts=counts, fresh=fresh)


def _is_current(rundir: RunDir, pair: _PartitionFiles, schema: pa.Schema, rows: int) -> bool:
    """True if both files are committed and up to date."""
    if not all(rundir.holds(name) for name in pair[:2]):
        return False
    counts = _read_counts(rundir, pair)
    done = (rundir.rows(pair.scores) or 0) + (rundir.rows(pair.quarantine) or 0)
    if (counts.visited if counts.visited else done) != rows:
        return False
    for name, expected in ((pair.scores, schema), (pair.quarantine, QUARANTINE)):
        written = pq.read_schema(for_arrow(rundir.path / name))
        metadata = {
            key: (written.metadata or {}).get(key.encode(), b"").decode(errors="replace") for key in pair.metadata
        }
        if metadata != pair.metadata or not written.equals(expected):
            return False
    return True


def committed_size(rundir: RunDir, model: str, catalog: str) -> int | None:
    """Rows of the first partition that an earlier run left in the folder; None without one.

    model, catalog : sha256 of scorer and catalogue, which the partition must be of
    """
    name = "scores/part-00000.parquet"
    if not rundir.holds(name):
        return None
    metadata = pq.read_schema(for_arrow(rundir.path / name)).metadata or {}
    of, on, text = (metadata.get(key.encode(), b"").decode(errors="replace") for key in (_MODEL, _CATALOG, _ROWS))
    if (of, on) != (model, catalog):
        return None
    start, _, stop = text.partition("-")
    return int(stop) if start == "0" and stop.isdecimal() and int(stop) else None


def _read_counts(rundir: RunDir, pair: _PartitionFiles) -> IndexCounts:
    """Index counts of a partition; zeros for a catalogue of rows."""
    text = (pq.read_schema(for_arrow(rundir.path / pair.scores)).metadata or {}).get(_COUNTS.encode())
    return IndexCounts() if text is None else IndexCounts.read(text.decode())


def _remove_others(rundir: RunDir, names: set[str]) -> None:
    """Remove files that an earlier run with other partitions left."""
    for folder in ("scores/", f"{BEST_FOLDER}/", "quarantine/"):
        for name in set(rundir.names(folder)) - names:
            rundir.remove(name)
