"""No test compound is fitted on, its networks never saw it, and chemical systems are dealt whole."""

import numpy as np
import pytest

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.foundation.folds import hash_folds


@pytest.fixture(scope="module")
def small(script):
    return script("small_targets")


@pytest.fixture(scope="module")
def table():
    return load_table("volume_per_atom")


def systems(table, rows):
    return {tuple(sorted(row[row >= 0])) for row in table.compositions.elements[rows]}


def test_every_draw_tests_one_hash_fold_and_fits_on_the_others(small, table):
    target, folds = small.Target("", "", "", ""), hash_folds(table.keys)
    for draw in range(5):
        case = small.draw_case(table, target, 50, draw)
        assert len(case.train) == 50
        assert len(case.test) == min(small.TESTED, np.sum(folds == draw))
        assert set(folds[case.test]) == {draw}
        assert draw not in folds[case.train]
        np.testing.assert_array_equal(case.folds, folds[case.test])


def test_larger_training_sets_meet_the_same_test_compounds(small, table):
    target = small.Target("", "", "", "")
    one, other = (small.draw_case(table, target, n, 3) for n in (50, 200))
    np.testing.assert_array_equal(one.test, other.test)
    again = small.draw_case(table, target, 50, 3)
    np.testing.assert_array_equal(one.train, again.train)


def test_chemical_systems_are_dealt_whole(small, table):
    case = small.draw_case(table, small.Target("", "", "", "", by_system=True), 200, 1)
    assert not systems(table, case.train) & systems(table, case.test)
    assert len(set(case.folds)) == 5


def test_the_low_ones_are_below_the_top_fifth(small, table):
    case = small.draw_case(table, small.Target("", "", "", ""), 50, 0)
    assert (table.y[case.low] < small.top_value(table)).all()
    assert np.mean(table.y >= small.top_value(table)) == pytest.approx(0.2, abs=0.01)


def test_too_few_compounds_are_no_case(small, table):
    few = small.part_of(table, np.arange(60))
    assert small.draw_case(few, small.Target("", "", "", ""), 200, 0) is None
    # The 45 conductivities: what is left of a fold is fitted on.
    case = small.draw_case(few, small.Target("", "", "", ""), 50, 0)
    assert len(case.train) + len(case.test) == 60
