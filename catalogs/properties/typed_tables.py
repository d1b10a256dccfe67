"""Target tables typed from publications.

Each row has a citation; the files lie in `catalogs/tables`.
"""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.files.package_data import digest
from kakehashi.catalogs.properties.source_table import Rows, SourceTable
from kakehashi.catalogs.records import UserError

TABLES = Path(__file__).parents[1] / "tables"


class TypedTable(NamedTuple):
    """A file QUANTITY.csv of `TABLES`.

    log : whether ln(value) is fitted
    """

    quantity: str
    log: bool = True


TARGETS = {
    "ltc": TypedTable("lattice_thermal_conductivity"),
    "polymer_thermal_conductivity": TypedTable("polymer_thermal_conductivity"),
    "tg": TypedTable("glass_transition_temperature", log=False),
}
# Columns whose texts are counted in the notes: rows of one table need not be alike.
_TALLIED = ("conductivity", "temperature_k", "sample", "citation_checked", "check_source")


def names() -> tuple[str, ...]:
    """Return the names of the targets whose file exists."""
    return tuple(name for name, target in TARGETS.items() if (TABLES / f"{target.quantity}.csv").is_file())


@cache
def target(name: str) -> SourceTable:
    """Read a typed table; UserError code 6 for several units."""
    quantity, log = TARGETS[name]
    path = TABLES / f"{quantity}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    units = sorted({record["unit"] for record in records})
    if len(units) != 1:
        raise UserError(f"{path}: one unit expected in column 'unit', got {', '.join(units)}", code=6)
    material = "smiles" if "smiles" in records[0] else "formula"
    citations = sorted({record["citation"] for record in records})
    temperatures = {record.get("temperature_k") or "" for record in records}
    at = f" at {temperatures.pop()} K" if len(temperatures) == 1 and "" not in temperatures else ""
    rows = Rows(
        [str(number + 1) for number in range(len(records))],
        [record[material] for record in records],
        np.array([float(record["value"]) for record in records], dtype=np.float64),
        tuple(_tally(records, column) for column in _TALLIED if column in records[0]),
        digest([path]),
    )
    return SourceTable(
        quantity,
        units[0],
        log,
        f"catalogs/tables/{path.name}",
        "facts typed with a citation per row",
        f"{quantity.removeprefix('polymer_').replace('_', ' ')} of {'polymers' if material == 'smiles' else 'crystals'}"
        f"{at}, published values typed as facts; what was measured is in the notes",
        "; ".join(citations) if len(citations) <= 3 else f"{len(citations)} citations, one in each row",
        lambda: rows,
        "target",
        (2,) if material == "smiles" else None,
    )


def _tally(records: list[dict[str, str]], column: str) -> str:
    """Count the texts of a column, in words."""
    counts = Counter(record[column] or "not stated" for record in records).most_common()
    return f"{column}: {', '.join(f'{text} ({count})' for text, count in counts)}"
