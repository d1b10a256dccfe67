"""Look at a target before a run: what its table holds, and what it shares with sources and catalogue."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kakehashi.catalogs.candidates.catalog import REFUSED, Catalog
from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.properties import embedded
from kakehashi.catalogs.properties.refused import refused_lines
from kakehashi.catalogs.properties.tables import Cells, read_cells, split_spec
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import PropertyTable

# Orders of magnitude from which the logarithm is the better scale.
DECADES = 2.0
# Largest catalogue whose rows are compared with the target's.
COMPARED_ROWS = 1_000_000
_ROWS = 65_536


class Conflict(NamedTuple):
    """Rows of one material with different values; rows count from 1."""

    material: str
    rows: tuple[int, ...]
    values: tuple[float, ...]


class Overlap(NamedTuple):
    """Materials of the target that another table of `rows` rows holds; `shared` None where it was not compared."""

    name: str
    rows: int
    shared: int | None


class Inspection(NamedTuple):
    """What a target's table holds.

    materials : after merging; merged : rows that another row of the same material took in
    conflicts : merged rows with different values, of a file
    refused : reasons with their rows, a sentence each
    low, high : smallest and largest value, in `unit`
    decades : orders of magnitude between them, NaN unless all values are positive
    lone : elements of one material only, each with that material
    cost : estimate of a run with these tables (`kakehashi.screen.screening.estimate`), {} without one
    """

    name: str
    quantity: str
    unit: str
    log: bool
    smiles: bool
    rows: int
    missing: int
    materials: int
    merged: int
    conflicts: tuple[Conflict, ...]
    refused: tuple[str, ...]
    refused_rows: int
    low: float
    high: float
    decades: float
    lone: tuple[tuple[str, str], ...]
    sources: tuple[Overlap, ...]
    catalog: Overlap | None
    cost: dict[str, Any]
    notes: tuple[str, ...]


def inspect(
    target: PropertyTable,
    sources: Sequence[PropertyTable] = (),
    catalog: Catalog | None = None,
    conflicts: Sequence[Conflict] = (),
    cost: dict[str, Any] | None = None,
) -> Inspection:
    """Describe a target, and what sources and catalogue share with it."""
    keys = set(target.keys)
    low, high = float(target.values.min()), float(target.values.max())
    merged = target.rows - target.missing - len(target.rejected) - len(target)
    return Inspection(
        name=target.name,
        quantity=target.quantity,
        unit=target.unit,
        log=target.log,
        smiles=target.molecules is not None,
        rows=target.rows,
        missing=target.missing,
        materials=len(target),
        merged=0 if target.crystals is not None else merged,
        conflicts=tuple(conflicts),
        refused=tuple(refused_lines(target)),
        refused_rows=len(target.rejected),
        low=low,
        high=high,
        decades=math.log10(high / low) if low > 0 else math.nan,
        lone=lone_elements(target),
        sources=tuple(Overlap(table.name, len(table), len(keys & set(table.keys))) for table in sources),
        catalog=None if catalog is None else _overlap(catalog, keys),
        cost=cost or {},
        notes=(*target.warnings, *target.notes),
    )


def as_values(found: Inspection) -> dict[str, Any]:
    """Write an inspection as JSON values; a missing number is null."""
    return {
        **found._asdict(),
        "decades": found.decades if math.isfinite(found.decades) else None,
        "conflicts": [conflict._asdict() for conflict in found.conflicts],
        "lone": [{"element": element, "material": material} for element, material in found.lone],
        "sources": [source._asdict() for source in found.sources],
        "catalog": None if found.catalog is None else found.catalog._asdict(),
    }


def lone_elements(target: PropertyTable) -> tuple[tuple[str, str], ...]:
    """Elements that only one material has, each with the material."""
    slots = target.compositions.elements
    found = []
    for element in np.unique(slots[slots >= 0]).tolist():
        holders = {target.keys[row] for row in np.flatnonzero((slots == element).any(axis=1)).tolist()}
        if len(holders) == 1:
            found.append((SYMBOLS[element], holders.pop()))
    return tuple(found)


def find_conflicts(spec: str | OpenTable, value: str | None = None, material: Any = None) -> tuple[Conflict, ...]:
    """Rows of a file with one formula or SMILES and different values; none of embedded tables."""
    if isinstance(spec, OpenTable):
        cells = read_cells(spec, value, False, material, None)
    elif spec in embedded.known():
        return ()
    else:
        path, column = split_spec(spec)
        cells = read_cells(path, column or value, False, material, None)
    groups: dict[str, list[int]] = {}
    for row, (key, number) in enumerate(zip(_keys(cells), cells.values.tolist(), strict=True)):
        if key and math.isfinite(number):
            groups.setdefault(key, []).append(row)
    return tuple(
        Conflict(key, tuple(row + 1 for row in rows), tuple(cells.values[rows].tolist()))
        for key, rows in groups.items()
        if len(set(cells.values[rows].tolist())) > 1
    )


def _keys(cells: Cells) -> Sequence[str]:
    """Keys of materials, "" where one cannot be read."""
    if not cells.smiles:
        return list(map(str, reduced_keys(parse_column(cells.materials).compositions)))
    from kakehashi.catalogs.molecules.polymers import parse_column as parse_smiles

    return parse_smiles(cells.materials, (0, 2), guarded=True).molecules.keys


def _overlap(catalog: Catalog, keys: set[str]) -> Overlap:
    """Count the target's compositions in a catalogue of rows."""
    if catalog.space is not None or catalog.smiles or REFUSED in catalog.schema.names or catalog.rows > COMPARED_ROWS:
        return Overlap(catalog.name, catalog.rows, None)
    found: set[str] = set()
    for batch in catalog.batches(_ROWS):
        found.update(keys.intersection(reduced_keys(parse_column(batch["formula"]).compositions)))
    return Overlap(catalog.name, catalog.rows, len(found))
