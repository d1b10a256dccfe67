"""The scores of a run as committed files, one pair per partition, so that a killed run keeps what it has scored."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from kakehashi.catalogs.candidates.candidates import Catalog
from kakehashi.catalogs.files.paths import for_arrow
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.interrupt import first_finishes
from kakehashi.screen.progress import Mode
from kakehashi.screen.scoring.columns import QUARANTINE, SCORES
from kakehashi.screen.scoring.partitions import PARTITION_ROWS, Executor, make_scorer, score_serially
from kakehashi.screen.scoring.virtual.search import IndexCounts, Search
from kakehashi.screen.transfer.fit import Model

# Folder of the best rows of each part of a virtual catalogue, until the ranking is there.
BEST_FOLDER = "kept"
_COUNTS = "kakehashi.counts"


class CommittedScores(NamedTuple):
    """The committed partitions of a catalogue, in its order; nothing of them is in memory.

    counts : of a virtual catalogue, what became of all indices; fresh : of those looked at now, not kept from before
    """

    rundir: RunDir
    score_names: tuple[str, ...]
    quarantine_names: tuple[str, ...]
    schema: pa.Schema
    counts: IndexCounts | None = None
    fresh: IndexCounts | None = None

    @property
    def rows(self) -> int:
        """How many rows have a score."""
        return sum(self.rundir.rows(name) or 0 for name in self.score_names)

    @property
    def quarantined(self) -> int:
        """How many rows have none."""
        return sum(self.rundir.rows(name) or 0 for name in self.quarantine_names)

    def scores(self) -> Iterator[pa.Table]:
        """Scored rows, a partition at a time."""
        return self._read(self.score_names, self.schema)

    def quarantine(self) -> Iterator[pa.Table]:
        """Rows in quarantine, a partition at a time."""
        return self._read(self.quarantine_names, QUARANTINE)

    def _read(self, names: tuple[str, ...], schema: pa.Schema) -> Iterator[pa.Table]:
        # What a part's metadata say of it is not true of what becomes of it.
        return (self.rundir.read_table(name).replace_schema_metadata(schema.metadata) for name in names)


class _Pair(NamedTuple):
    """Files of one partition, and what they say they are."""

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
    search: Search | None = None,
    advance: Callable[[int], None] = lambda rows: None,
    mode: Mode = "quiet",
) -> CommittedScores:
    """Score a catalogue into `scores/` and `quarantine/` of a run folder.

    A pair that is committed, whole, and of this very model, catalogue and rows is kept; anything else there is
    replaced or removed. Only the parts under way are in memory.

    search : what to look for in a virtual catalogue; its parts go to `kept/` and hold its best and counts of the others
    advance : called with the number of rows just done

    Raises
    ------
    KeyboardInterrupt : Ctrl-C was pressed; every partition under way has been finished and committed
    """
    scorer = make_scorer(model, search)
    folder = "scores" if search is None else BEST_FOLDER
    fresh = IndexCounts()
    schema = pa.schema([*catalog.schema, *SCORES])
    pairs: list[_Pair] = []
    waiting: deque[_Pair] = deque()
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
                pair = _Pair(
                    f"{folder}/part-{i:05d}.parquet",
                    f"quarantine/part-{i:05d}.parquet",
                    {
                        "kakehashi.model": scorer.sha256,
                        "kakehashi.catalog": catalog.sha256,
                        "kakehashi.rows": f"{start}-{start + size}",
                    },
                )
                if interrupted():
                    return
                pairs.append(pair)
                start += size
                if _kept(rundir, pair, schema, size):
                    advance(size)
                else:
                    waiting.append(pair)
                    yield rows

        for part in executor(scorer, missing()):
            pair = waiting.popleft()
            counted = {} if part.counts is None else {_COUNTS: part.counts.text()}
            rundir.write_table(pair.scores, part.scores, pair.metadata | counted)
            rundir.write_table(pair.quarantine, part.quarantine, pair.metadata)
            fresh += part.counts or IndexCounts()
            done += 1
            advance(part.counts.visited if part.counts else part.scores.num_rows + part.quarantine.num_rows)
        if interrupted():
            raise KeyboardInterrupt
    _remove_others(rundir, {name for pair in pairs for name in pair[:2]})
    found = CommittedScores(
        rundir, tuple(pair.scores for pair in pairs), tuple(pair.quarantine for pair in pairs), schema
    )
    if search is None:
        if found.rows + found.quarantined != catalog.rows:
            raise RuntimeError(f"{catalog.rows} rows in, {found.rows} scored, {found.quarantined} in quarantine")
        return found
    counts = sum((_counts(rundir, pair) for pair in pairs), IndexCounts())
    if counts.visited != catalog.rows or counts.unscorable != found.quarantined or counts.filtered < 0:
        raise RuntimeError(f"{catalog.rows} indices, {found.quarantined} rows in quarantine, but counted {counts}")
    return found._replace(counts=counts, fresh=fresh)


def _kept(rundir: RunDir, pair: _Pair, schema: pa.Schema, rows: int) -> bool:
    """Whether both files are there, undamaged, and what would be written now."""
    if not all(rundir.holds(name) for name in pair[:2]):
        return False
    counts = _counts(rundir, pair)
    done = (rundir.rows(pair.scores) or 0) + (rundir.rows(pair.quarantine) or 0)
    if (counts.visited if counts.visited else done) != rows:
        return False
    for name, expected in ((pair.scores, schema), (pair.quarantine, QUARANTINE)):
        found = pq.read_schema(for_arrow(rundir.path / name))
        said = {key: (found.metadata or {}).get(key.encode(), b"").decode(errors="replace") for key in pair.metadata}
        if said != pair.metadata or not found.equals(expected):
            return False
    return True


def _counts(rundir: RunDir, pair: _Pair) -> IndexCounts:
    """What became of the indices of a partition of a virtual catalogue; all zero for other partitions."""
    text = (pq.read_schema(for_arrow(rundir.path / pair.scores)).metadata or {}).get(_COUNTS.encode())
    return IndexCounts() if text is None else IndexCounts.read(text.decode())


def _remove_others(rundir: RunDir, names: set[str]) -> None:
    """Remove what an earlier run with other partitions left."""
    for folder in ("scores/", f"{BEST_FOLDER}/", "quarantine/"):
        for name in set(rundir.names(folder)) - names:
            rundir.remove(name)
