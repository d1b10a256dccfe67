"""Tables of crystal properties, and structures as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.crystals.sites import Sites
from kakehashi.catalogs.crystals.structures import Pieces, StructureReader, structure_columns, wanted
from kakehashi.catalogs.elements import INDEX
from kakehashi.catalogs.formulas.slots import formula_text, parse, parse_column, reduced_keys
from kakehashi.catalogs.properties.assemble import placeholder_note, value_reasons
from kakehashi.catalogs.properties.impossible import ask_unit
from kakehashi.catalogs.properties.material_columns import Material
from kakehashi.catalogs.properties.refused import check_rejected
from kakehashi.catalogs.properties.stated_units import Units
from kakehashi.catalogs.properties.tables import Cells, quantity_of, read_cells, split_spec
from kakehashi.catalogs.quantities import Quantity
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import Crystals, FloatArray, PropertyTable, Rejected, UserError


class ParsedCrystals(NamedTuple):
    """Parsed structures of n rows.

    crystals : of the rows that were read, in their order
    reasons : (n,) reason for refusal, "" of the rows that were read
    """

    crystals: Crystals
    reasons: NDArray[np.object_]


class _Cell(NamedTuple):
    lattice: FloatArray
    elements: list[int]
    positions: FloatArray
    formula: str


def parse_rows(
    rows: Sequence[Mapping[str, Any]],
    formulas: Sequence[str | None] | None = None,
    reader: StructureReader | None = None,
) -> ParsedCrystals:
    """Parse the structure columns of rows.

    Parameters
    ----------
    formulas : (n,) formulas that the structures must have; any if None
    reader : an open one, for callers with many rows to come
    """
    if reader is None:
        with StructureReader() as new:
            return parse_rows(rows, formulas, new)
    cells: list[_Cell] = []
    reasons = np.full(len(rows), "", dtype=object)
    for i, (sites, reason) in enumerate(reader.read(rows)):
        cell, reasons[i] = (None, reason) if sites is None else _cell(sites)
        if cell is not None:
            cells.append(cell)
    good = np.flatnonzero(reasons == "")
    parsed = parse_column([cell.formula for cell in cells])
    reasons[good] = parsed.reasons
    if formulas is not None:
        stated = parse_column([formulas[int(i)] for i in good])
        reasons[good] = np.where(stated.reasons != "", stated.reasons, reasons[good])
        both = np.flatnonzero(reasons[good] == "")
        pairs = zip(both, *(reduced_keys(p.compositions.take(both)) for p in (parsed, stated)), strict=True)
        for j, actual, expected in pairs:
            if actual != expected:
                reasons[good[j]] = f"its structure is of {actual}, not of {expected}"
    usable = np.flatnonzero(reasons[good] == "")
    chosen = [cells[j] for j in usable]
    sizes = [len(cell.elements) for cell in chosen]
    crystals = Crystals(
        parsed.compositions.take(usable),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.array([cell.lattice for cell in chosen]).reshape(-1, 3, 3),
        np.array([element for cell in chosen for element in cell.elements], np.int16),
        np.concatenate([cell.positions for cell in chosen]) if chosen else np.empty((0, 3)),
    )
    return ParsedCrystals(crystals, reasons)


def _cell(sites: Sites) -> tuple[_Cell | None, str]:
    """Check the sites of a structure.

    Returns its cell and "", or None and the reason for refusal.
    """
    if any(len(species) != 1 or species[0][2] != 1 for species in sites.species):
        return None, "sites are partially occupied: a crystal graph needs an ordered structure"
    symbols = [species[0][0] for species in sites.species]
    for symbol in dict.fromkeys(symbols):
        try:
            parse(symbol)
        except ValueError as error:
            return None, str(error)
    lattice, positions = np.reshape(sites.lattice, (3, 3)), np.reshape(sites.positions, (-1, 3))
    if not symbols or not (np.isfinite(lattice).all() and np.isfinite(positions).all()):
        return None, "no sites, or a coordinate that is no number"
    if not abs(np.linalg.det(lattice)) > len(symbols):
        return None, f"a cell of {abs(np.linalg.det(lattice)):.3g} Å³ cannot hold {len(symbols)} atoms"
    counted = "".join(f"{symbol}{count}" for symbol, count in Counter(symbols).items())
    return _Cell(lattice, [INDEX[symbol] for symbol in symbols], positions, counted), ""


def load_crystals(
    spec: str | OpenTable,
    *,
    value: str | None = None,
    log: bool = False,
    material: Material = None,
    folds: str | None = None,
    structures: Pieces | None = None,
    minimum: int = 10,
    units: Units = None,
    max_rejected: float | None = None,
) -> PropertyTable:
    """Load a property of crystal structures, one row each.

    Polymorphs share their reduced formula as key.

    Parameters
    ----------
    spec : `FILE:COLUMN`, or a table that is open
    structures : chunks of structures by id, for a file without structure columns
    minimum : fewest usable rows
    units, max_rejected : as for `catalogs.properties.tables.load_table`

    Raises
    ------
    UserError : an unusable file, no structures for it, or too few usable rows.
    """
    path, column = (spec.path, None) if isinstance(spec, OpenTable) else split_spec(spec)
    if isinstance(spec, str) and not path.exists():
        raise UserError(f"'{spec}' is no table file: structures do not come with embedded data sets")
    if column is not None and value is not None and column != value:
        raise UserError(f"two value columns for {path}: '{column}' in '{spec}' and '{value}'; give one")
    readable = spec if isinstance(spec, OpenTable) else path
    cells = read_cells(readable, value if column is None else column, log, material, folds)
    if len(infinite := np.flatnonzero(np.isinf(cells.values))):
        raise UserError(f"{path}: row {infinite[0] + 1}: the value is infinite; correct it or leave it empty")
    present = np.flatnonzero(~np.isnan(cells.values))
    parsed = parse_rows(_rows(cells, present, structures), [cells.materials[i] for i in present])
    quantity = quantity_of(cells, units)
    ask_unit(str(path), cells.name, quantity, cells.materials, cells.values, "")
    reasons = value_reasons(parsed.reasons, cells.values[present], quantity, cells.name, cells.log)
    crystals = parsed.crystals.take(np.flatnonzero(reasons[parsed.reasons == ""] == ""))
    return check_rejected(_table(cells, quantity, present, crystals, reasons, minimum), max_rejected, str(path))


def _rows(cells: Cells, present: NDArray[np.int64], structures: Pieces | None) -> list[dict[str, Any]]:
    """Read the structures of the rows with a value.

    They come from the file itself, or by id.
    """
    if columns := structure_columns(cells.table):
        rows: list[dict[str, Any]] = readers.read(cells.table, columns).take(present).to_pylist()
        return rows
    if structures is None:
        raise UserError(
            f"{cells.path} holds no structures (lattice, species and frac_coords, or structure, cif or poscar as text):"
            " give them by id with --structures PATH"
        )
    by_id = by_ids(structures(), {cells.ids[i] for i in present})
    return [by_id.get(cells.ids[i], {"structure": ""}) for i in present]


def by_ids(pieces: Iterator[Any], ids: set[str]) -> dict[str, dict[str, Any]]:
    """Collect the first structure of each id, by id."""
    structures: dict[str, dict[str, Any]] = {}
    for row in wanted(pieces, ids):
        structures.setdefault(str(row["id"]), row)
    return structures


def _table(
    cells: Cells,
    quantity: Quantity,
    present: NDArray[np.int64],
    crystals: Crystals,
    reasons: NDArray[np.object_],
    minimum: int,
) -> PropertyTable:
    rows = present[reasons == ""]
    values = cells.values[rows]
    rejected = tuple(
        Rejected(
            cells.name, int(row) + 1, cells.ids[row], cells.materials[row] or "", str(reason), float(cells.values[row])
        )
        for row, reason in zip(present, reasons, strict=True)
        if reason
    )
    if len(rows) < minimum:
        first = f", first reason: {rejected[0].reason}" if rejected else ""
        raise UserError(
            f"{cells.path}: {len(rows)} usable structures of {len(cells.values)} rows"
            f" ({len(rejected)} rejected{first}); at least {minimum} are needed"
        )
    if not np.ptp(values) > 0:
        raise UserError(f"{cells.path}: all {len(values)} values equal {values[0]:g}; there is nothing to learn")
    keys = reduced_keys(crystals.compositions)
    folds = None if cells.folds is None else cells.folds[rows]
    if folds is not None:
        _check_folds(cells.path, keys, folds)
    several = sum(count > 1 for count in Counter(keys).values())
    return PropertyTable(
        name=cells.name,
        quantity=quantity.name or cells.name,
        unit=quantity.unit,
        ids=tuple(cells.ids[i] for i in rows),
        materials=tuple(formula_text(crystals.compositions)),
        keys=tuple(keys),
        compositions=crystals.compositions,
        values=values,
        log=cells.log,
        folds=folds,
        source=str(cells.path),
        sha256=readers.sha256(cells.table),
        rows=len(cells.values),
        missing=len(cells.values) - len(present),
        rejected=rejected,
        row_numbers=np.asarray(rows + 1, np.int64),
        warnings=(*cells.warnings, *placeholder_note(cells.name, rows, cells.materials, cells.values)),
        notes=(*cells.notes, f"{len(rows):,} structures; {several:,} formulas have several"),
        crystals=crystals,
    )


def _check_folds(path: Path, keys: Sequence[str], folds: NDArray[np.int64]) -> None:
    first: dict[str, int] = {}
    for key, fold in zip(keys, folds.tolist(), strict=True):
        if first.setdefault(key, fold) != fold:
            raise UserError(
                f"{path}: {key} is in folds {first[key]} and {fold}; all structures of one formula must share a fold"
            )
