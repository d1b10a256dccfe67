"""Likeness of counts against its definition."""

import numpy as np

from kakehashi.screen.descriptors.likeness import likeness


def test_the_definition_on_random_counts() -> None:
    rng = np.random.default_rng(0)
    table = rng.poisson(0.5, (40, 30)).astype(float)
    table[7] = 0.0
    for row in (table[3], table[7], rng.poisson(0.5, 30).astype(float)):
        low, high = np.minimum(row, table).sum(1), np.maximum(row, table).sum(1)
        expected = np.where(high > 0, low / np.where(high > 0, high, 1), 1.0)
        np.testing.assert_allclose(likeness(row, table), expected)
