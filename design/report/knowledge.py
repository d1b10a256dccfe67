"""How much is known: polymers with a name, and a word of caution on few values."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from typing import Any

from kakehashi.catalogs.molecules.polymers import parse_column
from kakehashi.catalogs.properties import typed_tables

# Known values below which a page says how few they are.
FEW = 30


@cache
def polymer_names() -> Mapping[str, str]:
    """Names of the polymers of the typed tables, by canonical repeat unit."""
    units: dict[str, str] = {}
    for name in typed_tables.names():
        path = typed_tables.TABLES / f"{typed_tables.TARGETS[name].quantity}.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                if row.get("smiles") and row.get("name"):
                    units.setdefault(row["smiles"], row["name"])
    keys = parse_column(list(units), 2).molecules.keys
    return {key: name for key, name in zip(keys, units.values(), strict=True) if key}


def name_unit(smiles: str) -> str:
    """Name of a repeat unit, canonical as in the tables of a run; "" where none is known."""
    return polymer_names().get(smiles, "")


def caution(target: Mapping[str, Any], spec: str) -> str:
    """Say how few values a model rests on, "" where they are many.

    target : its record; spec : the table as the command named it

    >>> caution({"used": 15}, "polymer_thermal_conductivity")
    'A demonstration on 15 rough values: an order to look at, no finding.'
    >>> caution({"used": 15}, "my.csv:tc")
    'Only 15 known values: differences between proposals mean little.'
    """
    used = target.get("used")
    if not isinstance(used, int):
        return ""
    if spec in typed_tables.names():
        return f"A demonstration on {used} rough values: an order to look at, no finding."
    return f"Only {used} known values: differences between proposals mean little." if used < FEW else ""
