"""Knowledge of a target's compounds."""

import numpy as np

from kakehashi.screen.foundation.knowledge import Knowledge


def test_known_values_of_a_target_are_joined_by_reduced_formula(planted, small_foundation, known_values):
    known = Knowledge(small_foundation, known_values).of_target(planted.target.compositions, seed=0)
    np.testing.assert_array_equal(known.values, known_values.of(planted.target.keys).astype(float))
    assert not known.hidden[np.isfinite(known.values)].any()


def test_shares_of_candidates_hide_values(planted, small_foundation, known_values):
    knowledge = Knowledge(small_foundation, known_values, np.zeros(3))
    known = knowledge.of_target(planted.target.compositions, seed=0)
    assert known.hidden[np.isfinite(known.values)].all()


def test_nothing_known_is_none(planted, small_foundation):
    assert Knowledge(small_foundation).of_target(planted.target.compositions, seed=0) is None
