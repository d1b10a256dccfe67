"""Tables of a study, from the shared files or the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.properties.column_units import infer
from kakehashi.catalogs.properties.tables import load_table, split_spec
from kakehashi.catalogs.reading import number_columns, readers
from kakehashi.catalogs.records import PropertyTable, UserError


class Column(NamedTuple):
    """A column of values and its name in the figures.

    spec : FILE:COLUMN of the shared data, or the name of an embedded table
    name, quantity, unit : where the table's own say too little; a unit that the table knows stays
    """

    spec: str
    name: str = ""
    quantity: str = ""
    unit: str = ""

    @property
    def place(self) -> str:
        """File and column without folder and ending.

        >>> Column("inorganic/jarvis_wide.parquet:max_mode").place
        'jarvis_wide:max_mode'
        """
        file, colon, column = self.spec.partition(":")
        return f"{Path(file).stem}{colon}{column}"


def spec_in(data: str, spec: str) -> str:
    """`FILE:COLUMN` inside the folder of shared data.

    Raises
    ------
    UserError : no such file.
    """
    path, _ = split_spec(f"{data}/{spec}")
    if not path.is_file():
        raise UserError(f"--data {data}: expected {spec.split(':')[0]} in it, found no such file")
    return f"{data}/{spec}"


def load(data: str | None, spec: str, log: bool = False, minimum: int = 1) -> PropertyTable:
    """Load a table by FILE:COLUMN, or an embedded one by name.

    data : the folder of shared data; None for embedded tables
    """
    where = spec if data is None else spec_in(data, spec)
    return load_table(where, log=log, minimum=minimum, attachments=(0, 2))


def load_column(data: str | None, column: Column, log: bool = False, minimum: int = 1) -> PropertyTable:
    """Load a table under the name it has in the figures."""
    table = load(data, column.spec, log, minimum)
    return replace(
        table, name=column.name or table.name, quantity=column.quantity or table.quantity,
        unit=table.unit or column.unit,
    )  # fmt: skip


def load_all(data: str | None, columns: Sequence[Column]) -> list[PropertyTable]:
    """Load several tables."""
    return [load_column(data, column) for column in columns]


def load_between(data: str, column: Column, by: str, low: float, high: float, log: bool) -> PropertyTable:
    """Load rows whose other column is within bounds.

    by : that column, from `low` to `high`
    """
    path, name = split_spec(spec_in(data, column.spec))
    table = readers.read(path, ["formula", name or "", by])
    other = number_columns.as_numbers(table[by], path, by)
    chosen = np.flatnonzero((other >= low) & (other <= high))
    values = number_columns.as_numbers(table[name], path, name or "")[chosen]
    texts = readers.as_text(table["formula"].take(pa.array(chosen)), path, "formula").to_pylist()
    return assemble(
        column.name, texts, values, log=log, minimum=1, quantity=column.quantity, unit=column.unit, source=str(path),
        sha256=readers.sha256(path), where=str(path),
        notes=(f"{len(chosen):,} of {len(table):,} rows with {by} from {low:g} to {high:g}",),
    )  # fmt: skip


def load_drawn(data: str, spec: str, rows: int, seed: int) -> PropertyTable:
    """Load random rows of a large table of SMILES, FILE:COLUMN.

    Reading all of them would take minutes.
    """
    path, column = split_spec(spec_in(data, spec))
    table = readers.read(path, ["smiles", column or ""])
    chosen = np.sort(np.random.default_rng(seed).permutation(len(table))[:rows])
    values = number_columns.as_numbers(table[column], path, column or "")
    quantity = infer(column or "")
    texts = readers.as_text(table["smiles"].take(pa.array(chosen)), path, "smiles").to_pylist()
    return assemble(
        column or "", texts, values[chosen], minimum=1, quantity=quantity.name, unit=quantity.unit, source=str(path),
        sha256=readers.sha256(path), notes=(f"{len(chosen):,} of {len(table):,} rows drawn at random",),
        where=str(path), attachments=(0, 2), guarded=True,
    )  # fmt: skip
