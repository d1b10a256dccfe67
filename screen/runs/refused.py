"""Report rows of targets and sources that cannot be used: warnings and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from kakehashi.catalogs.properties import registry
from kakehashi.catalogs.properties.refused import refused_lines
from kakehashi.catalogs.records import PropertyTable, Rejected
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.ranking.csv_text import csv_bytes

TRAINING = "quarantine_training"
_SCHEMA = pa.schema(
    [("table", pa.string()), ("row", pa.int64()), ("id", pa.string()), ("formula", pa.string()),
     ("reason", pa.string())]
)  # fmt: skip
# Most reasons listed for a source. Rows of the package's own are counted: the user cannot mend them.
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
    own = [table for table in sources if _of_package(table)]
    others = [table for table in sources if not _of_package(table)]
    sentences += [text for table in others for text in (*refused_lines(table, _OF_SOURCES), *table.warnings)]
    sentences += [text for table in own for text in table.warnings]
    if refused := [table for table in own if table.rejected]:
        count, names = sum(len(table.rejected) for table in refused), ", ".join(table.name for table in refused)
        sentences.append(f"{count:,} rows of the package's own tables ({names}) cannot be used")
    if written and any(table.rejected for table in (*targets, *sources)):
        sentences.append(f"all refused rows of targets and sources, with their reasons: {TRAINING}.csv")
    return sentences


def _of_package(table: PropertyTable) -> bool:
    """True for an embedded source; a file's table may have its name."""
    known = registry.sources().get(table.name)
    return known is not None and table.source.startswith(known.source)


def rejected_table(*tables: RejectingTable) -> pa.Table:
    """Rejected rows of targets, sources and pools, as one table."""
    rows = [{**rejected._asdict(), "table": table.name} for table in tables for rejected in table.rejected]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def write_rejected(rundir: RunDir, tables: Sequence[RejectingTable], metadata: Mapping[str, str]) -> None:
    """Write rejected rows as Parquet, and as CSV for people."""
    table = rejected_table(*tables)
    rundir.write_table(f"{TRAINING}.parquet", table, metadata)
    rundir.write_bytes(f"{TRAINING}.csv", csv_bytes(table))
