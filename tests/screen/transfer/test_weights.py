"""Weights of a stack."""

import numpy as np
import pytest
from scipy.optimize import minimize

from kakehashi.screen.transfer.weights import PULL, stack_weights


def columns(n=45, k=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n) * 2 + 3
    return y[:, None] + rng.normal(size=(n, k)) * rng.uniform(0.3, 1.5, k), y


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_shares(seed):
    weights = stack_weights(*columns(seed=seed))
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_weights_minimise_what_they_say(seed):
    table, y = columns(seed=seed)
    k = table.shape[1]
    error = np.mean((table - y[:, None]) ** 2)
    loss = lambda w: np.sum((table @ w - y) ** 2) + PULL * error * np.sum((w - 1 / k) ** 2)
    found = minimize(
        loss,
        np.full(k, 1 / k),
        bounds=[(0, 1)] * k,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(stack_weights(table, y), found.x, atol=2e-4)


def test_shifts_and_units_change_nothing():
    table, y = columns()
    weights = stack_weights(table, y)
    np.testing.assert_allclose(stack_weights(table + 100, y + 100), weights, atol=1e-8)
    for unit in (1e-9, 1e9):
        np.testing.assert_allclose(stack_weights(unit * table, unit * y), weights, atol=1e-8)


def test_equal_columns_get_equal_weights():
    table, y = columns()
    np.testing.assert_allclose(stack_weights(np.repeat(table[:, :1], 3, axis=1), y), 1 / 3, atol=1e-8)
    weights = stack_weights(table[:, [0, 1, 0]], y)
    assert weights[0] == pytest.approx(weights[2], abs=1e-8)


def test_order_of_columns_does_not_matter():
    table, y = columns()
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(stack_weights(table[:, order], y), stack_weights(table, y)[order], atol=1e-8)


def test_a_better_column_wins_as_rows_accumulate():
    rng = np.random.default_rng(0)
    won = []
    for n in (10, 100, 1000, 10_000):
        y = rng.normal(size=n)
        won.append(stack_weights(np.stack([y, y + rng.normal(size=n)], axis=1), y)[0])
    assert won == sorted(won)
    assert won[0] < 0.95
    assert won[-1] > 0.995


def test_few_rows_keep_similar_columns_near_equal():
    _, y = columns(n=8, k=2)
    rng = np.random.default_rng(1)
    similar = np.stack([y + rng.normal(size=8), y + rng.normal(size=8)], axis=1)
    assert np.abs(stack_weights(similar, y) - 0.5).max() < np.abs(stack_weights(similar, y, 1e-3) - 0.5).max() + 1e-9
    assert np.abs(stack_weights(similar, y, 1e6) - 0.5).max() < 1e-3


def test_one_column_and_perfect_columns():
    table, y = columns()
    np.testing.assert_array_equal(stack_weights(table[:, :1], y), [1.0])
    np.testing.assert_allclose(stack_weights(np.stack([y, y], axis=1), y), 0.5)


def test_uncorrelated_errors_are_weighted_by_their_variance():
    rng = np.random.default_rng(0)
    y = rng.normal(size=20_000)
    table = y[:, None] + rng.normal(size=(20_000, 2)) * [1.0, 2.0]
    np.testing.assert_allclose(stack_weights(table, y), [0.8, 0.2], atol=0.01)
