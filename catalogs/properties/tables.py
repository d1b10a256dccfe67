"""Load property tables from embedded names and table files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.files.paths import as_text, local
from kakehashi.catalogs.properties.assemble import Integers, assemble
from kakehashi.catalogs.properties.column_units import infer
from kakehashi.catalogs.properties.material_columns import (
    Material,
    given_columns,
    holds_smiles,
    id_column,
    is_no_value,
    material_column,
)
from kakehashi.catalogs.properties.refused import check_rejected
from kakehashi.catalogs.properties.stated_units import Units, stated_unit, unit_of_cell, with_unit
from kakehashi.catalogs.quantities import Quantity
from kakehashi.catalogs.reading import number_columns, pulled, readers
from kakehashi.catalogs.reading.open_table import OpenTable, Readable
from kakehashi.catalogs.records import FloatArray, PropertyTable, UserError


def load_table(
    spec: str | OpenTable,
    *,
    value: str | None = None,
    log: bool = False,
    material: Material = None,
    folds: str | None = None,
    minimum: int = 10,
    attachments: tuple[int, ...] = (2,),
    units: Units = None,
    max_rejected: float | None = None,
    collect: bool = False,
) -> PropertyTable:
    """Load a property table.

    spec : an embedded name, FILE, `FILE:COLUMN` or `FILE:log(COLUMN)`; FILE: a table or the name of a pulled
        catalogue; or a table that is open

    attachments : numbers of `*` a SMILES may have: 2 in a repeat unit, 0 in a molecule
    units : of columns whose names do not say them, by column or FILE:COLUMN; or of the value column
    max_rejected : share of the rows with a value that may be refused; None for any
    collect : an infinite value is a refused row, not an error

    Raises
    ------
    UserError
        For anything about the file, its columns or its values that keeps it from being used.
    """
    from kakehashi.catalogs.properties import embedded

    if isinstance(spec, OpenTable):
        table = _load_rows(spec, value, log, material, folds, minimum, attachments, units, collect)
        return check_rejected(table, max_rejected, str(spec))
    if spec in embedded.known():
        flags = [
            f"--{flag}"
            for flag, text in (("value", value), ("material", given_columns(material) or None), ("folds", folds))
            if text is not None
        ]
        if flags:
            raise UserError(f"'{spec}' is an embedded data set; {', '.join(flags)} is for files")
        return embedded.table(spec, True) if log else embedded.table(spec)
    path, column = split_spec(spec)
    if not readers.suffix_of(path) and not path.exists():
        raise UserError(embedded.unknown_name(spec, embedded.known()))
    if column is not None and value is not None and column != value:
        raise UserError(f"two value columns for {path}: '{column}' in '{spec}' and '{value}'; give one")
    column = value if column is None else column
    table = _load_rows(path, column, log, material, folds, minimum, attachments, units, collect)
    return check_rejected(table, max_rejected, str(path))


def split_spec(spec: str) -> tuple[Path, str | None]:
    """Split `FILE:COLUMN` into file and column.

    A file whose whole name is `spec` wins. `NAME:COLUMN` of a pulled catalogue gives the folder of its files, with all
    bytes checked.

    >>> file, column = split_spec("my.csv:kappa")
    >>> str(file), column
    ('my.csv', 'kappa')

    """
    name, colon, column = spec.partition(":")
    if name in pulled.names():
        if colon and not column:
            raise UserError(f"'{spec}': expected a column name after the colon")
        return pulled.folder(name), column or None
    spec = local(spec)
    if Path(spec).exists():
        return Path(spec), None
    suffixes = "|".join(re.escape(suffix) for suffix in readers.SUFFIXES)
    match = re.match(rf"(.+?(?:{suffixes})):(.*)$", spec, re.IGNORECASE | re.DOTALL)
    folder = spec.rpartition(":")[0]
    if match is None and not (folder and Path(folder).is_dir()):
        return Path(spec), None
    file, column = match.groups() if match else (folder, spec[len(folder) + 1 :])
    if not column:
        raise UserError(f"'{spec}': expected a column name after the colon")
    return Path(file), column


class Cells(NamedTuple):
    """Rows of a table as read, n of them.

    values : (n,) float64, NaN where missing

    smiles : whether the materials are SMILES; else they are formulas
    unit : the one in a row of units under the header, None where there is none
    """

    table: OpenTable
    name: str
    log: bool
    materials: list[str | None]
    values: FloatArray
    ids: list[str]
    folds: Integers | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    unit: str | None = None
    smiles: bool = False

    @property
    def path(self) -> Path:
        """Return the file or folder of the rows."""
        return self.table.path


def read_cells(readable: Readable, value: str | None, log: bool, material: Material, folds: str | None) -> Cells:
    """Read materials, values, ids and folds of a table."""
    table = readers.open_table(readable)
    path = table.path
    names = readers.column_names(table)
    formula_name, id_name = material_column(names, table, material), id_column(names)
    if folds is not None:
        readers.require(folds, names, path)
    notes = []
    columns = [name for name in (formula_name, id_name, folds) if name is not None]
    data = None
    if value is None:
        free = [name for name in names if name not in columns and not is_no_value(name)]
        if not readers.is_typed(table):
            data = readers.read(table, list(dict.fromkeys([*columns, *free])))
        value = _only_numeric(table, free, data)
        notes.append(f"value column: {value} (the only numeric column)")
    value, logarithm = _value_column(path, names, value)
    if data is None:
        data = readers.read(table, list(dict.fromkeys([*columns, value])))
    materials = readers.as_text(data[formula_name], path, formula_name).to_pylist()
    column, unit = _without_units_row(data[value], materials)
    numbers = number_columns.read_numbers(column, path, value, readers.decimal_mark(table))
    unit_note = () if unit is None else (f"{value}: row 1 holds a unit, {unit}, and no value",)
    return Cells(
        table,
        value,
        log or logarithm,
        materials,
        numbers.values,
        labels(None if id_name is None else data[id_name], len(data), path, id_name or ""),
        None if folds is None else _fold_numbers(_without_units_row(data[folds], materials)[0], path, folds),
        tuple(notes),
        (*unit_note, *numbers.remarks),
        unit,
        holds_smiles(formula_name, materials),
    )


def _without_units_row(column: pa.ChunkedArray, materials: list[str | None]) -> tuple[pa.ChunkedArray, str | None]:
    """Empty the unit in a column's first row.

    Returns the column, and the unit or None.
    """
    if not readers.is_text(column.type) or not len(column):
        return column, None
    unit = unit_of_cell(materials[0], column[0].as_py())
    if unit is None:
        return column, None
    cells = column.cast(pa.string())
    return pa.chunked_array([pa.array([""], pa.string()), *cells.slice(1).chunks]), unit


def _load_rows(
    readable: Readable,
    value: str | None,
    log: bool,
    material: Material,
    folds: str | None,
    minimum: int,
    attachments: tuple[int, ...],
    units: Units,
    collect: bool,
) -> PropertyTable:
    cells = read_cells(readable, value, log, material, folds)
    quantity = quantity_of(cells, units)
    source, licence = _source(cells.table)
    return assemble(
        cells.name,
        cells.materials,
        cells.values,
        ids=cells.ids,
        folds=cells.folds,
        log=cells.log,
        minimum=minimum,
        quantity=quantity.name,
        unit=quantity.unit,
        source=source,
        licence=licence,
        sha256=readers.sha256(cells.table),
        notes=cells.notes,
        warnings=cells.warnings,
        where=str(cells.path),
        attachments=attachments if cells.smiles else None,
        guarded=True,
        collect=collect,
    )


def read_from(specs: Sequence[str], tables: Sequence[PropertyTable]) -> Iterator[tuple[str, str]]:
    """Yield file and value column of tables from files."""
    from kakehashi.catalogs.properties import embedded

    known = embedded.known()
    for spec, table in zip(specs, tables, strict=True):
        if spec not in known:
            yield str(split_spec(spec)[0]), table.name


def quantity_of(cells: Cells, units: Units) -> Quantity:
    """Return quantity and unit of a table's values.

    The file's own metadata come first, then the column's name and the unit stated.
    """
    known = declared(cells.table, cells.name) or infer(cells.name)
    return with_unit(known, cells.name, cells.path, (cells.unit, stated_unit(units, cells.path, cells.name)))


def declared(table: OpenTable, column: str) -> Quantity | None:
    """Return the quantity in a column's metadata, else None."""
    metadata = table.schema.field(column).metadata or {}
    if b"quantity" not in metadata:
        return None
    return Quantity(metadata[b"quantity"].decode(), metadata.get(b"unit", b"").decode())


