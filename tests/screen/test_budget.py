"""The memory budget: no working array of any fit grows with the square of a target."""

import tracemalloc

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kakehashi.screen import budget
from kakehashi.screen.budget import BLOCK_BYTES, SQUARE, blocks, spread_rows
from kakehashi.screen.heads import gp, inducing, ridge
from kakehashi.screen.transfer.permutation import ridge_columns
from kakehashi.screen.validation.domain import nearest, unit_distance
from kakehashi.screen.validation.intervals import intervals_by_fold

ROWS, WIDTH = 6_000, 12


def test_blocks_cover_every_row_once():
    parts = list(blocks(10_000, 8_000))
    assert np.array_equal(np.concatenate([np.arange(10_000)[part] for part in parts]), np.arange(10_000))
    assert all((part.stop - part.start) * 8_000 * 8 <= BLOCK_BYTES for part in parts)


@pytest.mark.parametrize("n", [5, 99, 100, 101, 12_345])
def test_spread_rows_differ_and_are_in_order(n):
    chosen = spread_rows(n, 100)
    assert len(chosen) == min(n, 100)
    assert (np.diff(chosen) > 0).all()
    assert chosen[-1] == n - 1


def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, WIDTH))
    return x, x[:, 0] + 0.1 * rng.normal(size=ROWS), np.arange(ROWS) % 10


@pytest.mark.parametrize(
    "work",
    [
        lambda x, y, folds: ridge.fit(x, y),
        lambda x, y, folds: ridge.cross_validate(x, y, folds),
        lambda x, y, folds: gp.fit(x, y),
        lambda x, y, folds: gp.cross_validate(x, y, folds),
        lambda x, y, folds: ridge_columns(x, np.stack([y] * 20, axis=1), x[:100]),
        lambda x, y, folds: (unit_distance(x), nearest(x, x)),
        lambda x, y, folds: intervals_by_fold(y, y, np.ones(ROWS), np.ones(ROWS), folds),
    ],
    ids=["ridge", "ridge folds", "gp", "gp folds", "shuffled values", "distances", "intervals"],
)
def test_no_working_array_is_square(work, monkeypatch):
    """A square of these rows would take 288 MB; with smaller blocks a fit takes less than a quarter of it."""
    monkeypatch.setattr(budget, "BLOCK_BYTES", 4 << 20)
    monkeypatch.setattr(inducing, "MOST", 100)
    monkeypatch.setattr(gp, "GRID_ROWS", 60)
    x, y, folds = table()
    tracemalloc.start()
    try:
        with threadpool_limits(1):
            work(x, y, folds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * ROWS**2 / 4
    assert SQUARE < ROWS
