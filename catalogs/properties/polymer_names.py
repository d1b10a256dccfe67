"""Names of known polymers, by their canonical repeat units.

The table `common_polymers.csv` comes first, then the polymers of the typed target tables.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from kakehashi.catalogs.molecules.polymers import parse_column
from kakehashi.catalogs.properties import typed_tables

COMMON = typed_tables.TABLES / "common_polymers.csv"


@cache
def polymer_names() -> Mapping[str, str]:
    """Names of polymers, by canonical repeat unit."""
    files = [COMMON, *(typed_tables.TABLES / f"{typed_tables.TARGETS[n].quantity}.csv" for n in typed_tables.names())]
    named: dict[str, str] = {}
    for path in files:
        for smiles, name in _rows(path):
            named.setdefault(smiles, name)
    names: dict[str, str] = {}
    for key, name in zip(parse_column(list(named), 2).molecules.keys, named.values(), strict=True):
        if key:
            names.setdefault(key, name)
    return names


def name_unit(key: str) -> str:
    """Name of a polymer by its canonical repeat unit; "" where none is known.

    >>> name_unit("*CCCC(=O)NCC*")
    'nylon 6'
    """
    return polymer_names().get(key, "")


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row.get("smiles") and row.get("name"):
                yield row["smiles"], row["name"]
