"""Foundation networks of a run, and known values of what they learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.properties import embedded
from kakehashi.catalogs.properties.registry import sources as embedded_sources
from kakehashi.catalogs.records import FloatArray, PropertyTable, UserError
from kakehashi.screen.descriptors.compositions import COMPOSITION
from kakehashi.screen.descriptors.materials import kind_of_table
from kakehashi.screen.foundation.folds import formula_hash
from kakehashi.screen.foundation.kept import find_foundation, shipped_foundation
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.known import KnownValues
from kakehashi.screen.foundation.record import Foundation, FoundationTask
from kakehashi.screen.foundation.transforms import standardised
from kakehashi.screen.runs.flags import NO_FOUNDATION, NO_SOURCE

# Rows of a catalogue read at a time.
ROWS = 262_144


def choose_foundation(
    name: str,
    source: Sequence[str],
    target: PropertyTable,
    convention: str | None,
    descriptors: str | None = None,
) -> Foundation | None:
    """Choose the foundation networks of a target; None for none.

    name : of some networks, "none", or "" for those of the package where they fit

    Raises
    ------
    UserError : networks asked for that do not fit, or that are not there.
    """
    if name == NO_FOUNDATION or tuple(source) == NO_SOURCE:
        return None
    fits = kind_of_table(target) is COMPOSITION
    if not name:
        foundation = shipped_foundation() if fits else None
        usual = foundation is not None and _choice(target, convention, descriptors) == foundation.convention
        return foundation if usual else None
    if not fits:
        raise UserError(f"--foundation {name}: foundation networks are for formulas, which {target.name} has not")
    foundation = find_foundation(name)
    if _choice(target, convention, descriptors) != foundation.convention:
        raise UserError(
            f"--foundation {name}: its networks see {foundation.convention} descriptors; leave --convention and"
            " --descriptors out"
        )
    return foundation


def _choice(target: PropertyTable, convention: str | None, descriptors: str | None) -> str:
    return COMPOSITION.choose(convention, descriptors, target.name)


def gather_knowledge(
    foundation: Foundation | None, sources: Sequence[PropertyTable] = (), catalog: Catalog | None = None
) -> Knowledge | None:
    """Foundation networks with the known values at hand, and how many candidates have one.

    Values are those of the embedded tables and sources that the networks learned, of the same quantity and unit, and of
    the catalogue's own columns of the same name, which says the unit; of several the median. Without a catalogue of
    rows nothing is known.

    Returns None without networks.
    """
    if foundation is None:
        return None
    if catalog is None or catalog.space is not None or catalog.smiles:
        return Knowledge(foundation)
    candidates: list[NDArray[np.uint64]] = []
    columns: dict[int, list[tuple[NDArray[np.uint64], FloatArray]]] = {}
    for hashes, found in _catalogue_values(foundation, catalog):
        candidates.append(hashes)
        for k, values in found.items():
            columns.setdefault(k, []).append((hashes, values))
    for k, table in _tables(foundation, sources):
        columns.setdefault(k, []).append((formula_hash(table.keys), np.asarray(table.values, np.float64)))
    known = _joined(foundation, columns)
    everyone = np.unique(np.concatenate(candidates)) if candidates else np.empty(0, np.uint64)
    there = np.isfinite(known.values[np.isin(known.formulas, everyone)]).sum(axis=0)
    return Knowledge(foundation, known, there / max(1, len(everyone)))


def _tables(foundation: Foundation, sources: Sequence[PropertyTable]) -> Iterator[tuple[int, PropertyTable]]:
    """Yield tables with the number of the task that they are."""
    names = embedded_sources()
    for k, task in enumerate(foundation.tasks):
        if not task.column and task.table in names:
            yield k, embedded.table(task.table)
        for source in sources:
            if source.quantity == task.quantity and source.unit == task.unit and source.molecules is None:
                yield k, source


def _catalogue_values(
    foundation: Foundation, catalog: Catalog
) -> Iterator[tuple[NDArray[np.uint64], Mapping[int, FloatArray]]]:
    """Yield hashes of a catalogue's formulas, and values by task."""
    kinds = {field.name: field.type for field in catalog.schema}
    wanted = {
        k: task.column
        for k, task in enumerate(foundation.tasks)
        if _is_column(task) and task.column in kinds and _is_number(kinds[task.column])
    }
    for rows in catalog.batches(ROWS):
        parsed = parse_column(rows["formula"])
        good = np.flatnonzero(parsed.reasons == "")
        hashes = formula_hash(reduced_keys(parsed.compositions.take(good)))
        yield hashes, {k: rows[name].to_numpy().astype(np.float64)[good] for k, name in wanted.items()}


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _is_column(task: FoundationTask) -> bool:
    return bool(task.column) and task.transform != "share"


def _joined(
    foundation: Foundation, columns: Mapping[int, Sequence[tuple[NDArray[np.uint64], FloatArray]]]
) -> KnownValues:
    """Median of every formula and task, standardised as the networks learned them."""
    parts = {k: [np.concatenate(part) for part in zip(*pairs, strict=True)] for k, pairs in columns.items()}
    formulas = np.unique(np.concatenate([hashes for hashes, _ in parts.values()])) if parts else np.empty(0, np.uint64)
    table = np.full((len(formulas), len(foundation.tasks)), np.nan, np.float32)
    for k, (hashes, values) in parts.items():
        task = foundation.tasks[k]
        usable = np.isfinite(values) & ((values > 0) | (task.transform != "ln"))
        place, medians = _medians(np.searchsorted(formulas, hashes[usable]), values[usable])
        table[place, k] = standardised(task, medians)
    some = np.isfinite(table).any(axis=1)
    return KnownValues(formulas[some], table[some])


def _medians(place: NDArray[np.int64], values: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
    """Distinct places, and the median of the values at each."""
    order = np.lexsort((values, place))
    place, values = place[order], values[order]
    distinct, start, count = np.unique(place, return_index=True, return_counts=True)
    low, high = start + (count - 1) // 2, start + count // 2
    return distinct, (values[low] + values[high]) / 2
