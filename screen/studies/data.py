"""Where the tables of a study come from: the shared files, or what comes with the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from catalogs import readers
from catalogs.assemble import assemble
from catalogs.quantities import infer
from catalogs.records import PropertyTable, UserError
from catalogs.tables import load_table, split_spec
from screen.library import tell_apart


def spec_in(data: str, spec: str) -> str:
    """`FILE:COLUMN` inside the folder of shared data; UserError where the file is not there."""
    path, _ = split_spec(f"{data}/{spec}")
    if not path.is_file():
        raise UserError(f"--data {data}: expected {spec.split(':')[0]} in it, found no such file")
    return f"{data}/{spec}"


def load(data: str | None, spec: str, log: bool = False, minimum: int = 1) -> PropertyTable:
    """A table of the shared data by FILE:COLUMN, or without a folder an embedded one by its name."""
    where = spec if data is None else spec_in(data, spec)
    return load_table(where, log=log, minimum=minimum, attachments=(0, 2))


def load_all(data: str | None, specs: Sequence[str]) -> list[PropertyTable]:
    """Several tables; those of one name are told apart by file."""
    tables = [load(data, spec) for spec in specs]
    return tell_apart(tables, [Path(spec.split(":")[0]).stem + ":" + spec.partition(":")[2] for spec in specs])


def load_drawn(data: str, spec: str, rows: int, seed: int) -> PropertyTable:
    """So many random rows of a large file of SMILES, FILE:COLUMN: reading all of them would take minutes."""
    path, column = split_spec(spec_in(data, spec))
    read = readers.read(path, ["smiles", column or ""])
    chosen = np.sort(np.random.default_rng(seed).permutation(len(read))[:rows])
    values = readers.as_numbers(read[column], path, column or "")
    quantity = infer(column or "")
    texts = readers.as_text(read["smiles"].take(pa.array(chosen)), path, "smiles").to_pylist()
    return assemble(
        column or "", texts, values[chosen], minimum=1, quantity=quantity.name, unit=quantity.unit, source=str(path),
        sha256=readers.sha256(path), notes=(f"{len(chosen):,} of {len(read):,} rows drawn at random",),
        where=str(path), attachments=(0, 2), guarded=True,
    )  # fmt: skip
