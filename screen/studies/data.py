"""Where the tables of a study come from: the shared files, or what comes with the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    table = load_table(where, log=log, minimum=minimum, attachments=(0, 2))
    return table


def load_all(data: str | None, specs: Sequence[str]) -> list[PropertyTable]:
    """Several tables; those of one name are told apart by file."""
    tables = [load(data, spec) for spec in specs]
    return tell_apart(tables, [Path(spec.split(":")[0]).stem + ":" + spec.partition(":")[2] for spec in specs])
