"""Judge candidates before they are predicted, so that networks run on those alone that are not out of the domain.

A verdict needs descriptors, the nearest target row and tables of elements; networks cost a hundred times as much. Rows
that are left are packed into full batches. A row's prediction does not depend on its batch: it has the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions
from kakehashi.screen.scoring.batches import Predictions
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.validation.domain import is_out

# Distances here and those of predictions come from two programs, which may round differently: a row is left out only
# where it would be out if it were nearer by this share.
ROUNDING = 1e-3

Distances = tuple[NDArray[np.float64], NDArray[np.int64]]


def predict_within(
    model: Model, reduced: Compositions, distances: Distances, predict: Callable[[NDArray[np.int64]], Predictions]
) -> tuple[Predictions, NDArray[np.bool_]]:
    """Predictions of n candidates, NaN for those out of the domain, and mask (n,) of the others.

    distances : of all, from `measure_distances`
    predict : predictions of some rows, by number
    """
    distance, nearest = distances
    wanted = ~is_out(model.domain, reduced, distance * (1 - ROUNDING))
    rows = np.flatnonzero(wanted)
    columns = np.full(len(wanted), np.nan), np.full(len(wanted), np.nan), distance.copy(), nearest.copy()
    for column, values in zip(columns, predict(rows), strict=True):
        column[rows] = values
    return Predictions(*columns), wanted
