"""Data sets that work offline, by name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cache

import pyarrow as pa

from kakehashi.catalogs import providers
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties import registry, typed_tables
from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.properties.source_table import UNIT_UNSTATED, SourceTable
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import PropertyTable, UserError


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Facts about a data set.

    kind : "source", "target", "candidates" or "pulled"
    log : whether ln(value) is fitted
    use : what it is good for, "" where that depends on its columns
    """

    name: str
    kind: str
    quantity: str
    unit: str
    rows: int
    source: str
    licence: str
    description: str
    citation: str = ""
    log: bool = False
    use: str = ""


def known() -> tuple[str, ...]:
    """Return the names of the embedded data sets.

    None of them is read.

    >>> "ltc" in known(), "density" in known(), "default" in known()
    (True, True, True)

    """
    return (*typed_tables.names(), *registry.sources(), *registry.candidate_lists())


def names() -> list[DatasetInfo]:
    """Return facts about every embedded data set.

    All are read, to count rows.
    """
    return [info(name) for name in known()]


def _use(name: str, entry: SourceTable) -> str:
    """Say what a property table is good for."""
    if entry.kind == "target":
        return f"try a command on it: --target {name}"
    of = "formulas" if entry.attachments is None else "SMILES"
    return f"pre-train for a target of {of}: --source {name}"


def info(name: str) -> DatasetInfo:
    """Return facts about one embedded data set.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if (listed := registry.candidate_lists().get(name)) is not None:
        source, licence, description, citation, load = listed
        return DatasetInfo(
            name, "candidates", "", "", load().num_rows, source, licence, description, citation,
            use=f"candidates to rank: screen --catalog {name}",
        )  # fmt: skip
    entry, data = _entry(name), table(name)
    return DatasetInfo(
        name,
        entry.kind,
        entry.quantity,
        entry.unit or ("" if entry.kind == "target" else UNIT_UNSTATED),
        len(data),
        entry.source,
        entry.licence,
        entry.description,
        entry.citation,
        entry.log,
        use=_use(name, entry),
    )


@cache
def table(name: str, log: bool = False) -> PropertyTable:
    """Return an embedded property table.

    log : fit ln(value) even where the data set does not by itself

    Raises
    ------
    UserError
        If there is no such property, or the package that carries it is missing.

    Examples
    --------
    >>> conductivity = table("ltc")
    >>> conductivity.unit, len(conductivity) == len(conductivity.values)
    ('W/(m K)', True)
    """
    if name in registry.candidate_lists():
        raise UserError(f"'{name}' is a list of candidates, not a property; use it with --catalog")
    entry = _entry(name)
    rows = entry.load()
    notes = (*rows.notes, UNIT_UNSTATED) if not entry.unit else rows.notes
    merged = assemble(
        name,
        rows.formulas,
        rows.values,
        ids=rows.ids,
        log=log or entry.log,
        quantity=entry.quantity,
        unit=entry.unit,
        source=f"{entry.source}; {entry.citation}",
        licence=entry.licence,
        sha256=rows.sha256,
        notes=notes,
        attachments=entry.attachments,
    )
    # Upstream formulas are in Hill order (FLi); people know them as reduced formulas (LiF).
    merged.values.setflags(write=False)  # shared by every caller
    return replace(merged, materials=merged.keys)


def candidates(name: str) -> pa.Table:
    """Return a list of candidates, `id` and `formula` first.

    Raises
    ------
    UserError
        If there is no such list.
    """
    lists = registry.candidate_lists()
    if name not in lists:
        what = "a property, not a list of candidates" if name in known() else "not an embedded data set"
        raise UserError(f"'{name}' is {what}; candidates: {', '.join(lists)}")
    return lists[name].load()


def _entry(name: str) -> SourceTable:
    if (entry := registry.sources().get(name)) is not None:
        return entry
    if name in typed_tables.names():
        return typed_tables.target(name)
    raise UserError(unknown_name(name, known()))


def unknown_name(name: str, known: tuple[str, ...]) -> str:
    """Explain an unknown name, with the nearest known one."""
    if (stem := name.partition(":")[0]) in providers.pullable():
        return f"'{stem}' has not been pulled: {providers.advice(stem)}"
    if (file := path_of(name.rpartition(":")[0])).is_file() and not readers.suffix_of(file):
        return readers.unknown_suffix(file)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "; see `kakehashi catalogs list`"
    return f"'{name}' is neither an embedded data set nor a table file ({', '.join(readers.SUFFIXES)}){hint}"
