"""Does a source know the elements of a target? Where it does not, transfer has nothing to carry over."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.elements import SYMBOLS
from catalogs.formulas import reduce
from catalogs.records import PropertyTable
from screen.bank import FloatArray
from screen.library import elements_in


class Coverage(NamedTuple):
    """The elements of a source and of a target.

    missing : target elements the source has not, commonest in the target first
    covered : (n,) target materials all of whose elements the source has
    """

    source_elements: int
    target_elements: int
    missing: tuple[str, ...]
    covered: NDArray[np.bool_]


class Split(NamedTuple):
    """Mean absolute error of materials inside and outside the source's elements; NaN where there are none."""

    inside: float
    outside: float


def element_coverage(source: PropertyTable, target: PropertyTable) -> Coverage:
    """Compare the elements of two tables."""
    known = elements_in(reduce(source.compositions))
    slots = target.compositions.elements
    present = slots >= 0
    foreign = present & ~known[np.where(present, slots, 0)]
    counts = np.bincount(slots[foreign], minlength=len(SYMBOLS))
    missing = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    return Coverage(
        int(known.sum()),
        int(elements_in(target.compositions).sum()),
        tuple(SYMBOLS[i] for i in missing),
        np.asarray(~foreign.any(axis=1)),
    )


def split_error(coverage: Coverage, y: FloatArray, predicted: FloatArray) -> Split:
    """Errors on either side."""
    errors = np.abs(y - predicted)
    sides = [errors[side] for side in (coverage.covered, ~coverage.covered)]
    inside, outside = (float(side.mean()) if len(side) else float("nan") for side in sides)
    return Split(inside, outside)


def diagnosis(coverage: Coverage, split: Split, spread: float) -> str:
    """Why a source's own predictions fail or not, in a sentence; `spread` : of the target's values."""
    n, inside = len(coverage.covered), int(coverage.covered.sum())
    names = ", ".join(coverage.missing[:6]) + (", ..." if len(coverage.missing) > 6 else "")
    if inside == n:
        return (
            f"The source has every element of the target ({coverage.target_elements} of its own"
            f" {coverage.source_elements}): element coverage is no reason to fail."
        )
    text = (
        f"{n - inside:,} of {n:,} target materials hold elements that none of the source's have"
        f" ({len(coverage.missing)} elements: {names})"
    )
    if not inside:
        return f"{text}: nothing of the target is covered."
    worse = split.outside > split.inside
    return (
        f"{text}; the source's networks err by {split.outside:.3g} there and by {split.inside:.3g} on the {inside:,}"
        f" covered ones (the target's standard deviation is {spread:.3g}), so missing elements"
        f" {'explain part of the failure' if worse else 'do not explain the error'}."
    )