def _source(table: OpenTable) -> tuple[str, str]:
    """Return source and licence of a table.

    Those in the metadata of a pulled catalogue, else the path and "".
    """
    metadata = table.schema.metadata or {}
    source = metadata.get(b"kakehashi.source", as_text(table.path).encode())
    return source.decode(), metadata.get(b"kakehashi.licence", b"").decode()


def labels(column: pa.ChunkedArray | None, rows: int, where: Path | str, name: str, start: int = 0) -> list[str]:
    """Return identifiers as text, row numbers where missing.

    start : number of rows before the first
    """
    if column is None:
        return [str(start + row + 1) for row in range(rows)]
    texts = readers.as_ids(column, where, name).to_pylist()
    return [text if text else str(start + row + 1) for row, text in enumerate(texts)]


def _value_column(path: Path, names: list[str], value: str) -> tuple[str, bool]:
    if (bare := value.strip()) in names:  # names come without outer blanks
        return bare, False
    wrapped = re.fullmatch(r"log\((.+)\)", value)
    if wrapped:
        readers.require(wrapped[1], names, path)
        return wrapped[1], True
    readers.require(value, names, path)
    return value, False


def _only_numeric(table: OpenTable, free: list[str], data: pa.Table | None) -> str:
    """Return the one numeric column among those free.

    data : cells of a table whose columns have no types, else None
    """
    if data is None:
        numeric = [name for name in free if number_columns.is_number(table.schema.field(name).type)]
    else:
        numeric = [name for name in free if number_columns.looks_numeric(data[name])]
    if len(numeric) == 1:
        return numeric[0]
    if not numeric:
        columns = ", ".join(readers.column_names(table))
        raise UserError(f"{table}: no numeric column to take values from (columns: {columns})")
    raise UserError(
        f"{table}: several numeric columns ({', '.join(numeric)}); "
        f"name one: '{pulled.name_of(table.path)}:{numeric[0]}' or --value {numeric[0]}"
    )


def _fold_numbers(column: pa.ChunkedArray, path: Path, name: str) -> Integers:
    numbers = number_columns.as_numbers(column, path, name)
    wrong = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.round(numbers)))
    if len(wrong):
        raise UserError(f"{path}: row {wrong[0] + 1}, column '{name}': expected a whole fold number")
    return numbers.astype(np.int64)
