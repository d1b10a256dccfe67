"""Known values: joined by formula, and hidden as often as candidates lack them."""

import numpy as np
import pytest

from kakehashi.screen.foundation.folds import formula_hash
from kakehashi.screen.foundation.known import KnownValues, fill_in, hide_like

KEYS = ["MgO", "TiO2", "GaAs", "NaCl"]


@pytest.fixture
def known():
    order = np.argsort(formula_hash(KEYS))
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    return KnownValues(formula_hash(KEYS)[order], values[order])


def test_values_are_found_by_formula(known):
    found = known.of(["GaAs", "KBr", "MgO", "GaAs"])
    np.testing.assert_array_equal(found, [[4, 5], [np.nan, np.nan], [0, 1], [4, 5]])
    assert known.of([]).shape == (0, 2)


def test_nothing_is_known_of_nothing():
    empty = KnownValues(np.empty(0, np.uint64), np.empty((0, 3), np.float32))
    assert np.isnan(empty.of(["MgO"])).all()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 1.0])
def test_held_out_compounds_know_what_candidates_know(share):
    values = np.ones((4000, 2))
    values[::2, 1] = np.nan  # half of the compounds have the second property
    known = hide_like(values, np.array([share, share / 2]), seed=3)
    left = np.where(known.hidden, np.nan, known.values)
    np.testing.assert_allclose(np.isfinite(left).mean(axis=0), [share, share / 2], atol=0.03)


def test_a_compound_that_lacks_a_common_property_lacks_the_rarer_one():
    known = hide_like(np.ones((500, 2)), np.array([0.6, 0.3]), seed=0)
    assert (known.hidden[:, 1] | ~known.hidden[:, 0]).all()
    again = hide_like(np.ones((500, 2)), np.array([0.6, 0.3]), seed=0)
    np.testing.assert_array_equal(known.hidden, again.hidden)


def test_targets_that_know_less_than_candidates_keep_everything():
    values = np.full((100, 1), np.nan)
    values[:10] = 1.0
    assert not hide_like(values, np.array([0.8]), seed=0).hidden.any()


def test_known_values_take_the_place_of_predictions():
    filled = fill_in(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[np.nan, 0.0], [9.0, np.nan]]))
    np.testing.assert_array_equal(filled, [[1.0, 0.0], [9.0, 4.0]])
