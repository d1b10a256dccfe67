"""Likeness of counts: sum of minima over sum of maxima (Ruzicka, 1958)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def likeness(row: FloatArray, table: FloatArray) -> FloatArray:
    """Likeness (n,) of one row of counts (p,) to those of a table (n, p), from 0 to 1.

    1 for two rows without counts.

    >>> likeness(np.array([1.0, 2.0, 0.0]), np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]))
    array([1.  , 0.25])
    """
    used = np.flatnonzero(row)
    shared = np.minimum(row[used], table[:, used]).sum(axis=1)
    total = row.sum() + table.sum(axis=1) - shared
    return np.asarray(np.divide(shared, total, out=np.ones_like(total), where=total > 0), np.float64)
