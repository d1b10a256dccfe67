"""Targets and sources as Python callers give them: tables, names or FILE:COLUMN."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from kakehashi.catalogs.properties.refused import MAX_REJECTED
from kakehashi.catalogs.properties.stated_units import Units, check_named
from kakehashi.catalogs.properties.tables import load_table, read_from
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.runs.refused import warnings_of


def load_target(
    given: str | PropertyTable, unit: Units = None, max_rejected: float = MAX_REJECTED, *, stacklevel: int = 3
) -> PropertyTable:
    """Return a target, loaded where it is given by name, with a Python warning of rows that are refused."""
    if not isinstance(given, str):
        return given
    table = load_table(given, units=unit, max_rejected=max_rejected)
    warn_of([given], [table], stacklevel=stacklevel + 1)
    return table


def load_sources(
    given: Sequence[str | PropertyTable],
    unit: Units = None,
    *,
    attachments: tuple[int, ...] = (0, 2),
    stacklevel: int = 3,
) -> list[PropertyTable]:
    """Return sources, loaded where they are given by name, with a Python warning of rows that are refused."""
    tables = [
        load_table(one, minimum=1, attachments=attachments, units=unit) if isinstance(one, str) else one
        for one in given
    ]
    warn_of(given, tables, stacklevel=stacklevel + 1)
    return tables


def check_units(unit: Units, given: Sequence[str | PropertyTable], tables: Sequence[PropertyTable]) -> None:
    """Refuse units of columns that none of the tables loaded by name is read from."""
    check_named(unit, [column for one, table in zip(given, tables, strict=True) for column in _columns(one, table)])


def warn_of(given: Sequence[str | PropertyTable], tables: Sequence[PropertyTable], *, stacklevel: int) -> None:
    """Warn of refused rows and doubtful values of tables that were just read from files."""
    read = [table for one, table in zip(given, tables, strict=True) if _columns(one, table)]
    for text in warnings_of(read, written=False):
        warnings.warn(text, stacklevel=stacklevel)


def _columns(given: str | PropertyTable, table: PropertyTable) -> list[tuple[str, str]]:
    return read_from([given], [table]) if isinstance(given, str) else []
