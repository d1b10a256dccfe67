"""One budget for the working arrays of every fit, whatever the number of rows.

No array grows with the square of a target, but for those of Gaussian processes, which are exact up to `EXACT` rows:
other decompositions are of at most `SQUARE` rows or columns, and what is larger passes in blocks of `BLOCK_BYTES`. Rows
that stand for all are spread evenly over a table, so that the same table always gives the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Side of the largest square array that is decomposed: 11 MiB, a third of a second of one processor.
SQUARE = 1_200
# Rows up to which a Gaussian process is exact: 31 MiB an array, two seconds of one processor.
EXACT = 2_000
# Bytes of a block of rows in double precision.
BLOCK_BYTES = 64 << 20
# Up to so many rows every method is exact and no block is needed.
FEW = 300


def blocks(n: int, width: int) -> Iterator[slice]:
    """Yield slices of n rows, each within the budget.

    width : numbers per row

    >>> [(part.start, part.stop) for part in blocks(5, BLOCK_BYTES // 16)]
    [(0, 2), (2, 4), (4, 5)]
    """
    size = max(1, BLOCK_BYTES // (8 * max(1, width)))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def spread_rows(n: int, most: int) -> NDArray[np.int64]:
    """Numbers of at most `most` of n rows, evenly spread.

    >>> spread_rows(10, 4).tolist()
    [0, 3, 6, 9]
    """
    if n <= most:
        return np.arange(n)
    return np.linspace(0, n - 1, most).astype(np.int64)
