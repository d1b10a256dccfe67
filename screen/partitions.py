"""The scores of a run as committed files, one pair per partition, so that a killed run keeps what it has scored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from catalogs.candidates import Catalog
from catalogs.rundir import RunDir
from screen.execute import PARTITION_ROWS, QUARANTINE, SCORES, Executor, deploy, in_turn
from screen.interrupt import first_finishes
from screen.progress import Mode
from screen.transfer import Model


class Scored(NamedTuple):
    """The committed partitions of a catalogue, in its order; nothing of them is in memory."""

    rundir: RunDir
    score_names: tuple[str, ...]
    quarantine_names: tuple[str, ...]
    schema: pa.Schema

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


def score_into(
    rundir: RunDir,
    model: Model,
    catalog: Catalog,
    *,
    executor: Executor = in_turn,
    partition_rows: int = PARTITION_ROWS,
    advance: Callable[[int], None] = lambda rows: None,
    mode: Mode = "quiet",
) -> Scored:
    """Score a catalogue into `scores/` and `quarantine/` of a run folder.

    A pair that is committed, whole, and of this very model, catalogue and rows is kept; anything else there is
    replaced or removed. Only the parts under way are in memory.

    advance : called with the number of rows just done

    Raises
    ------
    KeyboardInterrupt : Ctrl-C was pressed; every partition under way has been finished and committed
    """
    scoring = deploy(model)
    schema = pa.schema([*catalog.schema, *SCORES])
    pairs: list[_Pair] = []
    waiting: deque[_Pair] = deque()
    with first_finishes(mode) as interrupted:

        def missing() -> Iterator[pa.Table]:
            start = 0
            for i, rows in enumerate(catalog.batches(partition_rows)):
                pair = _Pair(
                    f"scores/part-{i:05d}.parquet",
                    f"quarantine/part-{i:05d}.parquet",
                    {
                        "kakehashi.model": scoring.sha256,
                        "kakehashi.catalog": catalog.sha256,
                        "kakehashi.rows": f"{start}-{start + rows.num_rows}",
                    },
                )
                if interrupted():
                    return
                pairs.append(pair)
                start += rows.num_rows
                if _kept(rundir, pair, schema, rows.num_rows):
                    advance(rows.num_rows)
                else:
                    waiting.append(pair)
                    yield rows

        for part in executor(scoring, missing()):
            pair = waiting.popleft()
            rundir.write_table(pair.scores, part.scores, pair.metadata)
            rundir.write_table(pair.quarantine, part.quarantine, pair.metadata)
            advance(part.scores.num_rows + part.quarantine.num_rows)
        if interrupted():
            raise KeyboardInterrupt
    _remove_others(rundir, {name for pair in pairs for name in pair[:2]})
    found = Scored(rundir, tuple(pair.scores for pair in pairs), tuple(pair.quarantine for pair in pairs), schema)
    if found.rows + found.quarantined != catalog.rows:
        raise RuntimeError(f"{catalog.rows} rows in, {found.rows} scored, {found.quarantined} in quarantine")
    return found


def _kept(rundir: RunDir, pair: _Pair, schema: pa.Schema, rows: int) -> bool:
    """Whether both files are there, undamaged, and what would be written now."""
    if not all(rundir.holds(name) for name in pair[:2]):
        return False
    if (rundir.rows(pair.scores) or 0) + (rundir.rows(pair.quarantine) or 0) != rows:
        return False
    for name, expected in ((pair.scores, schema), (pair.quarantine, QUARANTINE)):
        found = pq.read_schema(rundir.path / name)
        said = {key: (found.metadata or {}).get(key.encode(), b"").decode(errors="replace") for key in pair.metadata}
        if said != pair.metadata or not found.equals(expected):
            return False
    return True


def _remove_others(rundir: RunDir, names: set[str]) -> None:
    """Remove what an earlier run with other partitions left."""
    for folder in ("scores/", "quarantine/"):
        for name in set(rundir.names(folder)) - names:
            rundir.remove(name)
