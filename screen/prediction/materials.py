"""Materials as callers give them: lists, columns, data frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from kakehashi.catalogs.crystals.structures import structure_columns
from kakehashi.catalogs.properties.material_columns import Material, id_column, material_column
from kakehashi.catalogs.properties.tables import labels
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.memory_tables import is_missing, open_frame
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import UserError


class Materials(NamedTuple):
    """Materials of n rows.

    texts : (n,) formulas or SMILES, None where there is no text
    reasons : (n,) why a cell is no text, "" where it is one
    ids : (n,) identifiers, None where the input has none
    structures : columns of structures, None where the input has none
    """

    texts: list[str | None]
    reasons: list[str]
    ids: list[str] | None = None
    structures: pa.Table | None = None


def is_frame(materials: Any) -> bool:
    """Tell a table in memory from a list or a column."""
    return isinstance(materials, pa.Table | pa.RecordBatch | Mapping) or (
        hasattr(materials, "columns") and hasattr(materials, "shape")
    )


def read_materials(materials: Any, material: Material = None, *, structural: bool = False) -> Materials:
    """Read the materials of a list, a column, a data frame, an Arrow table or an open one.

    material : the column of a frame, where its name does not tell

    Raises
    ------
    UserError : a single text, a frame without a column of materials, or a number of columns where one was expected.
    """
    if isinstance(materials, OpenTable):
        return _of_table(materials, material, structural)
    if is_frame(materials):
        return _of_table(open_frame(materials), material, structural)
    return _of_cells(_listed(materials))


def _listed(materials: Any) -> list[Any]:
    if isinstance(materials, str | bytes):
        raise UserError(f"expected a list of materials, got the text {materials!r}: write [{materials!r}]")
    if isinstance(materials, pa.Array | pa.ChunkedArray):
        return list(materials.to_pylist())
    if getattr(materials, "ndim", 1) != 1:
        shape = getattr(materials, "shape", "")
        if len(shape) == 2 and shape[1] == 1:
            return list(materials.ravel())
        raise UserError(f"expected one column of materials, got an array of shape {shape}")
    try:
        return list(materials)
    except TypeError:
        raise UserError(
            f"expected materials as a list, a column or a data frame, got {type(materials).__name__}"
        ) from None


def _of_cells(cells: list[Any]) -> Materials:
    texts = [str(cell) if isinstance(cell, str) else None for cell in cells]
    reasons = ["" if text is not None else _no_text(cell) for text, cell in zip(texts, cells, strict=True)]
    return Materials(texts, reasons)


def _no_text(cell: Any) -> str:
    return (
        "empty"
        if is_missing(cell)
        else f"expected a formula or SMILES as text, got {type(cell).__name__} {str(cell)[:40]!r}"
    )


def _of_table(table: OpenTable, material: Material, structural: bool) -> Materials:
    names = readers.column_names(table)
    column, id_name = material_column(names, table, material), id_column(names)
    held = structure_columns(table) if structural else ()
    columns = [column, *([id_name] if id_name else []), *held]
    data = readers.read(table, list(dict.fromkeys(columns)))
    cells = readers.as_text(data[column], table.path, column).to_pylist()
    ids = labels(data[id_name], len(data), table.path, id_name) if id_name else None
    return _of_cells(cells)._replace(ids=ids, structures=data.select(list(held)) if held else None)
