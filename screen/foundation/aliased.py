"""Properties of foundation networks that are the target under another name.

Known values tell where they are at hand. Elsewhere the networks' predictions do: of compounds they have seen, those of
the target itself agree with it as well as with the values they learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.foundation.record import Foundation, FoundationTask
from kakehashi.screen.foundation.transforms import CLIP, in_unit
from kakehashi.screen.networks.aliases import MARK, SAME_RANKS, SHARED, alias

# Mean absolute deviation of a standardised property: that of a normal distribution.
USUAL_DEVIATION = float(np.sqrt(2 / np.pi))
# Fewest shared values that can give a copy away.
FEWEST = 3
# What a correlation on tens of compounds may fall short of the one on all.
SLACK = 0.02


class Aliased(NamedTuple):
    """Properties that are the target.

    tasks : (k,) bool, with all that are one quantity with them
    note : in words, "" if there are none
    """

    tasks: NDArray[np.bool_]
    note: str


def find_aliases(
    foundation: Foundation,
    values: FloatArray,
    y: FloatArray,
    predictions: FloatArray,
    seen: NDArray[np.bool_],
    known: FloatArray | None = None,
) -> Aliased:
    """Find the properties that are the target.

    Parameters
    ----------
    values, y : (n,) of the target, in its unit and as fitted.
    predictions : (n, k) of the networks that saw all formulas, standardised.
    seen : (n,) compounds they saw.
    known : (n, k) known values, standardised, NaN where unknown.
    """
    found = [
        k
        for k in range(len(foundation.tasks))
        if _is_target(foundation, k, values, y, predictions[seen, k], seen, None if known is None else known[:, k])
    ]
    groups = {foundation.tasks[k].alias for k in found}
    tasks = np.array([task.alias in groups for task in foundation.tasks], bool)
    return Aliased(tasks, _note([foundation.tasks[k].name for k in found]) if found else "")


def _is_target(
    foundation: Foundation,
    k: int,
    values: FloatArray,
    y: FloatArray,
    predicted: FloatArray,
    seen: NDArray[np.bool_],
    known: FloatArray | None,
) -> bool:
    if known is not None:
        # Clipped values have lost their size.
        there = np.abs(known) < CLIP
        pairs = [(v[there], other) for v in (values, y) for other in _scales(foundation.tasks[k], known[there])]
        if any(alias(a, b) is not None or _lie_on_a_line(a, b) for a, b in pairs):
            return True
    if seen.sum() < SHARED:
        return False
    error = float(np.nanmean(foundation.training_errors[k]))
    if not np.isfinite(error):
        return False
    learned = np.sqrt(max(0.0, 1 - (error / USUAL_DEVIATION) ** 2))
    least = max(learned - SLACK, SAME_RANKS)
    return any(
        _agree(v[seen], other, least=least) for v in (values, y) for other in _scales(foundation.tasks[k], predicted)
    )


def _scales(task: FoundationTask, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standardised values as they are, and in the unit of their quantity."""
    return z, in_unit(task, z)


def _lie_on_a_line(a: FloatArray, b: FloatArray) -> bool:
    """True if a few values lie on a line, as copies in another unit do.

    Three points come as close to one by chance in one of 100,000 draws. Equal values are no evidence: three points
    with two of them equal always lie on one.
    """
    n = len(a)
    if not FEWEST <= n < SHARED or min(len(np.unique(a)), len(np.unique(b))) < n:
        return False
    return abs(float(np.corrcoef(a, b)[0, 1])) > 1 - (1e-10 if n == FEWEST else 1e-6)


def _agree(a: FloatArray, b: FloatArray, *, least: float) -> bool:
    """True if values and ranks correlate at least so much."""
    from scipy.stats import spearmanr

    if not (np.ptp(a) > 0 and np.ptp(b) > 0):
        return False
    linear, ranks = float(np.corrcoef(a, b)[0, 1]), float(spearmanr(a, b).statistic)
    return abs(linear) >= least and abs(ranks) >= SAME_RANKS


def _note(names: Sequence[str]) -> str:
    listed = ", ".join(names)
    return (
        f"foundation property {listed} {MARK}: left out with all that are one quantity with it, and every held-out"
        " compound is predicted by networks that never saw it"
    )
