"""Columns of values in a folder of tables, one property table each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.properties import embedded
from kakehashi.catalogs.properties.column_units import infer
from kakehashi.catalogs.properties.material_columns import (
    file_holds_smiles,
    id_column,
    is_no_value,
    material_column,
)
from kakehashi.catalogs.properties.tables import Cells, load_table, read_cells
from kakehashi.catalogs.quantities import unit_or_none
from kakehashi.catalogs.reading import column_types, number_columns, readers
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import Compositions, PropertyTable, Rejected, UserError
from kakehashi.screen.foundation.training.crystal_systems import SYSTEMS, is_space_group, system_of, system_shares
from kakehashi.screen.foundation.training.recipe import FoundationRecipe, RecipeColumn, RecipeTable

# Formulas with a value that a property needs to be learned.
MINIMUM = 300


class FoundationColumn(NamedTuple):
    """Values of one property, the median of each reduced formula.

    table, column : file name and column, or name of an embedded table and ""
    share : whether values are shares of a crystal system
    """

    table: str
    column: str
    values: PropertyTable
    share: bool = False


class LeftOut(NamedTuple):
    """A column that is not learned, and why."""

    table: str
    reason: str


def every_table(folder: Path) -> FoundationRecipe:
    """Recipe of all tables of a folder.

    Raises
    ------
    UserError : no folder, or no table in it.
    """
    if not folder.is_dir():
        raise UserError(f"--foundation: expected a folder of tables, got {folder}")
    files = tuple(RecipeTable(path.name) for path in sorted(folder.iterdir()) if readers.suffix_of(path))
    if not files:
        raise UserError(f"--foundation: {folder} holds no table ({', '.join(readers.SUFFIXES)})")
    return FoundationRecipe(folder.resolve().name, files)


def read_columns(
    folder: Path, recipe: FoundationRecipe, *, strict: bool, minimum: int = MINIMUM
) -> Iterator[FoundationColumn | LeftOut]:
    """Read every column of a recipe, those that cannot be learned with their reasons.

    strict : what the recipe names must be there and be learnable

    Raises
    ------
    UserError : a table or column of a strict recipe that cannot be read or learned.
    """
    for table in recipe.tables:
        try:
            yield from _columns_of_file(folder / table.file, table, strict, minimum)
        except UserError as error:
            if strict:
                raise
            yield LeftOut(table.file, str(error))
    for name in recipe.embedded:
        yield FoundationColumn(name, "", replace(embedded.table(name), log=False))


def _columns_of_file(
    path: Path, recipe: RecipeTable, strict: bool, minimum: int
) -> Iterator[FoundationColumn | LeftOut]:
    table = readers.open_table(path)
    names = readers.column_names(table)
    material = material_column(names, table, recipe.material or None)
    if file_holds_smiles(table, material):
        raise UserError(f"{path}: column {material!r} holds SMILES; foundation networks learn from formulas")
    for name in (*recipe.exclude, *([recipe.crystal_system] if recipe.crystal_system else [])):
        readers.require(name, names, path)
    found, integers = recipe.columns, set[str]()
    if found is None:
        free = [name for name in names if name not in (material, id_column(names), *recipe.exclude)]
        numeric = _numeric(table, [name for name in free if not is_no_value(name)])
        integers = {name for name, kind in numeric.items() if pa.types.is_integer(kind)}
        found = tuple(RecipeColumn(name) for name in numeric if not is_space_group(name))
        groups = recipe.crystal_system or next((name for name in numeric if is_space_group(name)), "")
    else:
        groups = recipe.crystal_system
    if not found and not groups:
        raise UserError(f"{path}: no column of values to learn (columns: {', '.join(names)})")
    for column in found:
        try:
            values = _values(path, column, recipe, material, minimum)
        except UserError as error:
            if strict and recipe.columns is not None:
                raise
            yield LeftOut(recipe.file, f"column {column.name!r}: {error}")
            continue
        # Medians of whole numbers may be halves.
        whole = column.name in integers or _whole(values)
        if recipe.columns is None and whole and not values.unit and not infer(column.name).unit:
            yield LeftOut(recipe.file, f"column {column.name!r}: whole numbers without a unit in its name")
        else:
            yield FoundationColumn(recipe.file, column.name, values)
    if groups:
        yield from _crystal_systems(path, groups, recipe, material, minimum)


def _numeric(table: OpenTable, names: list[str]) -> dict[str, pa.DataType]:
    """Columns of numbers and their types."""
    kinds = column_types.profile(table, names, readers.decimal_mark(table))[1]
    return {name: kinds[name] for name in names if number_columns.is_number(kinds[name])}


def _whole(table: PropertyTable) -> bool:
    return bool((table.values == np.round(table.values)).all())


def _values(path: Path, column: RecipeColumn, recipe: RecipeTable, material: str, minimum: int) -> PropertyTable:
    """Property table of a column, named `table:column`."""
    readers.require(column.name, readers.column_names(path), path)
    units = column.unit if column.unit and unit_or_none(column.unit) is not None else None
    table = load_table(str(path), value=column.name, material=material, minimum=minimum, units=units)
    return replace(
        table,
        name=f"{_stem(recipe.file)}:{column.name}",
        quantity=column.quantity or table.quantity,
        unit=column.unit or table.unit,
        source=recipe.source or recipe.file,
        licence=recipe.licence or table.licence,
    )


def _crystal_systems(
    path: Path, groups: str, recipe: RecipeTable, material: str, minimum: int
) -> Iterator[FoundationColumn | LeftOut]:
    """Seven shares of crystal systems; those that never vary are left out."""
    cells = read_cells(path, groups, False, material, None)
    read = parse_column(cells.materials)
    there = np.isfinite(cells.values)
    systems = system_of(np.where(there, cells.values, 1.0))
    wrong = np.where(systems < 0, "expected a space group number from 1 to 230", "")
    reasons = np.where(read.reasons != "", read.reasons, wrong)
    rejected = tuple(
        Rejected(recipe.file, int(i) + 1, cells.ids[i], cells.materials[i] or "", str(reasons[i]), cells.values[i])
        for i in np.flatnonzero(there & (reasons != ""))
    )
    rows = np.flatnonzero(there & (reasons == ""))
    texts = reduced_keys(read.compositions.take(rows))
    if not texts:
        yield LeftOut(recipe.file, f"column {groups!r}: no formula with a space group")
        return
    keys, shares = system_shares(texts, systems[rows])
    if len(keys) < minimum:
        yield LeftOut(recipe.file, f"column {groups!r}: {len(keys)} formulas; at least {minimum} are needed")
        return
    first = {key: row for row, key in zip(rows[::-1].tolist(), texts[::-1], strict=True)}
    whole = _share_table(cells, recipe, rejected, np.array([first[key] for key in keys]), keys, read.compositions)
    for number, system in enumerate(SYSTEMS):
        if not np.ptp(shares[:, number]) > 0:
            yield LeftOut(recipe.file, f"column {groups!r}: no formula differs in its share of {system} entries")
            continue
        name = f"{_stem(recipe.file)}:{system}"
        table = replace(whole, name=name, quantity=f"{system}_share", values=shares[:, number].copy())
        yield FoundationColumn(recipe.file, groups, table, share=True)


def _share_table(
    cells: Cells,
    recipe: RecipeTable,
    rejected: tuple[Rejected, ...],
    rows: NDArray[np.int64],
    keys: tuple[str, ...],
    compositions: Compositions,
) -> PropertyTable:
    """Property table of the formulas in some rows, without values."""
    return PropertyTable(
        name="", quantity="", unit="",
        ids=tuple(cells.ids[i] for i in rows), materials=tuple(cells.materials[i] or "" for i in rows), keys=keys,
        compositions=compositions.take(rows), values=np.zeros(len(keys)), source=recipe.source or recipe.file,
        licence=recipe.licence, rows=len(cells.values), missing=int(np.isnan(cells.values).sum()), rejected=rejected,
    )  # fmt: skip


def _stem(file: str) -> str:
    return Path(file).name.removesuffix(readers.suffix_of(Path(file)))
