"""The data sets that work offline right after installation: sources, targets and candidates, by name."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.files.package_data import digest
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties import inorganic, molecules
from kakehashi.catalogs.properties import transport as matminer
from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.properties.inorganic import Rows
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.records import PropertyTable, UserError

TABLES = Path(__file__).parents[1] / "tables"
UNIT_UNSTATED = "unit not stated upstream"


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What an embedded data set is. `kind`: source, target or candidates; `log`: ln(value) is fitted."""

    name: str
    kind: str
    quantity: str
    unit: str
    rows: int
    source: str
    licence: str
    description: str
    citation: str = ""
    log: bool = False


class _Entry(NamedTuple):
    quantity: str
    unit: str
    log: bool
    source: str
    licence: str
    description: str
    citation: str
    load: Callable[[], Rows]
    kind: str = "source"
    attachments: tuple[int, ...] | None = None


_PYMATGEN = ("pymatgen", "package MIT, data not stated")
_WANG = "exp_compounds.json.gz; Wang et al., Scientific Reports 11, 15496 (2021), as cited by pymatgen"
_CHEMICALS = ("chemicals (CRC Handbook)", "package MIT, data not stated")
_CRC = "Haynes, Bruno and Lide (eds), CRC Handbook of Chemistry and Physics, as cited by chemicals"
_MATMINER = ("matminer (Materials Project)", "package modified BSD, data not stated")
_RICCI = "transport_database.tar.xz; Ricci et al., Scientific Data 4(1), 1-13 (2017), 10.1038/sdata.2017.85"
_FORMULAS = "distinct reduced formulas of 47,737 Materials Project entries; other ids of a formula in `mp_ids`"


def _chemicals(unit: str, description: str, load: Callable[[], Rows]) -> _Entry:
    words = f"{description}, of inorganic solids (no hydrates, no compounds of C and H)"
    return _Entry(load.__name__, unit, True, *_CHEMICALS, words, _CRC, load)


def _transport(quantity: str, column: str, log: bool, words: str) -> _Entry:
    carrier = "holes" if column.endswith("_p") else "electrons"
    description = f"computed {words}, {carrier} ({UNIT_UNSTATED}; nor are temperature and doping)"
    return _Entry(quantity, "", log, *_MATMINER, description, _RICCI, partial(matminer.transport, column), "source")


_PROPERTIES: dict[str, _Entry] = {
    "formation_energy": _Entry(
        "formation_energy",
        "eV/atom",
        False,
        *_PYMATGEN,
        "measured formation energy per atom from the elements",
        _WANG,
        inorganic.formation_energy,
    ),
    "volume_per_atom": _chemicals("A3/atom", "volume per atom, room temperature", inorganic.volume_per_atom),
    "density": _chemicals("g/cm3", "density of the solid, room temperature", inorganic.density),
    "melting_temperature": _chemicals("K", "melting temperature", inorganic.melting_temperature),
    "standard_entropy": _chemicals(
        "J/(mol atoms K)", "standard entropy per mole of atoms, 298.15 K", inorganic.standard_entropy
    ),
    "heat_capacity": _chemicals(
        "J/(mol atoms K)", "heat capacity per mole of atoms, 298.15 K", inorganic.heat_capacity
    ),
}
for _sign in "pn":
    _PROPERTIES |= {
        f"mp_seebeck_{_sign}": _transport("seebeck_coefficient", f"S_{_sign}", False, "Seebeck coefficient"),
        f"mp_power_factor_{_sign}": _transport("power_factor", f"PF_{_sign}", True, "power factor"),
        f"mp_conductivity_{_sign}": _transport(
            "electrical_conductivity", f"sigma_{_sign}", True, "electrical conductivity"
        ),
        f"mp_electronic_thermal_conductivity_{_sign}": _transport(
            "electronic_thermal_conductivity",
            f"kappa_{_sign}",
            True,
            "electronic part of the thermal conductivity",
        ),
        f"mp_effective_mass_{_sign}": _transport("effective_mass", f"m_{_sign}", True, "conductivity effective mass"),
    }

for _name, _molecular in molecules.PROPERTIES.items():
    _PROPERTIES[_name] = _Entry(
        _molecular.quantity,
        _molecular.unit,
        _molecular.log,
        "chemicals",
        _CHEMICALS[1],
        _molecular.description,
        _molecular.citation,
        _molecular.load,
        "source",
        (0,),
    )

