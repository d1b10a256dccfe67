"""Sources that are the target under another name.

Their values on shared materials tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.networks.source import Source

# Correlation of values above which two quantities count as one, and shared materials needed.
SAME = 0.98
SHARED = 10
# One extreme material alone can lift a linear correlation above `SAME`; then the ranks do not agree.
SAME_RANKS = 0.9
MARK = "may be the target under another name"

FloatArray = NDArray[np.float64]


class Alias(NamedTuple):
    """Correlation of two quantities that count as one.

    scale : "linear", "logarithmic" or, where one is the logarithm of the other, "semi-logarithmic"
    """

    scale: str
    correlation: float


def alias(a: FloatArray, b: FloatArray) -> Alias | None:
    """Correlation of values (n,) of one quantity under two names.

    None where they agree neither linearly nor in logarithms, or are fewer than `SHARED`.
    """
    from scipy.stats import spearmanr

    if len(a) < SHARED:
        return None
    one, other = (np.log(v) if (v > 0).all() else None for v in (a, b))
    pairs = (
        ("linear", a, b),
        ("logarithmic", one, other),
        ("semi-logarithmic", one, b),
        ("semi-logarithmic", a, other),
    )
    found = [Alias(name, _correlation(x, y)) for name, x, y in pairs if x is not None and y is not None]
    best = max(found, key=lambda each: abs(each.correlation))
    # A reciprocal (a resistance for a conductivity) is the same knowledge too: signs do not matter.
    if abs(best.correlation) <= SAME or abs(spearmanr(a, b).statistic) < SAME_RANKS:
        return None
    return best


def alias_note(target: PropertyTable, source: PropertyTable) -> str | None:
    """Note with the correlation of a source that is the target.

    None where values agree neither linearly nor in logarithms.
    """
    place = {key: i for i, key in enumerate(source.keys)}
    shared = [(i, place[key]) for i, key in enumerate(target.keys) if key in place]
    found = alias(target.values[[i for i, _ in shared]], source.values[[j for _, j in shared]])
    if found is None:
        return None
    return (
        f"source {source.name} {MARK}: {found.scale} correlation {found.correlation:.3f} on {len(shared)} shared"
        " materials."
        " Their formulas are left out of pre-training, but what helps here is the quantity itself, not transfer"
    )


def marked(source: Source, tables: Sequence[PropertyTable], target: PropertyTable) -> Source:
    """Note on a source every table that repeats the target.

    `transfer` warns of it.
    """
    notes = [note for table in tables if (note := alias_note(target, table))]
    return source._replace(notes=(*source.notes, *notes)) if notes else source


def _correlation(a: FloatArray, b: FloatArray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0
