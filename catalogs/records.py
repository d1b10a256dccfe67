"""Shared records: materials, property tables, rejected rows, the user's errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.numbers import interval

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int16]


class UserError(ValueError):
    """Error of the user's input or configuration.

    Its message is one line: what was expected, what came, where (file, row), and what to do. The command line prints
    it and exits with `code`.
    """

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class Rejected(NamedTuple):
    """Row of a table that could not be used.

    row : number of the data row, from 1
    value : as in the table, NaN if unknown
    """

    table: str
    row: int
    id: str
    formula: str
    reason: str
    value: float = math.nan


class Compositions(NamedTuple):
    """Compositions as fixed element slots.

    Slots are in the order of `catalogs.elements.ORDER`.

    elements : (n, 16) int16, index into the 94 tabulated elements, -1 in unused slots
    amounts : (n, 16) float64, atoms per formula as written, 0 in unused slots
    """

    elements: IndexArray
    amounts: FloatArray

    def take(self, rows: NDArray[np.integer]) -> Compositions:
        """Select rows."""
        return Compositions(self.elements[rows], self.amounts[rows])


class Molecules(NamedTuple):
    """Repeat units (two `*`) or molecules (none).

    smiles : (n,) canonical SMILES
    keys : (n,) names that every frame shift of one polymer shares
    """

    smiles: tuple[str, ...]
    keys: tuple[str, ...]

    def take(self, rows: NDArray[np.integer]) -> Molecules:
        """Select rows."""
        return Molecules(tuple(self.smiles[i] for i in rows), tuple(self.keys[i] for i in rows))


class Crystals(NamedTuple):
    """Crystal structures with concatenated sites.

    compositions : of the n cells
    sites : (n + 1,) int64, structure i has the sites sites[i] to sites[i + 1]
    lattices : (n, 3, 3) row vectors in Å
    elements : (sites,) int16, index into the 94 tabulated elements
    positions : (sites, 3) fractional coordinates
    """

    compositions: Compositions
    sites: NDArray[np.int64]
    lattices: FloatArray
    elements: IndexArray
    positions: FloatArray

    def take(self, rows: NDArray[np.integer]) -> Crystals:
        """Select rows."""
        chosen = ragged(self.sites, rows)
        counts = np.diff(self.sites)[rows]
        return Crystals(
            self.compositions.take(rows),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            self.lattices[rows],
            self.elements[chosen],
            self.positions[chosen],
        )


def ragged(offsets: NDArray[np.int64], rows: NDArray[np.integer]) -> NDArray[np.int64]:
    """List the places of some rows' entries.

    Row i has the entries offsets[i] to offsets[i + 1].

    >>> ragged(np.array([0, 2, 3]), np.array([1, 0])).tolist()
    [2, 0, 1]
    """
    counts = np.diff(offsets)[rows]
    ends = np.cumsum(counts)
    shifts: NDArray[np.int64] = np.repeat(offsets[:-1][rows] - ends + counts, counts)
    return np.arange(len(shifts), dtype=np.int64) + shifts


Inputs = Compositions | Molecules | Crystals


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PropertyTable:
    """Values of one property, one row per material.

    A row is a reduced formula, a repeat unit or a crystal structure.

    ids : (n,) identifiers
    materials : (n,) formulas or SMILES as in the table, of the first row where several were merged
    keys : (n,) reduced formulas or polymer keys
    compositions : (n, 16) slots of the formulas, or of the repeat units without their `*`
    values : (n,) float64 in `unit`; the median of merged rows
    log : models fit ln(value)
    folds : (n,) fold numbers of the table, or None
    dealt : how the folds were dealt, "" where the table gives them
    rows, missing : number of rows in the table, and of those without a value
    rejected : rows that could not be used
    notes : sentences for the report (merged duplicates, conversions, ...)
    molecules : of a table of SMILES, else None
    crystals : of a table of structures, else None; its rows may share a key
    unmeasured : SMILES without a value
    warnings : sentences for the terminal too: words for a missing value, placeholders, units that seem mixed
    row_numbers : (n,) numbers of the data rows, from 1, of the first row where several were merged; None if unknown
    """

    name: str
    quantity: str
    unit: str
    ids: tuple[str, ...]
    materials: tuple[str, ...]
    keys: tuple[str, ...]
    compositions: Compositions
    values: FloatArray
    log: bool = False
    folds: NDArray[np.int64] | None = None
    source: str = ""
    licence: str = ""
    sha256: str = ""
    rows: int = 0
    missing: int = 0
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = field(default=())
    molecules: Molecules | None = None
    crystals: Crystals | None = None
    unmeasured: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    row_numbers: NDArray[np.int64] | None = None
    dealt: str = ""

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        kind = "structures" if self.crystals is not None else "compositions" if self.molecules is None else "molecules"
        low, high = (float(self.values.min()), float(self.values.max())) if len(self) else (math.nan, math.nan)
        counts = f"{self.rows:,} rows, {self.missing:,} without a value, {len(self.rejected):,} refused"
        return "\n  ".join(
            [
                f"PropertyTable {self.name}: {len(self):,} {kind}{' (ln is fitted)' if self.log else ''}",
                f"{self.quantity}: {interval(low, high, 4)} {self.unit}".rstrip(),
                counts,
                *(f"refused: {row.formula or 'row ' + str(row.row)}: {row.reason}" for row in self.rejected[:3]),
                *([f"from {self.source}"] if self.source else []),
            ]
        )

    @property
    def inputs(self) -> Inputs:
        """Return the inputs of models.

        They are structures, molecules, or else compositions.
        """
        if self.crystals is not None:
            return self.crystals
        return self.compositions if self.molecules is None else self.molecules

    @property
    def y(self) -> FloatArray:
        """Return the values on the fitted scale (n,).

        It is ln(value) if `log`.
        """
        return np.log(self.values) if self.log else self.values
