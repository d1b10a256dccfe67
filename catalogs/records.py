"""The records that travel between packages: a property table, a rejected row, a parsed formula column."""

from __future__ import annotations

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
    """A row of a target or source table that could not be used, and why. `row` counts data rows from 1."""

    table: str
    row: int
    id: str
    formula: str
    reason: str


class Compositions(NamedTuple):
    """Compositions as fixed element slots, sorted by the order of `catalogs.elements.ORDER`.

    elements : (n, 16) int16, index into the 94 tabulated elements, -1 in unused slots
    amounts : (n, 16) float64, atoms per formula as given, 0 in unused slots
    """

    elements: IndexArray
    amounts: FloatArray


class Molecules(NamedTuple):
    """Repeat units (two `*`) or molecules (none).

    smiles, keys : n canonical SMILES, and n names that are the same for every frame shift of one polymer
    """

    smiles: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PropertyTable:
    """Measured or computed values of one property, one row per reduced formula.

    ids, materials, keys : n identifiers, formulas as given (first occurrence), reduced formulas
    compositions : slots of the formulas as given, n rows
    values : (n,) float64 in `unit`; the median where a formula had several values
    log : whether models fit ln(value)
    folds : (n,) given fold numbers, or None
    rejected : rows that could not be used; `missing` counts rows without a value
    notes : plain sentences for the report (merged duplicates, conversions, ...)
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

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def y(self) -> FloatArray:
        """(n,) the fitted scale: ln(value) if `log`, else the values themselves."""
        return np.log(self.values) if self.log else self.values