_TALLIED = ("conductivity", "temperature_k", "sample", "citation_checked", "check_source")
# name -> file in tables/ and quantity
_TARGETS = {
    "ltc": "lattice_thermal_conductivity",
    "polymer_thermal_conductivity": "polymer_thermal_conductivity",
    "tg": "glass_transition_temperature",
}
_CANDIDATES: dict[str, tuple[Callable[[], pa.Table], str]] = {
    "default": (
        matminer.default_candidates,
        f"the formulas of mp_formulas, filled up with charge-balanced enumerated ones; "
        f"`origin` tells them apart ({matminer.DEFAULT_ROWS:,} rows)",
    ),
    "mp_formulas": (matminer.mp_formulas, _FORMULAS),
}


def known() -> tuple[str, ...]:
    """Return the names of the embedded data sets, without reading any of them."""
    return (*_present_targets(), *_PROPERTIES, *_CANDIDATES)


def names() -> list[DatasetInfo]:
    """Return what is known about every embedded data set; reads them all to count rows."""
    return [info(name) for name in known()]


def info(name: str) -> DatasetInfo:
    """Return what is known about one embedded data set.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name in _CANDIDATES:
        load, description = _CANDIDATES[name]
        source, licence = _MATMINER
        return DatasetInfo(name, "candidates", "", "", load().num_rows, source, licence, description, _RICCI)
    entry, data = _entry(name), table(name)
    return DatasetInfo(
        name,
        entry.kind,
        entry.quantity,
        entry.unit or ("" if entry.kind == "target" else UNIT_UNSTATED),
        len(data),
        entry.source,
        entry.licence,
        entry.description,
        entry.citation,
        entry.log,
    )


@cache
def table(name: str, log: bool = False) -> PropertyTable:
    """Return an embedded property table; `log` fits ln(value) even where the data set does not by itself.

    Raises
    ------
    UserError
        If there is no such property, or the package that carries it is missing.
    """
    if name in _CANDIDATES:
        raise UserError(f"'{name}' is a list of candidates, not a property; use it with --catalog")
    entry = _entry(name)
    rows = entry.load()
    notes = (*rows.notes, UNIT_UNSTATED) if not entry.unit else rows.notes
    merged = assemble(
        name,
        rows.formulas,
        rows.values,
        ids=rows.ids,
        log=log or entry.log,
        quantity=entry.quantity,
        unit=entry.unit,
        source=f"{entry.source}; {entry.citation}",
        licence=entry.licence,
        sha256=rows.sha256,
        notes=notes,
        attachments=entry.attachments,
    )
    # Upstream formulas are in Hill order (FLi); people know them as reduced formulas (LiF).
    merged.values.setflags(write=False)  # shared by every caller
    return replace(merged, materials=merged.keys)


def candidates(name: str) -> pa.Table:
    """Return an embedded list of candidates, columns `id` and `formula` first.

    Raises
    ------
    UserError
        If there is no such list.
    """
    if name not in _CANDIDATES:
        what = "a property, not a list of candidates" if name in known() else "not an embedded data set"
        raise UserError(f"'{name}' is {what}; candidates: {', '.join(_CANDIDATES)}")
    return _CANDIDATES[name][0]()


def _entry(name: str) -> _Entry:
    if name in _PROPERTIES:
        return _PROPERTIES[name]
    if name in _present_targets():
        return _typed_entry(name)
    raise UserError(unknown_name(name, known()))


def unknown_name(name: str, known: tuple[str, ...]) -> str:
    """Say that `name` is neither a data set nor a file, with the nearest known name."""
    if (stem := name.partition(":")[0]) in pulled.PULLABLE:
        return f"'{stem}' has not been pulled: {pulled.how(stem)}"
    if (file := path_of(name.rpartition(":")[0])).is_file() and not readers.suffix_of(file):
        return readers.unknown_suffix(file)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "; see `kakehashi catalogs list`"
    return f"'{name}' is neither an embedded data set nor a table file ({', '.join(readers.SUFFIXES)}){hint}"


def _tally(records: list[dict[str, str]], column: str) -> str:
    """Say how often each text of a column occurs: rows of one table need not be alike."""
    counts = Counter(record[column] or "not stated" for record in records).most_common()
    return f"{column}: {', '.join(f'{text} ({count})' for text, count in counts)}"


def _present_targets() -> tuple[str, ...]:
    return tuple(name for name, stem in _TARGETS.items() if (TABLES / f"{stem}.csv").is_file())


@cache
def _typed_entry(name: str) -> _Entry:
    quantity = _TARGETS[name]
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
    return _Entry(
        quantity,
        units[0],
        quantity != "glass_transition_temperature",
        f"catalogs/tables/{path.name}",
        "facts typed with a citation per row",
        f"{quantity.removeprefix('polymer_').replace('_', ' ')} of {'polymers' if material == 'smiles' else 'crystals'}"
        f"{at}, published values typed as facts; what was measured is in the notes",
        "; ".join(citations) if len(citations) <= 3 else f"{len(citations)} citations, one in each row",
        lambda: rows,
        "target",
        (2,) if material == "smiles" else None,
    )
