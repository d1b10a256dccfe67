"""Distinct rows are those of NumPy, whatever the sums say."""

from __future__ import annotations

import numpy as np
import pytest

from kakehashi.screen.validation import unique_rows as module
from kakehashi.screen.validation.unique_rows import unique_rows


@pytest.mark.parametrize("shape", [(0, 3), (1, 16), (3_000, 16), (3_000, 2), (50, 90)])
@pytest.mark.parametrize("collide", [False, True])
def test_they_are_those_of_a_sort(shape: tuple[int, int], collide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if collide:  # sums that say nothing
        monkeypatch.setattr(module, "_FACTORS", np.zeros(64, np.uint64))
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 4, shape).astype(np.float64)
    rows[rng.random(shape) < 0.3] = np.inf
    rows[rng.random(shape) < 0.1] = -0.0
    first, inverse = unique_rows(rows)
    np.testing.assert_array_equal(rows[first[inverse]], rows)
    assert len(first) == len(np.unique(rows, axis=0))
