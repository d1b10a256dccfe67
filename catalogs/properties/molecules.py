"""Measured properties of molecules, as sources for polymers.

They come with `chemicals`, and so do the structures, by CAS number. Where two tables hold one property, a molecule on
which they disagree is left out.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.files.package_data import digest, package_file
from kakehashi.catalogs.properties.inorganic import ROOM_TEMPERATURE, atom_counts
from kakehashi.catalogs.properties.source_table import Rows, SourceTable

_IDENTIFIERS = ("chemical identifiers pubchem small.tsv", "chemical identifiers pubchem large.tsv")
_CONSTANTS = "Physical Constants of Organic Compounds.csv"
_REFRACTION = "CRC Handbook Organic RI.csv"
_MELTING = "OpenNotebook Melting Points.tsv"
_BOILING = "Yaws Boiling Points.tsv"
_PERRY = "Table 2-315 Thermal Conductivity of Inorganic and Organic Liquids.tsv"
_VDI = "VDI PPDS Thermal conductivity of saturated liquids.tsv"
_THERMO = "CRC Standard Thermodynamic Properties of Chemical Substances.tsv"
_POLING = "PolingDatabank.tsv"

# Unit and CAS number of values at odds with their family; the comments give the family's values.
_WILD = {
    ("1", "4325-82-0"),  # 4-methyl-3-penten-2-ol 1.9377; unsaturated alcohols below 1.53
    ("1", "7152-15-0"),  # ethyl isobutyrylacetate 1.25; nothing of C, H and O is below 1.32
    ("g/cm3", "3031-73-0"),  # methyl hydroperoxide 1.997; ethyl hydroperoxide 0.933
    ("K", "5089-70-3"),  # boiling of 3-chloropropyltriethoxysilane 124; a pressure must have been left out
    ("J/(mol atoms K)", "140-11-4"),  # benzyl acetate 7.1; other esters of carboxylic acids 10.7 and more
    ("J/(mol atoms K)", "628-81-9"),  # butyl ethyl ether 7.6, and
    ("J/(mol atoms K)", "693-65-2"),  # dipentyl ether 7.6; others above 11
}

Values = dict[str, float]


class Structure(NamedTuple):
    """SMILES of a molecule, and its number of atoms.

    Hydrogens included.
    """

    smiles: str
    atoms: int


def melting_temperature() -> Rows:
    """Return melting temperatures of the Open Notebook collection, K."""
    values, notes = _agreed(_column(_MELTING, "Tm"), _column(_CONSTANTS, "Tm"), "CRC", 30.0)
    return _rows(values, (20.0, 1000.0), "K", notes, (_MELTING, _CONSTANTS))


def boiling_temperature() -> Rows:
    """Return boiling temperatures at normal pressure, K, from the CRC Handbook."""
    values, notes = _agreed(_column(_CONSTANTS, "Tb"), _column(_BOILING, "Tb"), "Yaws", 30.0)
    return _rows(values, (50.0, 900.0), "K", notes, (_CONSTANTS, _BOILING))


def density() -> Rows:
    """Return densities of liquids near room temperature, g/cm3."""
    melting, boiling = _column(_CONSTANTS, "Tm"), _column(_CONSTANTS, "Tb")
    densities = {cas: value / 1000.0 for cas, value in _column(_CONSTANTS, "rho").items()}
    liquid = {
        cas: value
        for cas, value in densities.items()
        if melting.get(cas, np.inf) < ROOM_TEMPERATURE < boiling.get(cas, np.inf)
    }
    note = f"left out {len(densities) - len(liquid)} substances not known to be liquid at 298.15 K"
    return _rows(liquid, (0.4, 4.0), "g/cm3", (note,), (_CONSTANTS,))


def refractive_index() -> Rows:
    """Return refractive indices at the sodium line, 288 to 303 K."""
    path = package_file("chemicals", _REFRACTION)
    records = [record for record in _records(path) if record["RI"] and record["RIT"]]
    near = {r["CAS"]: float(r["RI"]) for r in records if 288.0 <= float(r["RIT"]) <= 303.0}
    note = f"left out {len(records) - len(near)} measured below 288 K or above 303 K"
    return _rows(near, (1.2, 2.0), "1", (note,), (_REFRACTION,))


def heat_capacity() -> Rows:
    """Return heat capacities of liquids at 298.15 K, J/(mol atoms K)."""
    values, notes = _agreed(_column(_THERMO, "Cpl"), _column(_POLING, "Cpl"), "Poling", 0.05, relative=True, join=True)
    structures, _ = _structures()
    per_atom = {cas: value / structures[cas].atoms for cas, value in values.items() if cas in structures}
    dropped = f"left out {len(values) - len(per_atom)} without a structure"
    return _rows(per_atom, (5.0, 40.0), "J/(mol atoms K)", (*notes, dropped), (_THERMO, _POLING))


def thermal_conductivity() -> Rows:
    """Return thermal conductivities of liquids at 298.15 K, W/(m K)."""
    perry = {
        r["CAS"]: _polynomial(r, ("C1", "C2", "C3", "C4", "C5"))
        for r in _records(package_file("chemicals", _PERRY))
        if float(r["Tmin"]) <= ROOM_TEMPERATURE <= float(r["Tmax"])
    }
    melting, boiling = _column(_CONSTANTS, "Tm"), _column(_CONSTANTS, "Tb")
    vdi = {
        r["CAS"]: _polynomial(r, ("A", "B", "C", "D", "E"))
        for r in _records(package_file("chemicals", _VDI))
        # This table states no range: only what is liquid at normal pressure.
        if melting.get(r["CAS"], np.inf) < ROOM_TEMPERATURE < boiling.get(r["CAS"], 0.0)
    }
    values, notes = _agreed(perry, vdi, "VDI", 0.05, relative=True, join=True)
    return _rows(values, (0.03, 0.7), "W/(m K)", notes, (_PERRY, _VDI, _CONSTANTS))


_CRC = "Haynes, Bruno and Lide (eds), CRC Handbook of Chemistry and Physics, as cited by chemicals"
_PERRY_VDI = "Perry's Chemical Engineers' Handbook, 8th ed., Table 2-315; VDI Heat Atlas, as cited by chemicals"


def _molecular(
    quantity: str, unit: str, log: bool, citation: str, description: str, load: Callable[[], Rows]
) -> SourceTable:
    licence = "package MIT, data not stated"
    return SourceTable(quantity, unit, log, "chemicals", licence, description, citation, load, attachments=(0,))


SOURCES = {
    "molecule_thermal_conductivity": _molecular(
        "thermal_conductivity",
        "W/(m K)",
        True,
        _PERRY_VDI,
        "thermal conductivity of molecular liquids at 298.15 K",
        thermal_conductivity,
    ),
    "molecule_heat_capacity": _molecular(
        "heat_capacity",
        "J/(mol atoms K)",
        True,
        f"{_CRC}; Poling, Prausnitz and O'Connell, The Properties of Gases and Liquids, 5th ed., as cited there",
        "heat capacity of molecular liquids per mole of atoms, 298.15 K",
        heat_capacity,
    ),
    "molecule_melting_temperature": _molecular(
        "melting_temperature",
        "K",
        False,
        "Open Notebook collection of melting points (Bradley), as cited by chemicals",
        "melting temperature of molecular solids",
        melting_temperature,
    ),
    "molecule_boiling_temperature": _molecular(
        "boiling_temperature", "K", False, _CRC, "boiling temperature of molecules, 1 atm", boiling_temperature
    ),
    "molecule_refractive_index": _molecular(
        "refractive_index", "1", True, _CRC, "refractive index of molecular liquids, sodium line", refractive_index
    ),
    "molecule_density": _molecular(
        "density", "g/cm3", True, _CRC, "density of molecular liquids near room temperature", density
    ),
}


def _rows(
    values: Values,
    bounds: tuple[float, float],
    unit: str,
    notes: tuple[str, ...],
    files: tuple[str, ...],
) -> Rows:
    structures, _ = _structures()
    omitted: Counter[str] = Counter()
    rows: list[tuple[str, str, float]] = []
    low, high = bounds
    for cas, value in values.items():
        structure = structures.get(cas)
        if structure is None:
            omitted["without an organic structure"] += 1
        elif "." in structure.smiles:
            omitted["of several fragments"] += 1
        elif not low <= value <= high:
            omitted[f"outside {low:g} to {high:g} {unit}"] += 1
        elif (unit, cas) in _WILD:
            omitted["at odds with their family"] += 1
        else:
            rows.append((cas, structure.smiles, value))
    reasons = ", ".join(f"{count} {reason}" for reason, count in omitted.most_common())
    ids, smiles, numbers = ([row[place] for row in rows] for place in range(3))
    return Rows(
        [str(cas) for cas in ids],
        [str(text) for text in smiles],
        np.array(numbers, dtype=np.float64),
        (*notes, f"left out of {len(values):,} values: {reasons or 'none'}"),
        digest([*(package_file("chemicals", name) for name in files), *_structures()[1]]),
    )


def _agreed(
    first: Values, second: Values, name: str, tolerance: float, *, relative: bool = False, join: bool = False
) -> tuple[Values, tuple[str, ...]]:
    """Drop values on which two tables disagree.

    join : add the values that only the second table has
    """
    shared = first.keys() & second.keys()
    apart = {cas for cas in shared if abs(first[cas] - second[cas]) > tolerance * (first[cas] if relative else 1.0)}
    values = {cas: value for cas, value in ({**second, **first} if join else first).items() if cas not in apart}
    limit = f"{tolerance:.0%}" if relative else f"{tolerance:g} K"
    return values, (f"left out {len(apart)} of {len(shared)} values that differ from {name} by more than {limit}",)


def _polynomial(record: dict[str, str], names: tuple[str, ...]) -> float:
    return float(np.polynomial.polynomial.polyval(ROOM_TEMPERATURE, [float(record[name]) for name in names]))


def _column(file: str, column: str) -> Values:
    records = _records(package_file("chemicals", file))
    return {record["CAS"]: float(record[column]) for record in records if record[column]}


@cache
def _structures() -> tuple[dict[str, Structure], tuple[Path, ...]]:
    """Map CAS numbers to structures, of formulas with carbon.

    Then the files read.
    """
    structures: dict[str, Structure] = {}
    paths = tuple(package_file("chemicals", name) for name in _IDENTIFIERS)
    for path in paths:
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                _, cas, formula, _, smiles, _ = line.split("\t", 5)
                counts = atom_counts(formula)
                if counts.get("C"):
                    structures.setdefault(cas, Structure(smiles, sum(counts.values())))
    return structures, paths


@cache
def _records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))
