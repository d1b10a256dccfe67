"""Molecules and repeat units as a kind of material.

Descriptors are those of `repeat_unit`, imported on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import reduce
from kakehashi.catalogs.records import Molecules, UserError
from kakehashi.screen.descriptors.kind import ColumnGroup, Kind, MaterialLabels, ParsedMaterials
from kakehashi.screen.descriptors.registry import read_choice


def choose(convention: str | None, descriptors: str | None, table: str) -> str:
    """Choice by flags: descriptors as `repeat_unit` names them.

    Raises
    ------
    UserError : a convention, which is for formulas.
    """
    if convention is not None:
        raise UserError(f"--convention {convention} is for formulas; {table} has SMILES (--descriptors)")
    from kakehashi.screen.descriptors import repeat_unit

    return descriptors or repeat_unit.DEFAULT


def accepts(choice: str) -> bool:
    """Tell whether a choice is none for compositions."""
    return read_choice(choice) is None


def describe(molecules: Molecules, choice: str) -> NDArray[np.float32]:
    """Descriptors (n, width) float32."""
    from kakehashi.screen.descriptors import repeat_unit

    return repeat_unit.compute(molecules.smiles, choice)


def names(choice: str) -> tuple[str, ...]:
    """Labels of the columns."""
    from kakehashi.screen.descriptors import repeat_unit

    return repeat_unit.names(choice)


def groups(choice: str) -> tuple[ColumnGroup, ...]:
    """Blocks of the columns."""
    from kakehashi.screen.descriptors import repeat_unit

    return repeat_unit.groups(choice)


def eligible(choice: str, x: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Columns of descriptors (n, width) that networks may see."""
    from kakehashi.screen.descriptors import repeat_unit

    return repeat_unit.frequent(choice, x)


def parse(texts: Any, attachments: Any) -> ParsedMaterials:
    """Read a column of SMILES in worker processes.

    attachments : as of `polymers.parse_column`
    """
    from kakehashi.catalogs.molecules import polymers

    parsed = polymers.parse_column(texts, attachments, guarded=True)
    return ParsedMaterials(parsed.molecules, np.asarray(parsed.reasons, dtype=object))


def join(molecules: Sequence[Molecules]) -> Molecules:
    """Molecules one after the other."""
    return Molecules(
        tuple(smiles for each in molecules for smiles in each.smiles),
        tuple(key for each in molecules for key in each.keys),
    )


def label(molecules: Molecules) -> MaterialLabels:
    """Reduced compositions, and the keys of the molecules."""
    from kakehashi.catalogs.molecules import polymers

    return MaterialLabels(reduce(polymers.atoms(molecules)), molecules.keys)


MOLECULE = Kind(
    name="smiles", descriptor="smiles", record=Molecules, written="SMILES", plural="molecules",
    stoichiometric=False, structural=False, slots=False,
    accepts=accepts, choose=choose, parse=parse, join=join, describe=describe, names=names, groups=groups,
    normalise=lambda molecules, choice: molecules, eligible=eligible,
    keys=lambda molecules, choice: molecules.keys, label=label,
)  # fmt: skip
