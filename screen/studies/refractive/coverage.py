"""Elements of a source and of its target.

Without shared elements, transfer has nothing to carry over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.formulas.slots import reduce
from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.networks.source import elements_in

BOOTSTRAPS = 500


class ElementCoverage(NamedTuple):
    """Elements of a source and of a target.

    missing : target elements the source has not, commonest in the target first
    covered : (n,) target materials all of whose elements the source has
    """

    source_elements: int
    target_elements: int
    missing: tuple[str, ...]
    covered: NDArray[np.bool_]


class SplitError(NamedTuple):
    """Mean absolute errors inside and outside the source's elements.

    NaN where there are no such materials.
    """

    inside: float
    outside: float


class Excess(NamedTuple):
    """Error of a source's networks over that of informed predictions.

    Inside and outside the source's elements.

    low, high : 90 % interval of outside / inside over bootstrap samples of the materials; NaN where a side is empty
    """

    inside: float
    outside: float
    low: float
    high: float

    @property
    def explains(self) -> bool | None:
        """Missing elements make it worse; None for chance."""
        return True if self.low > 1 else False if self.high < 1 else None


def compare_elements(source: PropertyTable, target: PropertyTable) -> ElementCoverage:
    """Compare the elements of two tables."""
    known = elements_in(reduce(source.compositions))
    slots = target.compositions.elements
    present = slots >= 0
    foreign = present & ~known[np.where(present, slots, 0)]
    counts = np.bincount(slots[foreign], minlength=len(SYMBOLS))
    missing = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    return ElementCoverage(
        int(known.sum()),
        int(elements_in(target.compositions).sum()),
        tuple(SYMBOLS[i] for i in missing),
        np.asarray(~foreign.any(axis=1)),
    )


def split_error(coverage: ElementCoverage, y: FloatArray, predicted: FloatArray) -> SplitError:
    """Compute errors inside and outside the source's elements."""
    errors = np.abs(y - predicted)
    sides = [errors[side] for side in (coverage.covered, ~coverage.covered)]
    inside, outside = (float(side.mean()) if len(side) else float("nan") for side in sides)
    return SplitError(inside, outside)


def excess_error(
    coverage: ElementCoverage, y: FloatArray, alone: FloatArray, informed: FloatArray, seed: int = 0
) -> Excess:
    """Compare a source's networks with informed predictions.

    Some materials are easier than others whatever the model; what missing elements cost is what is left beyond that.

    alone : (n,) predictions of the networks
    informed : (n,) held-out predictions of models that know other values of the target
    """
    errors = np.abs(np.stack([y - alone, y - informed]))
    sides = [errors[:, coverage.covered], errors[:, ~coverage.covered]]
    if not all(side.size for side in sides):
        return Excess(_ratio(sides[0]), _ratio(sides[1]), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = [
        _ratio(sides[1][:, rng.integers(0, n, n)]) / _ratio(sides[0][:, rng.integers(0, m, m)])
        for m, n in [(sides[0].shape[1], sides[1].shape[1])] * BOOTSTRAPS
    ]
    low, high = np.quantile(drawn, (0.05, 0.95))
    return Excess(_ratio(sides[0]), _ratio(sides[1]), float(low), float(high))


def _ratio(errors: FloatArray) -> float:
    return float(errors[0].sum() / errors[1].sum()) if errors.size else float("nan")


def diagnosis(coverage: ElementCoverage, split: SplitError, excess: Excess) -> str:
    """Explain why a source's own predictions fail or not."""
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
    verdict = {
        True: "missing elements explain part of the failure",
        None: f"with {inside:,} covered ones it cannot be told whether missing elements cost anything beyond that",
        False: "the covered ones are easier for every model, and missing elements do not explain the failure",
    }[excess.explains]
    return (
        f"{text}; the source's networks err by {split.outside:.3f} there and by {split.inside:.3f} on the {inside:,}"
        f" covered ones. That is {excess.outside:.2f} and {excess.inside:.2f} times the held-out error of models that"
        f" know other compounds' values, or {excess.outside / excess.inside:.2f} times as bad (90% interval"
        f" {excess.low:.2f} to {excess.high:.2f}): {verdict}."
    )
