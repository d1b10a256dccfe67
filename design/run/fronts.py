"""Pareto fronts of several goals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fronts(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Front (n,) of each row of values (n, k), larger is better, from 1.

    Rows of front 1 are beaten by none; without them, those of front 2 are beaten by none (Goldberg, 1989). A row beats
    another that is nowhere larger, and smaller somewhere.

    >>> fronts(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [0.0, 0.0]])).tolist()
    [1, 1, 2, 3]
    """
    beats: NDArray[np.bool_] = np.asarray(
        (values[:, None] >= values).all(axis=2) & (values[:, None] > values).any(axis=2)
    )
    result = np.zeros(len(values), np.int64)
    number = 0
    while (left := result == 0).any():
        number += 1
        result[left & ~beats[left].any(axis=0)] = number
    return result
