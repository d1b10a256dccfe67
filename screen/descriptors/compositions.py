"""Compositions as a kind of material.

Descriptors come out of the registry, amounts by convention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import formula_text, parse_column, reduce, reduced_keys
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.descriptors.composition import normalise as normalise_amounts
from kakehashi.screen.descriptors.descriptor import compute_in_batches
from kakehashi.screen.descriptors.kind import ColumnGroup, Kind, MaterialLabels, ParsedMaterials
from kakehashi.screen.descriptors.registry import (
    CONVENTIONS,
    DEFAULT,
    DEFAULT_CONVENTION,
    DESCRIPTORS,
    LINES,
    CompositionChoice,
    amounts_convention,
    read_choice,
)


def choose(convention: str | None, descriptors: str | None, table: str) -> str:
    """Choose descriptors by flags.

    descriptors : `NAME` or `NAME@CONVENTION`

    >>> choose(None, None, "gaps"), choose("cell", "xenonpy", "gaps")
    ('reduced', 'cell')

    Raises
    ------
    UserError : an unknown descriptor, one of SMILES, or two conventions.
    """
    name, _, amounts = (descriptors or DEFAULT).partition("@")
    if name not in LINES or (amounts and amounts not in CONVENTIONS):
        raise UserError(
            f"--descriptors {descriptors}: {table} has formulas; expected one of {', '.join(LINES)}, by itself or"
            f" with @ and a convention ({', '.join(CONVENTIONS)})"
        )
    if amounts and convention not in (None, amounts):
        raise UserError(f"--descriptors {descriptors} and --convention {convention}: expected one convention")
    return CompositionChoice(name, convention or amounts or DEFAULT_CONVENTION).text


def accepts(choice: str) -> bool:
    """Tell whether a choice is one for compositions."""
    return read_choice(choice) is not None


def describe(compositions: Compositions, choice: str) -> NDArray[np.float32]:
    """Descriptors (n, width) float32."""
    descriptor = DESCRIPTORS[checked(choice).name]
    normalised = normalise(compositions, choice)
    if descriptor.compute is not None:
        return descriptor.compute(normalised)
    return compute_in_batches(descriptor, normalised, BATCH)


def names(choice: str) -> tuple[str, ...]:
    """Labels of the columns."""
    return DESCRIPTORS[checked(choice).name].names()


def groups(choice: str) -> tuple[ColumnGroup, ...]:
    """The one block of the columns."""
    return (ColumnGroup(checked(choice).name, len(names(choice))),)


def normalise(compositions: Compositions, choice: str) -> Compositions:
    """Compositions with amounts by the convention of a choice."""
    return normalise_amounts(compositions, checked(choice).convention)  # type: ignore[arg-type]  # checked there


def keys(compositions: Compositions, choice: str) -> Sequence[str]:
    """Formulas: as given by the convention `cell`, else reduced."""
    return formula_text(compositions) if amounts_convention(choice) == "cell" else reduced_keys(compositions)


def label(compositions: Compositions) -> MaterialLabels:
    """Reduced compositions and their formulas."""
    reduced = reduce(compositions)
    return MaterialLabels(reduced, formula_text(reduced))


def parse(texts: Any, attachments: Any = None) -> ParsedMaterials:
    """Read a column of formulas."""
    parsed = parse_column(texts)
    return ParsedMaterials(parsed.compositions, np.asarray(parsed.reasons, dtype=object))


def join(compositions: Sequence[Compositions]) -> Compositions:
    """Compositions one after the other."""
    return Compositions(*(np.concatenate(columns) for columns in zip(*compositions, strict=True)))


def checked(choice: str) -> CompositionChoice:
    """The descriptor and convention of a choice.

    Raises
    ------
    UserError : neither a convention nor `NAME@CONVENTION`.
    """
    read = read_choice(choice)
    if read is None:
        raise UserError(
            f"expected a convention out of {', '.join(CONVENTIONS)}, or a descriptor out of {', '.join(LINES)} with @"
            f" and a convention; got {choice!r}"
        )
    return read


COMPOSITION = Kind(
    name="composition", descriptor="composition", record=Compositions, written="formulas", plural="compositions",
    stoichiometric=True, structural=False, slots=True,
    accepts=accepts, choose=choose, parse=parse, join=join, describe=describe, names=names, groups=groups,
    normalise=normalise, eligible=lambda choice, x: None, keys=keys, label=label,
)  # fmt: skip
