"""Descriptors of whatever a table holds: compositions by convention, molecules by the name of their descriptors.

Of crystal structures they are those of the composition; what networks make of the structure comes from `graph`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions, Crystals, Inputs, PropertyTable, UserError
from kakehashi.screen.descriptors import composition


def describe(inputs: Inputs, convention: str) -> NDArray[np.float32]:
    """(n, width) float32.

    convention : reduced, cell or per-atom for compositions; for molecules what `repeat_unit.compute` takes

    Raises
    ------
    UserError : an unknown convention.
    """
    if isinstance(inputs, Crystals):
        inputs = inputs.compositions
    if isinstance(inputs, Compositions):
        return composition.compute(inputs, convention)  # type: ignore[arg-type]  # checked there
    from kakehashi.screen.descriptors import repeat_unit

    return repeat_unit.compute(inputs.smiles, convention)


def eligible(inputs: Inputs, convention: str, x: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """(width,) which of the descriptors x of these inputs networks may see; None for all."""
    if isinstance(inputs, Crystals | Compositions):
        return None
    from kakehashi.screen.descriptors import repeat_unit

    return repeat_unit.frequent(convention, x)


def convention_for(tables: Sequence[PropertyTable], convention: str | None, descriptors: str | None) -> str:
    """What serves all tables: the `convention` of compositions or the `descriptors` of molecules, or their default.

    Raises
    ------
    UserError : tables of compositions and of molecules, or a setting that is for the other kind.
    """
    if loose := [table.name for table in tables if (table.crystals is None) != (tables[0].crystals is None)]:
        raise UserError(f"{tables[0].name} and {loose[0]}: expected structures for both or for none")
    odd = [table for table in tables if (table.molecules is None) != (tables[0].molecules is None)]
    if odd:
        first, other = ("formulas", "SMILES") if tables[0].molecules is None else ("SMILES", "formulas")
        raise UserError(
            f"{tables[0].name} has {first}, {odd[0].name} has {other}: networks serve one kind of material;"
            f" give sources with {first}"
        )
    if tables[0].molecules is None:
        if descriptors is not None:
            raise UserError(f"--descriptors {descriptors} is for SMILES; {tables[0].name} has formulas (--convention)")
        return convention or "reduced"
    if convention is not None:
        raise UserError(f"--convention {convention} is for formulas; {tables[0].name} has SMILES (--descriptors)")
    from kakehashi.screen.descriptors import repeat_unit

    return descriptors or repeat_unit.DEFAULT


def decisive(inputs: Inputs, convention: str) -> Inputs:
    """The inputs as far as they decide descriptors: amounts in the given convention."""
    if isinstance(inputs, Crystals):
        inputs = inputs.compositions
    if isinstance(inputs, Compositions):
        return composition.normalise(inputs, convention)  # type: ignore[arg-type]  # checked there
    return inputs
