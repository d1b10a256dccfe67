"""Weights of a stack."""

import numpy as np
import pytest

from kakehashi.screen.transfer.weights import FEW, LEAST, POWER, stack_weights


def columns(n=45, k=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n) * 2 + 3
    return y[:, None] + rng.normal(size=(n, k)) * rng.uniform(0.8, 1.1, k), y


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_shares_of_powers_of_the_errors(seed):
    table, y = columns(seed=seed)
    weights = stack_weights(table, y)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    errors = np.mean(np.abs(table - y[:, None]), axis=0)
    kept = weights > 0
    expected = errors[kept] ** -POWER
    np.testing.assert_allclose(weights[kept], expected / expected.sum(), rtol=1e-12)


def test_a_member_that_errs_much_more_is_left_out_and_the_others_share_its_weight():
    y = np.linspace(0.0, 1.0, 50)
    table = np.stack([y + 0.1, y + 0.1, y + 0.1 * (1 / LEAST) ** (1 / POWER)], axis=1)
    np.testing.assert_allclose(stack_weights(table, y), [0.5, 0.5, 0.0], atol=1e-12)
    kept = stack_weights(np.stack([y + 0.1, y + 0.1 * (0.9 / LEAST) ** (1 / POWER)], axis=1), y)
    assert kept[1] > 0


def test_shifts_and_units_change_nothing():
    table, y = columns()
    weights = stack_weights(table, y)
    np.testing.assert_allclose(stack_weights(table + 100, y + 100), weights, atol=1e-8)
    for unit in (1e-9, 1e9):
        np.testing.assert_allclose(stack_weights(unit * table, unit * y), weights, atol=1e-8)


def test_equal_columns_get_equal_weights():
    table, y = columns()
    np.testing.assert_allclose(stack_weights(np.repeat(table[:, :1], 3, axis=1), y), 1 / 3, atol=1e-12)
    weights = stack_weights(table[:, [0, 1, 0]], y)
    assert weights[0] == weights[2]


def test_order_of_columns_does_not_matter():
    table, y = columns()
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(stack_weights(table[:, order], y), stack_weights(table, y)[order], atol=1e-12)


def test_one_column_and_perfect_columns():
    table, y = columns()
    np.testing.assert_array_equal(stack_weights(table[:, :1], y), [1.0])
    np.testing.assert_array_equal(stack_weights(np.stack([y, y, y + 1], axis=1), y), [0.5, 0.5, 0.0])


def test_many_rows_make_weights_harder():
    """Errors of four times as many rows are known twice as well: logarithms of ratios double."""
    rng = np.random.default_rng(5)
    few = rng.normal(size=FEW)
    for copies, power in ((1, POWER), (4, 2 * POWER)):
        y = np.tile(few, copies)
        weights = stack_weights(np.stack([y + 1.0, y + 1.05], axis=1), y)
        assert weights[0] / weights[1] == pytest.approx(1.05**power)
