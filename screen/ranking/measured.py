"""Mark the measured compounds in a ranking: value and row of the target's table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.records import PropertyTable


def mark_measured(target: PropertyTable) -> Callable[[pa.Table], pa.Table]:
    """Function that adds `measured` (value) and `measured_row` to rows of candidates.

    Both are null where the target has no such compound. Of several structures of one composition the first counts.
    """
    first: dict[str, int] = {}
    for place, key in enumerate(target.keys):
        first.setdefault(key, place)
    keys, places = pa.array(list(first), pa.string()), np.fromiter(first.values(), np.int64, len(first))
    values = pa.array(target.values[places], pa.float64())
    numbers = None if target.row_numbers is None else pa.array(target.row_numbers[places], pa.int64())

    def mark(table: pa.Table) -> pa.Table:
        found = pc.index_in(table["reduced_formula"], value_set=keys)
        rows = pa.nulls(table.num_rows, pa.int64()) if numbers is None else pc.take(numbers, found)
        return table.append_column("measured", pc.take(values, found)).append_column("measured_row", rows)

    return mark
