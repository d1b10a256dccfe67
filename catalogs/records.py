"""The records that travel between packages: a property table, a rejected row, a parsed formula column."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int16]


class UserError(ValueError):
    """A mistake of input or configuration: the command line prints its one line and exits with `code`.

    The message says what was expected, what came, where (file, row), and what to do.
    """

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class Rejected(NamedTuple):
    """A row of a target or source table that could not be used, and why.

    row : counts data rows from 1; value : as it was given, NaN where that is unknown
    """

    table: str
    row: int
    id: str
    formula: str
    reason: str
    value: float = math.nan


class Compositions(NamedTuple):
    """Compositions as fixed element slots, sorted by the order of `catalogs.elements.ORDER`.

    elements : (n, 16) int16, index into the 94 tabulated elements, -1 in unused slots
    amounts : (n, 16) float64, atoms per formula as given, 0 in unused slots
    """

    elements: IndexArray
    amounts: FloatArray

    def take(self, rows: NDArray[np.integer]) -> Compositions:
        """The given rows."""
        return Compositions(self.elements[rows], self.amounts[rows])


class Molecules(NamedTuple):
    """Repeat units (two `*`) or molecules (none).

    smiles, keys : n canonical SMILES, and n names that are the same for every frame shift of one polymer
    """

    smiles: tuple[str, ...]
    keys: tuple[str, ...]

    def take(self, rows: NDArray[np.integer]) -> Molecules:
        """The given rows."""
        return Molecules(tuple(self.smiles[i] for i in rows), tuple(self.keys[i] for i in rows))


class Crystals(NamedTuple):
    """Crystal structures, their sites one after the other.

    compositions : of the n cells; sites : (n + 1,) int64, structure i has the sites sites[i] to sites[i + 1]
    lattices : (n, 3, 3) row vectors in Å; elements : (sites,) int16 into the 94 tabulated elements
    positions : (sites, 3) fractional coordinates
    """

    compositions: Compositions
    sites: NDArray[np.int64]
    lattices: FloatArray
    elements: IndexArray
    positions: FloatArray

    def take(self, rows: NDArray[np.integer]) -> Crystals:
        """The given rows."""
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
    """Places of the parts of some rows in a list where row i has the parts offsets[i] to offsets[i + 1]."""
    counts = np.diff(offsets)[rows]
    ends = np.cumsum(counts)
    shifts: NDArray[np.int64] = np.repeat(offsets[:-1][rows] - ends + counts, counts)
    return np.arange(len(shifts), dtype=np.int64) + shifts


Inputs = Compositions | Molecules | Crystals


@dataclass(frozen=True, slots=True, eq=False)
class PropertyTable:
    """Measured or computed values of one property, one row per reduced formula, repeat unit or crystal structure.

    ids, materials, keys : n identifiers, formulas or SMILES as given (first occurrence), reduced formulas or keys
    compositions : slots of the formulas as given (of a repeat unit without its `*`), n rows
    molecules : of a table of SMILES, else None
    crystals : of a table of structures, else None; its rows may share a key
    values : (n,) float64 in `unit`; the median where a formula had several values
    log : whether models fit ln(value)
    folds : (n,) given fold numbers, or None
    rejected : rows that could not be used; `missing` counts rows without a value
    unmeasured : of a table of SMILES, those as given whose value is missing
    notes : plain sentences for the report (merged duplicates, conversions, ...)
    warnings : sentences that must be seen: words for no value, placeholders, units that look mixed
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

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def inputs(self) -> Inputs:
        """What models look at: structures or molecules where there are any, else the compositions."""
        if self.crystals is not None:
            return self.crystals
        return self.compositions if self.molecules is None else self.molecules

    @property
    def y(self) -> FloatArray:
        """(n,) the fitted scale: ln(value) if `log`, else the values themselves."""
        return np.log(self.values) if self.log else self.values
