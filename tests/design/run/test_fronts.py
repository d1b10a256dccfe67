"""Pareto fronts against their definition."""

import numpy as np

from kakehashi.design.run.fronts import fronts


def test_each_front_is_what_nothing_of_the_rest_beats() -> None:
    values = np.random.default_rng(0).integers(0, 8, (60, 3)).astype(float)
    found = fronts(values)
    for i, row in enumerate(values):
        beaten_by = [j for j, other in enumerate(values) if (other >= row).all() and (other > row).any()]
        assert found[i] == 1 + max((found[j] for j in beaten_by), default=0)


def test_equal_rows_share_a_front() -> None:
    assert fronts(np.ones((3, 2))).tolist() == [1, 1, 1]
    assert fronts(np.zeros((0, 2))).tolist() == []
