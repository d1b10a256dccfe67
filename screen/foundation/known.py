"""Known values of the properties that foundation networks learned.

Where a table has a compound's value, it stands in for the networks' prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.foundation.folds import formula_hash


class KnownValues(NamedTuple):
    """Standardised values by formula.

    formulas : (m,) sorted uint64 hashes of reduced formulas
    values : (m, k) float32, NaN where unknown
    """

    formulas: NDArray[np.uint64]
    values: NDArray[np.float32]

    def __repr__(self) -> str:
        count = int(np.isfinite(self.values).sum())
        return f"KnownValues: {count:,} of {len(self.formulas):,} formulas and {self.values.shape[1]} properties"

    def of(self, keys: Sequence[str]) -> NDArray[np.float32]:
        """Values (n, k) of compounds, NaN where unknown."""
        wanted = formula_hash(keys)
        found = np.full((len(wanted), self.values.shape[1]), np.nan, np.float32)
        if len(self.formulas):
            place = np.minimum(np.searchsorted(self.formulas, wanted), len(self.formulas) - 1)
            there = self.formulas[place] == wanted
            found[there] = self.values[place[there]]
        return found


class KnownTarget(NamedTuple):
    """Known values of a target's compounds, and which are hidden while a compound is held out.

    A held-out compound shall know as little as a candidate does: what the candidates lack is hidden from as many.

    values : (n, k) standardised, NaN where unknown
    hidden : (n, k) bool
    """

    values: FloatArray
    hidden: NDArray[np.bool_]


def hide_like(values: NDArray[np.floating], shares: FloatArray, seed: int) -> KnownTarget:
    """Hide values of held-out compounds so that they know what candidates know.

    One draw per compound serves all columns: tables lack whole compounds, not single values.

    values : (n, k) of the target's compounds; shares : (k,) of the candidates that have a value

    >>> known = hide_like(np.ones((1000, 1)), np.array([0.25]), seed=0)
    >>> bool(0.2 < 1 - known.hidden.mean() < 0.3)
    True
    """
    wide = np.asarray(values, np.float64)
    have = np.isfinite(wide).mean(axis=0)
    kept = np.divide(shares, have, out=np.ones_like(have), where=have > 0)
    draw = np.random.default_rng([seed, len(wide)]).random(len(wide))
    return KnownTarget(wide, draw[:, None] >= np.minimum(kept, 1.0)[None, :])


def fill_in(predictions: FloatArray, known: NDArray[np.floating]) -> FloatArray:
    """Replace predictions (n, k) by known values.

    >>> fill_in(np.array([[1.0, 2.0]]), np.array([[np.nan, 5.0]])).tolist()
    [[1.0, 5.0]]
    """
    return np.where(np.isfinite(known), known, predictions)
