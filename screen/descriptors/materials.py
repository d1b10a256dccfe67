"""Descriptors of whatever a table holds: compositions by convention, molecules by the name of their descriptors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalogs.records import Compositions, Inputs, Molecules
from screen.descriptors import composition


def describe(inputs: Inputs, convention: str) -> NDArray[np.float32]:
    """(n, width) float32.

    convention : reduced, cell or per-atom for compositions; for molecules what `repeat_unit.compute` takes

    Raises
    ------
    UserError : an unknown convention.
    """
    if isinstance(inputs, Compositions):
        return composition.compute(inputs, convention)  # type: ignore[arg-type]  # checked there
    from screen.descriptors import repeat_unit

    return repeat_unit.compute(inputs.smiles, convention)


def take(inputs: Inputs, rows: NDArray[np.integer]) -> Inputs:
    """The given rows."""
    if isinstance(inputs, Compositions):
        return Compositions(inputs.elements[rows], inputs.amounts[rows])
    return Molecules(*(tuple(part[i] for i in rows) for part in inputs))


def decisive(inputs: Inputs, convention: str) -> Inputs:
    """The inputs as far as they decide descriptors: amounts in the given convention."""
    if isinstance(inputs, Compositions):
        return composition.normalise(inputs, convention)  # type: ignore[arg-type]  # checked there
    return inputs
