"""Kernels between described materials: min-max of counts, and squares of distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.heads.head import namespace
from kakehashi.screen.networks.pyramid import matmul


def shared_counts(known: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[Any]:
    """Sums of the smaller counts of rows x (m, p) and of n known rows, (m, n).

    Only entries that are not zero are looked at; a row's sums depend on nothing else in x.

    known : (p, n), one known row a column

    >>> shared_counts(np.array([[2.0], [1.0]]), np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[2.0], [0.0]]
    """
    shared = np.zeros((len(x), known.shape[1]), known.dtype)
    for row, counts in enumerate(x):
        columns = np.flatnonzero(counts)
        if len(columns):
            shared[row] = np.minimum(known[columns], counts[columns, None]).sum(axis=0)
    return shared


def min_max(shared: Any, sums: Any, theirs: Any) -> Any:
    """Sum of minima over sum of maxima, (m, n); 1 between rows without counts.

    The kernel of Ralaivola, Swamidass, Saigo and Baldi (2005), which is Tanimoto's of bits where counts are bits.

    shared : (m, n) of `shared_counts`; sums (m,), theirs (n,) : of all counts

    >>> min_max(np.array([[2.0]]), np.array([4.0]), np.array([3.0])).tolist()
    [[0.4]]
    """
    xp = namespace(shared)
    larger = sums[:, None] + theirs[None, :] - shared
    return xp.where(larger > 0, shared / xp.where(larger > 0, larger, 1.0), 1.0)


def squared_distances(x: Any, known: Any) -> Any:
    """Squares of the distances between rows x (m, q) and known ones (n, q)."""
    xp = namespace(x)
    squares = xp.sum(x**2, axis=1)[:, None] + xp.sum(known**2, axis=1)[None, :]
    return xp.maximum(squares - 2 * matmul(x, known.T), 0.0)


def rbf(squares: Any, length: Any) -> Any:
    """Kernel exp(-d²/2 length²) of squared distances."""
    return namespace(squares).exp(-0.5 * squares / length**2)
