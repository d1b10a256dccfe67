"""`kh.load`: a property table from a name, a file or a table in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kakehashi.catalogs.crystals.structures import structure_file
from kakehashi.catalogs.crystals.tables import load_crystals
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.refused import check_share
from kakehashi.catalogs.properties.stated_units import Units
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.networks.crystal.source import connected
from kakehashi.screen.runs.flags import MAX_REJECTED
from kakehashi.screen.screening.tables import as_entry, check_units, warn_of


def load(
    table: Any,
    *,
    value: str | None = None,
    log: bool = False,
    material: str | Sequence[str] | None = None,
    folds: str | None = None,
    unit: Units = None,
    max_rejected: float = MAX_REJECTED,
    errors: Literal["raise", "collect"] = "raise",
    structures: bool | str | Path = False,
) -> PropertyTable:
    """Load a property table by name, from a file or from memory.

    Parameters
    ----------
    table : a name of `kakehashi catalogs list`, FILE or "FILE:COLUMN" (text or a path, `~` is the home folder), a data
        frame (pandas, polars or another that speaks Arrow), an Arrow table, or columns as {name: cells}.
    value : the value column, where it is not the only one of numbers.
    material : the column of formulas or SMILES, where its name does not tell; of several the first that the file has.
    log : fit ln(value).
    unit : of the values, where neither the column's name nor the file says it, such as "degC"; or by column, a mapping.
    max_rejected : share of the rows with a value that may be refused before that is an error.
    errors : "collect" keeps any share of refused rows, infinite values among them, in `rejected`, with a warning.
    structures : load a property of crystal structures, a row each: True takes them from the table's own columns, a path
        (a table, a folder of CIF or POSCAR files, JSON documents) by id.

    Raises
    ------
    UserError : no such file or column, cells that are no numbers, too many refused rows,
        fewer than 10 usable compositions, ...

    Examples
    --------
    >>> import kakehashi as kh
    >>> table = kh.load("ltc", log=True)
    >>> len(table), table.unit
    (31, 'W/(m K)')
    >>> formulas = ["LiF", "NaCl", "KBr", "MgO", "CaO", "SrO", "ZnS", "GaAs", "InP", "CdTe"]
    >>> len(kh.load({"formula": formulas, "gap_ev": [14.2, 8.5, 7.4, 7.8, 7.1, 5.2, 3.7, 1.42, 1.34, 1.5]}))
    10
    """
    if errors not in ("raise", "collect"):
        raise UserError(f"errors: expected 'raise' or 'collect', got {errors!r}")
    check_share(max_rejected)
    collect = errors == "collect"
    limit = 1.0 if collect else max_rejected
    given = as_entry(table)
    if isinstance(given, PropertyTable):
        raise UserError(f"load: {given.name} is loaded already")
    if structures is False:
        loaded = load_table(
            given, value=value, log=log, material=material, folds=folds, units=unit, max_rejected=limit, collect=collect
        )
    else:
        by_id = None if structures is True else structure_file(path_of(structures))
        loaded = connected(
            load_crystals(
                given, value=value, log=log, material=material, folds=folds, structures=by_id, units=unit,
                max_rejected=limit,
            )
        )  # fmt: skip
    check_units(unit, [given], [loaded])
    warn_of([given], [loaded], stacklevel=3)
    return loaded
