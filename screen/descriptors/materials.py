"""Registry of the kinds of material."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Inputs, PropertyTable, UserError
from kakehashi.screen.descriptors.compositions import COMPOSITION
from kakehashi.screen.descriptors.crystals import CRYSTAL
from kakehashi.screen.descriptors.kind import Kind
from kakehashi.screen.descriptors.molecules import MOLECULE

KINDS = (COMPOSITION, MOLECULE, CRYSTAL)
_BY_RECORD = {kind.record: kind for kind in KINDS}


def kind_of(inputs: Inputs) -> Kind:
    """The kind of material of inputs, by their record."""
    return _BY_RECORD[type(inputs)]


def kind_of_table(table: PropertyTable) -> Kind:
    """The kind of material in a table."""
    return kind_of(table.inputs)


def kind_of_choice(choice: str) -> Kind:
    """Kind of material by a choice of descriptors.

    Compositions, where structures share it.

    >>> kind_of_choice("reduced").name, kind_of_choice("ecfp4@ring/atom").name
    ('composition', 'smiles')
    """
    return next(kind for kind in KINDS if kind.accepts(choice))


def describe(inputs: Inputs, choice: str) -> NDArray[np.float32]:
    """Descriptors (n, width) float32 of n materials.

    Raises
    ------
    UserError : unknown descriptors or convention.
    """
    return kind_of(inputs).describe(inputs, choice)


def convention_for(tables: Sequence[PropertyTable], convention: str | None, descriptors: str | None) -> str:
    """Choose descriptors that serve all tables.

    Raises
    ------
    UserError : tables of different kinds of material, or a flag that is for another kind.
    """
    kinds = [kind_of_table(table) for table in tables]
    kind = kinds[0]
    for table, other in zip(tables, kinds, strict=True):
        if other.structural != kind.structural:
            raise UserError(f"{tables[0].name} and {table.name}: expected structures for both or for none")
    for table, other in zip(tables, kinds, strict=True):
        if other is not kind:
            raise UserError(
                f"{tables[0].name} has {kind.written}, {table.name} has {other.written}: networks serve one kind of"
                f" material; give sources with {kind.written}"
            )
    return kind.choose(convention, descriptors, tables[0].name)
