"""Pick candidates that differ: compositions by their atoms, repeat units by their fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.screen.descriptors.likeness import likeness
from kakehashi.screen.ranking.acquisition import pick_apart, pick_diverse

# Least difference of any two of a batch: share of atoms, and 1 - similarity of fingerprints.
APART_ATOMS, APART_UNITS = 0.1, 0.4
# Repeat units whose fingerprints are compared, best first.
MOST_UNITS = 500
_FINGERPRINT = "ecfp4@ring"


def pick_compositions(formulas: Sequence[str], size: int, apart: float | None) -> NDArray[np.intp]:
    """First rows of ordered formulas that differ, one per chemical system."""
    rows = parse_column(formulas).compositions
    far = APART_ATOMS if apart is None else apart
    return np.array(pick_diverse(np.arange(len(formulas)), rows, size, far), np.intp)


def pick_units(smiles: Sequence[str], size: int, apart: float | None) -> NDArray[np.intp]:
    """First rows of ordered repeat units that differ, each once.

    The difference is one minus the similarity of Ruzicka, sum of minima over sum of maxima of fingerprint counts.
    """
    counts = count_environments(smiles[:MOST_UNITS])
    return np.array(pick_unlike(smiles, range(len(counts)), counts, size, apart), np.intp)


def count_environments(smiles: Sequence[str]) -> NDArray[np.float64]:
    """Fingerprint counts (n, p) of repeat units, by which they are told apart."""
    from kakehashi.screen.descriptors.repeat_unit import compute

    return np.asarray(compute(list(smiles), _FINGERPRINT), np.float64)


def pick_unlike(
    smiles: Sequence[str], order: Iterable[int], counts: NDArray[np.float64], size: int, apart: float | None
) -> list[int]:
    """First repeat units of an order that differ, each once; smiles, counts : of all."""
    far = APART_UNITS if apart is None else apart

    def clash(i: int, j: int) -> bool:
        return smiles[i] == smiles[j] or float(likeness(counts[i], counts[[j]])[0]) > 1.0 - far

    return pick_apart(order, size, clash)


def words_of_limits(apart: float | None, *, units: bool) -> str:
    """What is asked of any two of a batch, in words."""
    if units:
        return f"any two repeat units at least {APART_UNITS if apart is None else apart:.0%} unlike by fingerprints"
    share = APART_ATOMS if apart is None else apart
    return f"one per chemical system, any two at least {share:.0%} of the atoms apart"
