"""Find impossible values, placeholders for missing ones, and mixed units."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.properties.column_units import is_logarithm
from kakehashi.catalogs.quantities import Quantity, convert, unit_or_none
from kakehashi.catalogs.records import FloatArray, UserError
from kakehashi.catalogs.shown import shortened

Texts = NDArray[np.object_]
Rows = NDArray[np.int64]
# Rows shown in a message.
SHOWN = 3
# Absolute zero in °F, the lowest number of any scale of temperature.
_LOWEST = -459.67
_KELVIN = 273.15
# Words in a name for a difference, which may be below zero.
_DIFFERENCE = re.compile(r"(^|_)(d|delta|diff|difference|shift|change|error|err|residual|offset|deviation)(_|$)|[Δδ]")
# Patterns in names of quantities and columns that are never negative, and a noun for each.
_NEVER_NEGATIVE = (
    (r"(^|_)(thermal_conductivity|kappa)(_|$)", "thermal conductivity"),
    (r"(^|_)conductivity(_|$)", "conductivity"),
    (r"^(mass_)?density(_|$)", "density"),
    (r"(^|_)(modulus|moduli)(_|$)|^[kg]_vrh$", "modulus"),
    (r"^(molar_|cell_)?volume(_|$)", "volume"),
    (r"(^|_)refractive_index(_|$)", "refractive index"),
    (r"(^|_)(viscosity|molar_mass|molecular_weight)(_|$)", "such quantity"),
)
_DIMENSIONS = {
    "thermal conductivity": "thermal conductivity",
    "electrical conductivity": "conductivity",
    "density": "density",
    "volume per atom": "volume",
    "viscosity": "viscosity",
    "molar mass": "molar mass",
}
# Dimensions with units in use that differ by a factor of 1000.
_THOUSANDS = ("thermal conductivity", "pressure", "density", "energy per atom", "energy", "viscosity")


class Kind(NamedTuple):
    """Bounds of a column's values.

    temperature : on an absolute scale
    noun : a word for what is never negative, else ""
    """

    temperature: bool = False
    noun: str = ""


def kind_of(quantity: Quantity, column: str) -> Kind:
    """Return the bounds of a quantity's values.

    By its name, its unit and the column's name.
    """
    names = [re.sub(r"[^a-z0-9Δδ]+", "_", text.lower()).strip("_") for text in (quantity.name, column)]
    if is_logarithm(column) or any(_DIFFERENCE.search(name) for name in names):
        return Kind()
    unit = unit_or_none(quantity.unit) if quantity.unit else None
    if quantity.name.endswith("temperature") or (unit is not None and unit.dimension == "temperature"):
        return Kind(temperature=True)
    noun = next((noun for pattern, noun in _NEVER_NEGATIVE if any(re.search(pattern, name) for name in names)), "")
    return Kind(noun=noun or _DIMENSIONS.get(unit.dimension if unit else "", ""))


def refusals(values: FloatArray, quantity: Quantity, column: str) -> Texts:
    """Say why each value cannot be, "" otherwise.

    values : (n,) in the quantity's unit
    """
    reasons = np.full(len(values), "", dtype=object)
    kind = kind_of(quantity, column)
    if kind.temperature:
        unit = quantity.unit
        zero = float(convert(np.array([0.0]), "K", unit)[0]) if unit else _LOWEST
        bound = f"{zero:g} {unit}" if unit else "in every unit"
        for i in np.flatnonzero(values < zero - 1e-9):
            reasons[i] = f"below absolute zero ({bound}){_guess_of_temperature(values[i], unit)}"
    elif kind.noun:
        below = np.flatnonzero(values < 0)
        several = sum(not is_placeholder(values[i]) for i in below) > max(1, len(values) // 10)
        for i in below:
            guess = ": looks like a placeholder for a missing value" if is_placeholder(values[i]) else ""
            guess = guess or (": looks like a logarithm or a difference" if several else "")
            reasons[i] = f"below zero, which no {kind.noun} is{guess}"
    return reasons


def _guess_of_temperature(value: float, unit: str) -> str:
    if is_placeholder(value) and (unit != "K" or value < _LOWEST):
        return ": looks like a placeholder for a missing value"
    if unit == "K" and value >= -_KELVIN:
        return ": looks like °C or °F, and the unit of the other rows is worth a look"
    return ": looks like °F" if unit != "degF" and value >= _LOWEST else ""


def is_placeholder(value: float) -> bool:
    """Tell whether programs write a number for a missing value.

    >>> [value for value in (-999.0, 99999.0, 1e30, 300.0) if is_placeholder(value)]
    [-999.0, 99999.0, 1e+30]
    """
    size = abs(value)
    return bool(
        size >= 1e30
        or re.fullmatch(r"99+9(\.9*)?", f"{size:.10g}")
        or value in (-99.0, -99.9, -99.99, -999.25, -32768.0, -2147483648.0)
    )


def placeholders(values: FloatArray) -> Rows:
    """Return the rows of (n,) values that hold placeholders.

    A placeholder lies apart from all other values by more than their range.
    """
    suspect = np.array([is_placeholder(value) for value in values.tolist()], dtype=bool)
    others = values[~suspect]
    if not suspect.any() or not len(others):
        return np.empty(0, np.int64)
    low, high = others.min(), others.max()
    span = max(high - low, abs(high), abs(low))
    return np.flatnonzero(suspect & ((values > high + span) | (values < low - span)))


def shown_rows(rows: Sequence[int], materials: Sequence[str | None], values: FloatArray, most: int = SHOWN) -> str:
    """Name the first of some rows, counted from 0.

    `row 4 (AlP, -9999) and 2 more`: number from 1, material and value.
    """
    first = [(row + 1, materials[row] or "empty", float(values[row])) for row in rows[:most]]
    return named_rows(first, len(rows))


def named_rows(first: Iterable[tuple[int, str, float]], count: int) -> str:
    """Name rows in words, the first of `count`.

    first : number counted from 1, material and value (NaN where there is none)

    >>> named_rows([(4, "AlP", -9999.0)], 3)
    'row 4 (AlP, -9999) and 2 more'
    """
    texts = [
        f"row {row} ({shortened(material)}{'' if math.isnan(value) else f', {value:.6g}'})"
        for row, material, value in first
    ]
    names = ", ".join(texts)
    return f"{names} and {count - len(texts):,} more" if count > len(texts) else names


def ask_unit(
    where: str, column: str, quantity: Quantity, materials: Sequence[str | None], values: FloatArray, mixed: str
) -> None:
    """Ask for the unit of temperatures below zero.

    materials, values : of all n rows of the table, NaN where there is no value
    mixed : remarks on units

    Raises
    ------
    UserError : they have no unit, and cannot be in K.
    """
    if quantity.unit or not kind_of(quantity, column).temperature:
        return
    below = np.flatnonzero((values < 0) & (values >= _LOWEST))
    if len(below):
        count = f"{len(below):,} values are" if len(below) > 1 else "1 value is"
        raise UserError(
            f"{where}: {column} has no unit, and {count} below 0, which no temperature in K is:"
            f" {shown_rows(below.tolist(), materials, values)}; {mixed + '; ' if mixed else ''}"
            f"say which unit it is: --unit {shlex.quote(column + '=degC')} (or degF), or --unit"
            f" {shlex.quote(column + '=K')} to set these rows aside"
        )


def mixed_units(quantity: Quantity, column: str, low: FloatArray, high: FloatArray, keys: Texts) -> str:
    """Describe materials with one value in two units.

    "" where there are none.

    low, high : (n,) the smallest and largest value of each of n materials that have several
    """
    kind, unit = kind_of(quantity, column), unit_or_none(quantity.unit) if quantity.unit else None
    pairs = []
    if kind.temperature:
        pairs.append(("K and °C", np.abs(high - low - _KELVIN) < 0.16))  # 273 to 273.3, as people round
    elif unit is not None and unit.dimension in (
        "thermal conductivity",
        "pressure",
        "density",
        "energy per atom",
        "energy",
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            pairs.append(("units a factor of 1000 apart", np.abs(high / low / 1000 - 1) < 0.002))
    for names, alike in pairs:
        pairs_alike = np.flatnonzero(alike)
        # Of very many pairs some lie so far apart by chance.
        if len(pairs_alike) and len(pairs_alike) > 0.02 * len(keys):
            first = pairs_alike[0]
            count = f"{len(pairs_alike):,} materials have" if len(pairs_alike) > 1 else "1 material has"
            return (
                f"{count} one value in {names} (first {keys[first]}: {low[first]:.6g} and {high[first]:.6g}):"
                " give all values in one unit"
            )
    return ""
