"""Measured properties of inorganic solids carried by pymatgen and chemicals.

The formulas that `chemicals` lists for inorganic CAS numbers are wrong in one case out of seven (hafnium
carbide as CH4Hf, hydrates without their water), so a formula is used only if its molar mass agrees with
the one that the density and the molar volume of the handbook imply.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.files.package_data import digest, package_file
from kakehashi.catalogs.properties.source_table import Rows, SourceTable
from kakehashi.catalogs.records import FloatArray

AVOGADRO = 6.02214076e23
ROOM_TEMPERATURE = 298.15

_CONSTANTS = "Physical Constants of Inorganic Compounds.csv"
_SOLIDS = "CRC Solid Inorganic Constant Densities.tsv"
_THERMO = "CRC Standard Thermodynamic Properties of Chemical Substances.tsv"
_IDENTIFIERS = (
    "chemical identifiers pubchem large.tsv",
    "chemical identifiers pubchem small.tsv",
    "Inorganic db.tsv",
)
_MASS_TOLERANCE = 0.0015  # rounding and revised atomic weights; one H in 300 g/mol is 0.003
_POLYMORPH_TOLERANCE = 0.01  # the two tables describe different forms of the compound

# Densities at odds with every compound of the family; the comment gives their volume per atom, A3.
_WILD_DENSITY = {
    "13520-78-0": "WOCl4",  # 7.9, other tungsten chlorides 25 to 30
    "13465-59-3": "ScBr3",  # 12.7, other trihalides of bromine above 25
    "1314-22-3": "ZnO2",  # 34.3, ZnO 12
    "1302-42-7": "NaAlO2",  # 7.3, denser than corundum
}


class Solid(NamedTuple):
    """An inorganic solid with a confirmed formula.

    volume : m3/mol; density : kg/m3; melting : K, NaN where unknown
    """

    cas: str
    formula: str
    atoms: int
    volume: float
    density: float
    melting: float


def formation_energy() -> Rows:
    """Return measured formation energies per atom, eV, carried by pymatgen.

    Stored there per formula unit.
    """
    path = package_file("pymatgen", "exp_compounds.json.gz")
    records = json.loads(gzip.decompress(path.read_bytes()))
    formulas = [str(record["formula"]) for record in records]
    per_formula = np.array([record["exp energy"] for record in records], dtype=np.float64)
    ids = [str(record["mpid"]) for record in records]
    atoms = _atoms(formulas)
    note = "stored per formula unit; divided by the atoms of the formula"
    return Rows(ids, formulas, per_formula / atoms, (note,), digest([path]))


def volume_per_atom() -> Rows:
    """Return volumes per atom of solids, A3."""
    return _from_solids(lambda solid: solid.volume * 1e30 / AVOGADRO / solid.atoms, density=True)


def density() -> Rows:
    """Return densities of solids, g/cm3."""
    return _from_solids(lambda solid: solid.density / 1000, density=True)


def melting_temperature() -> Rows:
    """Return melting temperatures of solids, K."""
    return _from_solids(lambda solid: solid.melting, density=False)


def standard_entropy() -> Rows:
    """Return standard entropies of solids at 298.15 K, J/(mol atoms K)."""
    return _from_thermo("S0s")


def heat_capacity() -> Rows:
    """Return heat capacities of solids at 298.15 K, J/(mol atoms K)."""
    return _from_thermo("Cps")


def _from_solids(value: Callable[[Solid], float], *, density: bool) -> Rows:
    solids, notes, sha = _solids()
    chosen = list(solids)
    if density:
        chosen = [solid for solid in chosen if solid.cas not in _WILD_DENSITY]
        frozen = [solid for solid in chosen if solid.melting < ROOM_TEMPERATURE]
        chosen = [solid for solid in chosen if not solid.melting < ROOM_TEMPERATURE]
        notes = (
            *notes,
            f"left out {len(solids) - len(chosen) - len(frozen)} densities at odds with their family "
            f"({', '.join(_WILD_DENSITY.values())}) and {len(frozen)} compounds that melt below 298.15 K",
        )
    return Rows(
        [solid.cas for solid in chosen],
        [solid.formula for solid in chosen],
        np.array([value(solid) for solid in chosen], dtype=np.float64),
        notes,
        sha,
    )


def _from_thermo(column: str) -> Rows:
    solids, notes, _ = _solids()
    by_cas = {solid.cas: solid for solid in solids}
    path = package_file("chemicals", _THERMO)
    with_value = [record for record in _records(path) if record[column]]
    used = [record for record in with_value if record["CAS"] in by_cas]
    values = [float(record[column]) / by_cas[record["CAS"]].atoms for record in used]
    omissions = f"left out {len(with_value) - len(used)} of {len(with_value)} solids: no confirmed inorganic formula"
    return Rows(
        [record["CAS"] for record in used],
        [by_cas[record["CAS"]].formula for record in used],
        np.array(values, dtype=np.float64),
        (*notes[:1], omissions),
        digest([path, *(package_file("chemicals", name) for name in (_CONSTANTS, _SOLIDS))]),
    )


@cache
def _solids() -> tuple[tuple[Solid, ...], tuple[str, ...], str]:
    """Return solids whose formula is confirmed by the molar mass.

    Then notes on the others, and the digest of the files.
    """
    constants_path, solids_path = (package_file("chemicals", name) for name in (_CONSTANTS, _SOLIDS))
    constants = {record["CAS"]: record for record in _records(constants_path)}
    identifiers = _identifiers()
    omitted: Counter[str] = Counter()
    solids = []
    for record in _records(solids_path):
        cas = record["CAS"]
        known = constants.get(cas)
        if known is None or not known["rho"]:
            omitted["no density to check the formula with"] += 1
            continue
        if cas not in identifiers:
            omitted["no formula"] += 1
            continue
        formula, mass = identifiers[cas]
        volume, rho = float(record["Vm"]), float(known["rho"])
        same_form = known["Chemical"] == record["Chemical"]
        tolerance = _MASS_TOLERANCE if same_form else _POLYMORPH_TOLERANCE
        if abs(volume * rho * 1000 / mass - 1) > tolerance:
            omitted["formula contradicted by the molar mass"] += 1
        elif "hydrate" in record["Chemical"]:
            omitted["hydrate"] += 1
        elif {"C", "H"} <= (elements := atom_counts(formula)).keys():
            omitted["organic (C and H)"] += 1
        else:
            melting = float(known["Tm"]) if known["Tm"] else np.nan
            solids.append(Solid(cas, formula, sum(elements.values()), volume, rho, melting))
    reasons = ", ".join(f"{count} {reason}" for reason, count in omitted.most_common())
    notes = (
        "formulas confirmed by density x molar volume = molar mass (0.15 %)",
        f"left out of {len(solids) + omitted.total():,} solids: {reasons}",
    )
    return tuple(solids), notes, digest([constants_path, solids_path])


@cache
def _identifiers() -> dict[str, tuple[str, float]]:
    """Map CAS numbers to formulas and molar masses, g/mol.

    Charges are removed.
    """
    formulas: dict[str, tuple[str, float]] = {}
    for name in _IDENTIFIERS:
        with package_file("chemicals", name).open(encoding="utf-8") as stream:
            for line in stream:
                _, cas, formula, mass, _ = line.split("\t", 4)
                formulas.setdefault(cas, (re.sub(r"[+-]\d*$", "", formula), float(mass)))
    return formulas


def _records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def atom_counts(formula: str) -> dict[str, int]:
    """Count the atoms of a flat formula in Hill order.

    >>> atom_counts("C2H6O")
    {'C': 2, 'H': 6, 'O': 1}
    """
    counts: dict[str, int] = {}
    for element, amount in re.findall(r"([A-Z][a-z]?)(\d*)", formula):
        counts[element] = counts.get(element, 0) + int(amount or 1)
    return counts


def _atoms(formulas: list[str]) -> FloatArray:
    from kakehashi.catalogs.formulas.slots import parse_column

    atoms = parse_column(formulas).compositions.amounts.sum(axis=1)
    # A formula that cannot be parsed is refused later, with its reason; until then its value must be finite.
    return np.where(atoms > 0, atoms, 1.0)


_WANG = "exp_compounds.json.gz; Wang et al., Scientific Reports 11, 15496 (2021), as cited by pymatgen"
_CRC = "Haynes, Bruno and Lide (eds), CRC Handbook of Chemistry and Physics, as cited by chemicals"
_LICENCE = "package MIT, data not stated"


def _of_handbook(unit: str, description: str, load: Callable[[], Rows]) -> SourceTable:
    words = f"{description}, of inorganic solids (no hydrates, no compounds of C and H)"
    return SourceTable(load.__name__, unit, True, "chemicals (CRC Handbook)", _LICENCE, words, _CRC, load)


SOURCES = {
    "formation_energy": SourceTable(
        "formation_energy",
        "eV/atom",
        False,
        "pymatgen",
        _LICENCE,
        "measured formation energy per atom from the elements",
        _WANG,
        formation_energy,
    ),
    "volume_per_atom": _of_handbook("A3/atom", "volume per atom, room temperature", volume_per_atom),
    "density": _of_handbook("g/cm3", "density of the solid, room temperature", density),
    "melting_temperature": _of_handbook("K", "melting temperature", melting_temperature),
    "standard_entropy": _of_handbook(
        "J/(mol atoms K)", "standard entropy per mole of atoms, 298.15 K", standard_entropy
    ),
    "heat_capacity": _of_handbook("J/(mol atoms K)", "heat capacity per mole of atoms, 298.15 K", heat_capacity),
}
