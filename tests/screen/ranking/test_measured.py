"""Measured compounds among candidates."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.screen.ranking.measured import mark_measured


def test_value_and_row_of_the_table_are_those_of_the_first_of_merged_rows() -> None:
    formulas = ["Mg4O4", None, "NaCl", "MgO", "LiF", "KBr"]
    values = np.array([10.0, 1.0, np.nan, 30.0, 7.0, 3.0])
    target = assemble("kappa", formulas, values, minimum=1)
    candidates = pa.table({"reduced_formula": ["KBr", "MgO", "NaCl", "CaO", "LiF"], "rank": [1, 2, 3, 4, 5]})
    marked = mark_measured(target)(candidates)
    assert marked["measured"].to_pylist() == [3.0, 20.0, None, None, 7.0]
    assert marked["measured_row"].to_pylist() == [6, 1, None, None, 5]
    assert marked["measured_row"].type == pa.int64()
    assert mark_measured(target)(candidates.slice(0, 0)).schema == marked.schema
