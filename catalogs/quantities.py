"""Quantities and units: names, unit texts, explicit conversions, and units read from column names."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from catalogs.records import FloatArray, UserError

EV_PER_KJ_MOL = 1.0 / 96.48533212331  # CODATA 2018, exact constants


class Quantity(NamedTuple):
    """A property, the unit its values are kept in ("" means as given), and what it is."""

    name: str
    unit: str
    description: str = ""


class Unit(NamedTuple):
    """A unit of `dimension`: value in the dimension's base unit = value * scale + offset."""

    text: str
    dimension: str
    scale: float = 1.0
    offset: float = 0.0


_UNITS = (
    Unit("K", "temperature"),
    Unit("degC", "temperature", 1.0, 273.15),
    Unit("W/(m K)", "thermal conductivity"),
    Unit("mW/(m K)", "thermal conductivity", 1e-3),
    Unit("W/(cm K)", "thermal conductivity", 100.0),
    Unit("eV/atom", "energy per atom"),
    Unit("meV/atom", "energy per atom", 1e-3),
    Unit("kJ/(mol atoms)", "energy per atom", EV_PER_KJ_MOL),
    Unit("kJ/mol", "energy per mole of formula"),
    Unit("J/mol", "energy per mole of formula", 1e-3),
    Unit("kcal/mol", "energy per mole of formula", 4.184),
    Unit("J/(mol K)", "entropy or heat capacity per mole of formula"),
    Unit("J/(mol atoms K)", "entropy or heat capacity per mole of atoms"),
    Unit("eV", "energy"),
    Unit("meV", "energy", 1e-3),
    Unit("GPa", "pressure"),
    Unit("MPa", "pressure", 1e-3),
    Unit("Pa", "pressure", 1e-9),
    Unit("g/cm3", "density"),
    Unit("kg/m3", "density", 1e-3),
    Unit("A3/atom", "volume per atom"),
    Unit("cm-1", "wavenumber"),
    Unit("uV/K", "Seebeck coefficient"),
    Unit("1", "number"),
)
_ALIASES = {
    "°C": "degC",
    "℃": "degC",
    "W/mK": "W/(m K)",
    "W/m/K": "W/(m K)",
    "Wm-1K-1": "W/(m K)",
    "mW/mK": "mW/(m K)",
    "W/cmK": "W/(cm K)",
    "J/molK": "J/(mol K)",
    "J/mol/K": "J/(mol K)",
    "Jmol-1K-1": "J/(mol K)",
    "kJmol-1": "kJ/mol",
    "g/cc": "g/cm3",
    "g/mL": "g/cm3",
    "gcm-3": "g/cm3",
    "kgm-3": "kg/m3",
    "Å3/atom": "A3/atom",
    "1/cm": "cm-1",
    "µV/K": "uV/K",  # micro sign
    "μV/K": "uV/K",  # Greek mu
}


def _squeeze(text: str) -> str:
    return re.sub(r"[\s·*^]", "", text)


_BY_TEXT = {_squeeze(unit.text): unit for unit in _UNITS}
_BY_TEXT |= {alias: _BY_TEXT[_squeeze(text)] for alias, text in _ALIASES.items()}


def parse_unit(text: str) -> Unit:
    """Return the unit a text such as `W/(m K)`, `W/m/K` or `degC` stands for.

    Raises
    ------
    UserError
        If the text is not a unit that can be converted.
    """
    unit = _BY_TEXT.get(_squeeze(text))
    if unit is None:
        known = ", ".join(unit.text for unit in _UNITS)
        raise UserError(f"unknown unit '{text}'; known units: {known}")
    return unit


def convert(values: FloatArray, unit: str, to: str, atoms: FloatArray | float | None = None) -> FloatArray:
    """Convert `values` from `unit` to `to`.

    `atoms` (atoms per formula) relates energies and entropies per mole of formula to those per atom.

    Raises
    ------
    UserError
        If the units measure different things, or one of them is unknown.
    """
    values = np.asarray(values, dtype=np.float64)
    if unit == to:
        return values
    if not unit or not to:
        raise UserError(f"cannot convert '{unit or 'no unit'}' to '{to or 'no unit'}': state the unit of both")
    source, target = parse_unit(unit), parse_unit(to)
    base = values * source.scale + source.offset
    if source.dimension != target.dimension:
        per_atom = {
            ("energy per mole of formula", "energy per atom"): EV_PER_KJ_MOL,
            (
                "entropy or heat capacity per mole of formula",
                "entropy or heat capacity per mole of atoms",
            ): 1.0,
        }
        forward = per_atom.get((source.dimension, target.dimension))
        backward = per_atom.get((target.dimension, source.dimension))
        if forward is None and backward is None:
            raise UserError(f"cannot convert {source.text} ({source.dimension}) to {target.text} ({target.dimension})")
        if atoms is None:
            raise UserError(f"converting {source.text} to {target.text} needs the atoms per formula")
        base = base * forward / atoms if forward is not None else base / (backward or 1.0) * atoms
    return np.asarray((base - target.offset) / target.scale, dtype=np.float64)


_TEMPERATURES = {
    "tg": Quantity("glass_transition_temperature", "K", "glass transition temperature"),
    "tm": Quantity("melting_temperature", "K", "melting temperature"),
    "tb": Quantity("boiling_temperature", "K", "boiling temperature at normal pressure"),
    "temperature": Quantity("temperature", "K", "temperature"),
    "debye": Quantity("debye_temperature", "K", "Debye temperature"),
}
_SUFFIXES = (  # longest first: `_ev_atom` before `_ev`
    (r"_w_?m_?k$", "W/(m K)"),
    (r"_mev_(per_)?atom$", "meV/atom"),
    (r"_ev_(per_)?atom$", "eV/atom"),
    (r"_kj_mol$", "kJ/mol"),
    (r"_j_mol_?k$", "J/(mol K)"),
    (r"_(g_cm3|g_cc)$", "g/cm3"),
    (r"_kg_m3$", "kg/m3"),
    (r"_gpa$", "GPa"),
    (r"_mpa$", "MPa"),
    (r"_ev$", "eV"),
    (r"_cm_1$", "cm-1"),
)
_NAMES = {
    "kappa": "thermal_conductivity",
    "thermal_conductivity": "thermal_conductivity",
    "density": "density",
    "band_gap": "band_gap",
    "bandgap": "band_gap",
    "k_vrh": "bulk_modulus",
    "g_vrh": "shear_modulus",
    "formation_energy": "formation_energy",
}


def infer(column: str) -> Quantity:
    """Read quantity and unit from a column name where that is unambiguous; otherwise unit "" (as given)."""
    text = column.strip().lower()
    if "log" in text or text.startswith("ln"):
        return Quantity(column, "", "as given")
    tokens = text.split("_")
    if tokens[0] in _TEMPERATURES:
        quantity = _TEMPERATURES[tokens[0]]
        marks = [token for token in tokens[1:] if token in ("k", "c")]
        unit = {"k": "K", "c": "degC"}[marks[0]] if len(marks) == 1 else ""
        return quantity._replace(unit=unit)
    unit, stem = "", text
    for pattern, candidate in _SUFFIXES:
        if re.search(pattern, text):
            unit, stem = candidate, re.sub(pattern, "", text)
            break
    name = next((value for key, value in _NAMES.items() if stem == key or stem.startswith(key + "_")), column)
    return Quantity(name, unit, "" if unit else "as given")
