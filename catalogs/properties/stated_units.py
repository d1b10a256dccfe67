"""Units stated beside a column's name.

Either by `--unit COLUMN=UNIT` or in a row of units under the header.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from kakehashi.catalogs.properties.column_units import is_logarithm
from kakehashi.catalogs.quantities import Quantity, parse_unit, unit_or_none
from kakehashi.catalogs.records import UserError

# Units by column, or by FILE:COLUMN; or one unit of the value column.
Units = Mapping[str, str] | str | None


def parse_units(texts: Iterable[str]) -> dict[str, str]:
    """Read `COLUMN=UNIT` or `FILE:COLUMN=UNIT`.

    >>> parse_units(["tg=degC"])
    {'tg': 'degC'}

    Raises
    ------
    UserError : no `=`, an unknown unit, or a column that is named twice.
    """
    units: dict[str, str] = {}
    for text in texts:
        column, equals, unit = (part.strip() for part in text.rpartition("="))
        if not (column and equals and unit):
            raise UserError(f"--unit: expected COLUMN=UNIT, such as tg=degC, got {text!r}")
        if column in units:
            raise UserError(f"--unit: column {column!r} is given twice; give it one unit")
        try:
            units[column] = parse_unit(unit).text
        except UserError as error:
            raise UserError(f"--unit {text}: {error}; without --unit the values are taken as given") from None
    return units


def stated_unit(units: Units, path: Path, column: str) -> str | None:
    """Return the unit stated for a column, else None."""
    if units is None or isinstance(units, str):
        return None if units is None else parse_unit(units).text
    unit = next((units[key] for key in (f"{path}:{column}", column) if key in units), None)
    return None if unit is None else parse_unit(unit).text


def check_named(units: Units, columns: Iterable[tuple[str, str]]) -> None:
    """Refuse units of columns that nothing is read from.

    columns : file and value column of each
    """
    if not units or isinstance(units, str):
        return
    known = list(dict.fromkeys(name for path, column in columns for name in (column, f"{path}:{column}")))
    for key in units:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (columns: {', '.join(known[::2]) or 'none'})"
            raise UserError(f"--unit {key}={units[key]}: no target or source is read from a column of that name{hint}")


def with_unit(quantity: Quantity, column: str, where: Path | str, stated: Iterable[str | None]) -> Quantity:
    """Set the unit stated for a quantity; units never mix.

    Raises
    ------
    UserError : a unit other than the one its name says or another statement, or one of logarithms.
    """
    for unit in stated:
        if unit is None or unit == quantity.unit:
            continue
        if quantity.unit:
            raise UserError(
                f"{where}: column '{column}' is in {quantity.unit} by its own name or file, and in {unit} by --unit or"
                " a row of units: say it once; rename the column where its name is wrong"
            )
        if is_logarithm(column):
            raise UserError(f"{where}: column '{column}' holds logarithms, which have no unit; leave out --unit")
        if quantity.name.endswith("temperature") and parse_unit(unit).dimension != "temperature":
            raise UserError(f"{where}: column '{column}' is a {quantity.name.replace('_', ' ')}, not in {unit}")
        quantity = quantity._replace(unit=unit, description="")
    return quantity


def unit_of_cell(material: str | None, cell: object) -> str | None:
    """Return the unit in a row of units, else None.

    Such a row has no material.
    """
    if not isinstance(cell, str) or (material or "").strip() or not cell.strip():
        return None
    unit = unit_or_none(cell.strip().strip("()[]"))
    return None if unit is None or unit.dimension == "number" else unit.text
