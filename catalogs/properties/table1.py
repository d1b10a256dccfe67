"""Public data for Table 1 of Liu, Yamada & Wu (2021).

`tables/table1.csv` names the properties as XenonPy.MDL names them, with the file and column that hold values, the unit
they are given in and the unit models are trained in; where there is no file, it says why.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.properties.material_columns import file_holds_smiles, id_column, material_column
from kakehashi.catalogs.properties.tables import labels
from kakehashi.catalogs.quantities import convert
from kakehashi.catalogs.reading import number_columns, readers
from kakehashi.catalogs.records import PropertyTable, UserError

FILE = Path(__file__).parents[1] / "tables" / "table1.csv"
# Rows read of a larger file, drawn at random: networks learn from 10,000 at most.
MOST_ROWS = 20_000


class Property(NamedTuple):
    """A row of Table 1.

    file, column : relative to the data folder; "" where there are no data, and `note` says why
    per : a column the values are divided by, or ""
    given, unit : units of the column and of the table made from it
    """

    property: str
    file: str
    column: str
    per: str
    given: str
    unit: str
    note: str


def properties() -> tuple[Property, ...]:
    """Return the rows of Table 1."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        return tuple(Property(**record) for record in csv.DictReader(stream))


def missing(wanted: Property, folder: Path) -> str:
    """Say why a property is not in a folder, else ""."""
    if not wanted.file:
        return wanted.note
    return "" if (folder / wanted.file).is_file() else f"no file {folder / wanted.file}"


def table(wanted: Property, folder: Path, seed: int = 0) -> PropertyTable:
    """Return a property of Table 1, in its unit.

    Raises
    ------
    UserError : a file that is missing, damaged, or not what Table 1 says.
    """
    if why := missing(wanted, folder):
        raise UserError(f"{wanted.property}: {why}")
    path = folder / wanted.file
    opened = readers.open_table(path)
    names = readers.column_names(opened)
    material, label = material_column(names, opened), id_column(names)
    columns = list(dict.fromkeys(name for name in (material, label, wanted.column, wanted.per) if name))
    for name in columns:
        readers.require(name, names, path)
    data = readers.read(opened, columns)
    values = number_columns.as_numbers(data[wanted.column], path, wanted.column)
    if wanted.per:
        values = values / number_columns.as_numbers(data[wanted.per], path, wanted.per)
    values = convert(values, wanted.given, wanted.unit)
    notes = [wanted.note, f"{wanted.file}:{wanted.column}{f' per {wanted.per}' if wanted.per else ''}"]
    if wanted.given != wanted.unit:
        notes.append(f"given in {wanted.given}, converted to {wanted.unit}")
    known = np.flatnonzero(~np.isnan(values))
    if len(known) > MOST_ROWS:
        notes.append(f"{MOST_ROWS:,} of {len(known):,} rows read, drawn at random")
        known = np.sort(np.random.default_rng([seed, len(known)]).choice(known, MOST_ROWS, replace=False))
    data = data.take(known)
    return assemble(
        wanted.property,
        readers.as_text(data[material], path, material).to_pylist(),
        values[known],
        ids=labels(data[label], len(data), path, label) if label else None,
        minimum=1,
        quantity=wanted.property,
        unit=wanted.unit,
        source=wanted.file,
        sha256=readers.sha256(path),
        notes=notes,
        where=str(path),
        attachments=(0, 2) if file_holds_smiles(opened, material) else None,
        guarded=True,
    )
