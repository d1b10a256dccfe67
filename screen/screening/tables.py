"""Load targets and sources for Python callers: tables, names or FILE:COLUMN."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kakehashi.catalogs.properties.stated_units import Units, check_named
from kakehashi.catalogs.properties.tables import load_table, read_from
from kakehashi.catalogs.reading.memory_tables import open_frame
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.runs.flags import MAX_REJECTED
from kakehashi.screen.runs.refused import warnings_of

Entry = str | OpenTable | PropertyTable
"""A table as a caller gives it."""


def as_entry(given: Any) -> Entry:
    """Path as text, frame as an open table; a name and a property table stay what they are.

    Raises
    ------
    UserError : neither of them.
    """
    if isinstance(given, PropertyTable | OpenTable):
        return given
    return os.fspath(given) if isinstance(given, str | Path) else open_frame(given)


def specs_of(entries: Sequence[Entry]) -> list[str]:
    """Names that tell entries of one property apart."""
    frames = sum(isinstance(entry, OpenTable) for entry in entries)
    return [
        str(entry) if isinstance(entry, str) or (isinstance(entry, OpenTable) and frames == 1)
        else f"{entry.name if isinstance(entry, PropertyTable) else entry} ({i})"
        for i, entry in enumerate(entries, start=1)
    ]  # fmt: skip


def load_target(
    target: Entry, unit: Units = None, max_rejected: float = MAX_REJECTED, *, stacklevel: int = 3
) -> PropertyTable:
    """Target, loaded unless it is a property table.

    Warns of rejected rows.
    """
    if isinstance(target, PropertyTable):
        return target
    table = load_table(target, units=unit, max_rejected=max_rejected)
    warn_of([target], [table], stacklevel=stacklevel + 1)
    return table


def load_sources(
    sources: Sequence[Entry],
    unit: Units = None,
    *,
    attachments: tuple[int, ...] = (0, 2),
    stacklevel: int = 3,
) -> list[PropertyTable]:
    """Sources, loaded unless they are property tables.

    Warns of rejected rows.
    """
    tables = [
        source
        if isinstance(source, PropertyTable)
        else load_table(source, minimum=1, attachments=attachments, units=unit)
        for source in sources
    ]
    warn_of(sources, tables, stacklevel=stacklevel + 1)
    return tables


def check_units(unit: Units, inputs: Sequence[Entry], tables: Sequence[PropertyTable]) -> None:
    """Refuse units of columns that no loaded table is read from."""
    check_named(
        unit, [column for entry, table in zip(inputs, tables, strict=True) for column in _columns(entry, table)]
    )


def warn_of(inputs: Sequence[Entry], tables: Sequence[PropertyTable], *, stacklevel: int) -> None:
    """Warn of rejected rows and doubtful values.

    Only of tables just read.
    """
    read = [table for entry, table in zip(inputs, tables, strict=True) if _columns(entry, table)]
    for text in warnings_of(read, written=False):
        warnings.warn(text, stacklevel=stacklevel)


def _columns(entry: Entry, table: PropertyTable) -> list[tuple[str, str]]:
    if isinstance(entry, OpenTable):
        return [(str(entry), table.name)]
    return list(read_from([entry], [table])) if isinstance(entry, str) else []
