"""Report rows of targets and sources that cannot be used: warnings and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from kakehashi.catalogs.properties.refused import refused_lines
from kakehashi.catalogs.records import PropertyTable, Rejected
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.ranking.csv_text import csv_bytes

TRAINING = "quarantine_training"
_SCHEMA = pa.schema(
    [("table", pa.string()), ("row", pa.int64()), ("id", pa.string()), ("formula", pa.string()),
     ("reason", pa.string())]
)  # fmt: skip
# Most reasons listed for a source: some of the package's own rows cannot be mended by the user.
_OF_SOURCES = 2


class RejectingTable(Protocol):
    """Table with rejected rows, or a pool of monomers."""

    @property
    def name(self) -> str:
        """Name of the table."""
        ...

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """Rejected rows with reasons."""
        ...


def warnings_of(
    targets: Sequence[PropertyTable], sources: Sequence[PropertyTable] = (), *, written: bool = True
) -> list[str]:
    """Warnings on rejected rows and doubtful values, targets before sources.

    written : True if a file of the rejected rows will be written
    """
    sentences = [text for table in targets for text in (*refused_lines(table), *table.warnings)]
    sentences += [text for table in sources for text in (*refused_lines(table, _OF_SOURCES), *table.warnings)]
    if written and any(table.rejected for table in (*targets, *sources)):
        sentences.append(f"all refused rows of targets and sources, with their reasons: {TRAINING}.csv")
    return sentences


def rejected_table(*tables: RejectingTable) -> pa.Table:
    """Rejected rows of targets, sources and pools, as one table."""
    rows = [{**rejected._asdict(), "table": table.name} for table in tables for rejected in table.rejected]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def write_rejected(rundir: RunDir, tables: Sequence[RejectingTable], metadata: Mapping[str, str]) -> None:
    """Write rejected rows as Parquet, and as CSV for people."""
    table = rejected_table(*tables)
    rundir.write_table(f"{TRAINING}.parquet", table, metadata)
    rundir.write_bytes(f"{TRAINING}.csv", csv_bytes(table))
