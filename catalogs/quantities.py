"""Units: their table, spellings and conversions."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.records import FloatArray, UserError

EV_PER_KJ_MOL = 1.0 / 96.48533212331  # CODATA 2018, exact constants


class Quantity(NamedTuple):
    """Property and its unit.

    Values in the unit "" stay as in the file.
    """

    name: str
    unit: str
    description: str = ""


class Unit(NamedTuple):
    """Unit of a dimension.

    Value in the base unit = value * scale + offset.
    """

    text: str
    dimension: str
    scale: float = 1.0
    offset: float = 0.0


_UNITS = (
    Unit("K", "temperature"),
    Unit("degC", "temperature", 1.0, 273.15),
    Unit("degF", "temperature", 5 / 9, 459.67 * 5 / 9),
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
    Unit("S/m", "electrical conductivity"),
    Unit("S/cm", "electrical conductivity", 100.0),
    Unit("J/(kg K)", "specific heat capacity"),
    Unit("J/(g K)", "specific heat capacity", 1e3),
    Unit("Pa s", "viscosity"),
    Unit("mPa s", "viscosity", 1e-3),
    Unit("g/mol", "molar mass"),
    Unit("kg/mol", "molar mass", 1e3),
    Unit("barrer", "gas permeability"),
    Unit("1", "number"),
)
_ALIASES = {  # as `_squeeze` leaves them
    "K": ("kelvin", "Kelvin", "degK", "°K"),
    "degC": ("C", "°C", "oC", "degreeC", "degreesC", "Celsius", "degreeCelsius", "degreesCelsius"),
    "degF": ("F", "°F", "oF", "degreeF", "degreesF", "Fahrenheit", "degreeFahrenheit", "degreesFahrenheit"),
    "W/(m K)": ("W/mK", "W/mk", "W/m/K", "W/m-K", "W/(m-K)", "W/Km", "W/(Km)", "W/K/m", "Wm-1K-1", "WK-1m-1"),
    "mW/(m K)": ("mW/mK", "mW/mk", "mW/m/K", "mWm-1K-1"),
    "W/(cm K)": ("W/cmK", "W/cm/K", "Wcm-1K-1"),
    "eV/atom": ("eV/at", "eVatom-1"),
    "meV/atom": ("meV/at", "meVatom-1"),
    "kJ/mol": ("kJmol-1",),
    "J/mol": ("Jmol-1",),
    "kcal/mol": ("kcalmol-1",),
    "J/(mol K)": ("J/molK", "J/mol/K", "J/mol-K", "Jmol-1K-1", "JK-1mol-1"),
    "J/(kg K)": ("J/kgK", "J/kg/K", "Jkg-1K-1"),
    "J/(g K)": ("J/gK", "J/g/K", "Jg-1K-1"),
    "g/cm3": ("g/cc", "g/mL", "g/ml", "gcm-3", "gcc-1"),
    "kg/m3": ("kgm-3",),
    "A3/atom": ("Å3/atom",),
    "cm-1": ("1/cm",),
    "uV/K": ("μV/K", "μVK-1", "uVK-1"),
    "S/m": ("Sm-1",),
    "S/cm": ("Scm-1",),
    "g/mol": ("gmol-1",),
    "kg/mol": ("kgmol-1",),
    "barrer": ("Barrer",),
}
_SAME = str.maketrans({"˚": "°", "º": "°", "\N{MINUS SIGN}": "-", "–": "-"})


def _squeeze(text: str) -> str:
    """Reduce a unit text to its letters and digits.

    Blanks and signs of products and powers go; superscripts become digits.
    """
    same = unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME)
    return re.sub(r"[\s·⋅∙•*^._{}]", "", same)


_BY_TEXT = {_squeeze(unit.text): unit for unit in _UNITS}
_BY_TEXT |= {_squeeze(alias): _BY_TEXT[_squeeze(text)] for text, aliases in _ALIASES.items() for alias in aliases}
_IN_SMALL = {text.lower(): unit for text, unit in _BY_TEXT.items()}


def unit_or_none(text: str) -> Unit | None:
    """Return a text's unit, None if unknown.

    Texts in small letters, as in column names, stand for the unit they resemble: `gpa`, `w/mk`.
    """
    squeezed = _squeeze(text)
    return _BY_TEXT.get(squeezed) or (_IN_SMALL.get(squeezed) if squeezed == squeezed.lower() else None)


def parse_unit(text: str) -> Unit:
    """Parse a unit text.

    Raises
    ------
    UserError : unknown unit.

    >>> parse_unit("W m-1 K-1").text
    'W/(m K)'
    """
    unit = unit_or_none(text)
    if unit is None:
        known = ", ".join(unit.text for unit in _UNITS)
        raise UserError(f"unknown unit '{text}'; known units: {known}")
    return unit


def convert(values: FloatArray, unit: str, to: str, atoms: FloatArray | float | None = None) -> FloatArray:
    """Convert values between units.

    Parameters
    ----------
    values : (n,) in `unit`
    to : target unit
    atoms : (n,) atoms per formula, which relate energies and entropies per mole of formula to those per atom

    Raises
    ------
    UserError : an unknown unit, or units of different dimensions.

    >>> convert(np.array([25.0]), "degC", "K").tolist()
    [298.15]
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
