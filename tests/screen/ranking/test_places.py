"""Places of held-out predictions among candidates."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.screen.ranking.places import PlaceCounter


@pytest.mark.parametrize("minimise", [False, True])
def test_places_are_those_of_a_plain_count(minimise: bool) -> None:
    rng = np.random.default_rng(3)
    values, scores = rng.normal(size=20), rng.normal(size=300)
    scores[:5] = values[:5]  # equal ones are not better
    counter = PlaceCounter(values, minimise=minimise)
    tables = [pa.table({"mean": scores[a : a + 70]}) for a in range(0, 300, 70)]
    assert list(counter.watch(tables)) == tables
    expected = [int(np.sum(scores < v if minimise else scores > v)) for v in values]
    assert counter.better.tolist() == expected
    assert counter.rows == 300
