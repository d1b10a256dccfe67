"""Sources that are the target under another name.

Their values on shared materials tell.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def alias_note(target: PropertyTable, source: PropertyTable) -> str | None:
    """Note with the correlation of a source that is the target.

    None where values agree neither linearly nor in logarithms.
    """
    from scipy.stats import spearmanr

    place = {key: i for i, key in enumerate(source.keys)}
    shared = [(i, place[key]) for i, key in enumerate(target.keys) if key in place]
    if len(shared) < SHARED:
        return None
    a, b = target.values[[i for i, _ in shared]], source.values[[j for _, j in shared]]
    scales = {"linear": (a, b)}
    if (a > 0).all() and (b > 0).all():
        scales["logarithmic"] = (np.log(a), np.log(b))
    correlations = {name: _correlation(*pair) for name, pair in scales.items()}
    name = max(correlations, key=lambda scale: abs(correlations[scale]))
    # A reciprocal (a resistance for a conductivity) is the same knowledge too: signs do not matter.
    if abs(correlations[name]) <= SAME or abs(spearmanr(a, b).statistic) < SAME_RANKS:
        return None
    return (
        f"source {source.name} {MARK}: {name} correlation {correlations[name]:.3f} on {len(shared)} shared materials."
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
