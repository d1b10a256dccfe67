"""Folds: groups stay whole, sizes stay even, seeds decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kakehashi.screen.validation.folds import grouped_folds, inner_folds


@given(st.lists(st.integers(0, 12), min_size=2, max_size=60), st.integers(2, 6), st.integers(0, 5))
def test_groups_are_never_split(numbers, n_folds, seed):
    groups = [f"g{k}" for k in numbers]
    distinct = sorted(set(groups))
    if len(distinct) < n_folds:
        with pytest.raises(ValueError, match="folds for"):
            grouped_folds(groups, n_folds, seed)
        return
    folds = grouped_folds(groups, n_folds, seed)
    assert set(folds) == set(range(n_folds))
    for name in distinct:
        assert len({f for f, g in zip(folds, groups, strict=True) if g == name}) == 1
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= max(groups.count(name) for name in distinct)


def test_single_rows_are_dealt_evenly():
    folds = grouped_folds([f"A{k}" for k in range(45)], 10, 0)
    assert sorted(np.bincount(folds)) == [4] * 5 + [5] * 5


def test_large_groups_count_by_their_rows():
    folds = grouped_folds(["big"] * 10 + [f"A{k}" for k in range(10)], 2, 0)
    assert list(np.bincount(folds)) == [10, 10]
    assert len(set(folds[10:])) == 1


def test_seeds_shuffle_and_repeat():
    names = [f"A{k}" for k in range(40)]
    one, again, other = (grouped_folds(names, 5, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.5


def test_row_order_does_not_matter():
    names = np.array([f"A{k % 13}" for k in range(40)])
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(grouped_folds(names[order], 5, 3), grouped_folds(names, 5, 3)[order])


def test_inner_folds_shrink_to_the_groups():
    assert set(inner_folds(["a", "b", "c", "a"], 10, 0)) == {0, 1, 2}
    with pytest.raises(ValueError, match="folds for 1 groups"):
        inner_folds(["a", "a"], 10, 0)
