"""Find the columns of materials and ids; tell SMILES from formulas.

Cells decide: `CO2` and `MgO` are no SMILES, `*CC*` and `c1ccccc1` no formulas. Of `CO` or `CN`, which are both, the
column's name decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa

from kakehashi.catalogs.formulas.grammar import parse
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.column_names import (
    IDS,
    KNOWN,
    KNOWN_IDS,
    LIKE_MATERIALS,
    MATERIALS,
    MOLECULES,
    UNITS,
    fold,
    is_index,
)
from kakehashi.catalogs.reading.open_table import OpenTable, Readable
from kakehashi.catalogs.records import UserError

Material = str | Sequence[str] | None
"""Names of the column of materials, the first in a file counts; None for the known names."""

# Cells that are read to tell SMILES from formulas, and their greatest length.
_SAMPLE, _LONGEST = 1000, 5000
_TOKENS = re.compile(r"(?:\[[^\[\]]+\]|Br|Cl|[BCNOPSFIbcnops*]|[-=#$:/\\.()~]|%\d\d|\d)+")
_RINGS = re.compile(r"\[[^\[\]]*\]|(%\d\d|\d)")


def given_columns(material: Material) -> tuple[str, ...]:
    """Return the names given for the column of materials."""
    return () if material is None else (material,) if isinstance(material, str) else tuple(material)


def material_column(names: Sequence[str], where: Readable | str, material: Material = None) -> str:
    """Return the column that holds formulas or SMILES.

    The first named column that the table has, else one with a known name.

    >>> material_column(["id", "Formula", "kappa"], "t.csv")
    'Formula'

    where : the table, whose cells are read where a name alone does not tell
    """
    if choices := given_columns(material):
        column = next((name for name in choices if name in names), None) or _nearly(choices, names)
        if column is None:
            if len(choices) == 1:
                readers.require(choices[0], names, str(where))
            raise UserError(f"{where}: none of the columns {', '.join(choices)} (columns: {', '.join(names)})")
        return column
    by_fold = {fold(name): name for name in reversed(names)}
    exact = next((name for name in MATERIALS if name in names), None)
    alike = (by_fold[key] for key in map(fold, LIKE_MATERIALS) if key in by_fold)
    if (column := exact or next(alike, None)) is not None:
        return column
    units = (by_fold[key] for key in map(fold, UNITS) if key in by_fold)
    if (column := next((name for name in units if _are_smiles(where, name)), None)) is not None:
        return column
    raise UserError(
        f"{where}: no column 'formula', 'composition' or 'smiles' (columns: {', '.join(names)}); "
        f"name it with --material {_likely(where, names) or 'COL'}"
    )


def smiles_column(names: Sequence[str], where: Path | str, material: Material = None) -> str:
    """Return the column of a file that holds SMILES only.

    The first named column that the file has, else one with a known name.

    >>> smiles_column(["name", "PSMILES"], "pool.csv")
    'PSMILES'
    """
    bare = {name.strip(): name for name in reversed(names)}
    by_fold = {fold(name): name for name in reversed(names)}
    choices = (bare[name.strip()] for name in given_columns(material) if name.strip() in bare)
    known = (by_fold[fold(name)] for name in MOLECULES if fold(name) in by_fold)
    if (column := next(choices, None) or (MOLECULES[0] if MOLECULES[0] in names else next(known, None))) is None:
        raise UserError(
            f"{where}: no column '{MOLECULES[0]}' (columns: {', '.join(names)}); name it with --material COL"
        )
    return column


def column_like(name: str, names: Sequence[str]) -> str | None:
    """Return a column by name, whatever case and blanks."""
    return name if name in names else next((candidate for candidate in names if fold(candidate) == fold(name)), None)


def _nearly(choices: Iterable[str], names: Sequence[str]) -> str | None:
    """Return the first column named but for outer blanks."""
    bare = {name.strip(): name for name in reversed(names)}
    return next((bare[name.strip()] for name in choices if name.strip() in bare), None)


def holds_smiles(column: str, texts: Iterable[str | None]) -> bool:
    """Tell SMILES from formulas, by name or cells.

    >>> holds_smiles("polymer", ["*CC*", "*CC(C)*"]), holds_smiles("formula", ["GaAs", "NaCl"])
    (True, False)

    """
    if "smiles" in column.lower():
        return True
    smiles, formulas = _count(texts)
    return smiles > formulas or (smiles == formulas and fold(column) in map(fold, UNITS))


def file_holds_smiles(table: Readable, column: str) -> bool:
    """Tell whether a column of a table holds SMILES."""
    return holds_smiles(column, () if "smiles" in column.lower() else first_cells(table, column))


def first_cells(table: Readable, column: str) -> list[str]:
    """Return the first filled cells of a text column.

    None of a column of another type.
    """
    cells: list[str] = []
    seen = 0
    for piece in readers.batches(table, [column]):
        if not (readers.is_text(piece[column].type) or pa.types.is_null(piece[column].type)):
            return []
        filled = [cell for cell in piece[column].to_pylist() if cell and cell.strip()][: _SAMPLE - seen]
        seen += len(filled)
        cells += [cell for cell in filled if len(cell) <= _LONGEST]
        if seen == _SAMPLE:
            break
    return cells


def id_column(names: Sequence[str]) -> str | None:
    """Return the column of identifiers, None where there is none."""
    exact = next((name for name in IDS if name in names), None)
    return exact or next((name for name in names if fold(name) in KNOWN_IDS), None)


def is_no_value(name: str) -> bool:
    """Tell whether a name means materials, ids or row numbers."""
    return fold(name) in KNOWN | KNOWN_IDS or is_index(name)


def _count(texts: Iterable[str | None]) -> tuple[int, int]:
    """Count cells that are only SMILES, and only formulas."""
    smiles = formulas = 0
    for cell in islice((text.strip() for text in texts if text and text.strip()), _SAMPLE):
        like_smiles, like_formula = _like_smiles(cell), _like_formula(cell)
        smiles += like_smiles and not like_formula
        formulas += like_formula and not like_smiles
    return smiles, formulas


def _like_smiles(text: str) -> bool:
    """Tell whether a text looks like SMILES.

    Made of atoms and bonds, each ring opened and closed.
    """
    if not _TOKENS.fullmatch(text) or text.count("(") != text.count(")"):
        return False
    rings = [ring_mark for ring_mark in _RINGS.findall(text) if ring_mark]
    return all(rings.count(ring) % 2 == 0 for ring in set(rings))


def _like_formula(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _are_smiles(where: Readable | str, column: str) -> bool:
    smiles, formulas = _count(_cells(where, column))
    return smiles > formulas


def _likely(where: Readable | str, names: Sequence[str]) -> str | None:
    """Return the first column that looks like materials, for advice."""
    for name in names:
        cells = _cells(where, name)
        if cells and 2 * sum(_like_smiles(cell.strip()) or _like_formula(cell.strip()) for cell in cells) > len(cells):
            return f"'{name}'" if re.search(r"\W", name) else name
    return None


def _cells(where: Readable | str, column: str) -> list[str]:
    table = Path(where) if isinstance(where, str) else where
    return first_cells(table, column) if isinstance(table, OpenTable) or table.exists() else []
