"""What runs say and write of rows of targets and sources that could not be used."""

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
# Reasons named of a source: what comes with the package has some that nobody can mend.
_OF_SOURCES = 2


class RejectingTable(Protocol):
    """Whatever sets rows aside: a property table, a pool of monomers."""

    @property
    def name(self) -> str:
        """What the rows are called by."""
        ...

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The rows, with their reasons."""
        ...


def warnings_of(
    targets: Sequence[PropertyTable], sources: Sequence[PropertyTable] = (), *, written: bool = True
) -> list[str]:
    """Sentences on rows of targets and sources that are refused, and on values that look wrong, targets first.

    written : whether there will be a file of the refused rows to point at
    """
    said = [text for table in targets for text in (*refused_lines(table), *table.warnings)]
    said += [text for table in sources for text in (*refused_lines(table, _OF_SOURCES), *table.warnings)]
    if written and any(table.rejected for table in (*targets, *sources)):
        said.append(f"all refused rows of targets and sources, with their reasons: {TRAINING}.csv")
    return said


def rejected_table(*tables: RejectingTable) -> pa.Table:
    """Rows of targets, sources and pools that could not be used."""
    rows = [{**rejected._asdict(), "table": table.name} for table in tables for rejected in table.rejected]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def write_rejected(rundir: RunDir, tables: Sequence[RejectingTable], metadata: Mapping[str, str]) -> None:
    """Write these rows as Parquet, and as CSV for people."""
    table = rejected_table(*tables)
    rundir.write_table(f"{TRAINING}.parquet", table, metadata)
    rundir.write_bytes(f"{TRAINING}.csv", csv_bytes(table))
