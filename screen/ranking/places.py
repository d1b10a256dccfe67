"""Where the measured compounds would have stood in a ranking, by their held-out predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.records import FloatArray


class PlaceCounter:
    """Counter of candidates predicted better than given values, while scores pass by.

    Rows without a prediction do not count.

    values : (n,) held-out predictions, in the target's unit
    """

    def __init__(self, values: FloatArray, *, minimise: bool) -> None:
        self._sign = -1.0 if minimise else 1.0
        self._values = self._sign * np.asarray(values, np.float64)
        self.better = np.zeros(len(values), np.int64)
        self.rows = 0

    def watch(self, scores: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the tables, counting their rows.

        >>> counter = PlaceCounter(np.array([2.0, 9.0]), minimise=False)
        >>> _ = list(counter.watch([pa.table({"mean": [1.0, 3.0, 5.0]})]))
        >>> counter.better.tolist(), counter.rows
        ([2, 0], 3)
        """
        for table in scores:
            means = np.sort(self._sign * table["mean"].drop_null().to_numpy())
            self.better += len(means) - np.searchsorted(means, self._values, side="right")
            self.rows += len(means)
            yield table
