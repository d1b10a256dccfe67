"""The permuted-target null: closed form against the ridge head, nothing learned from noise, luck of the best seen."""

import numpy as np
import pytest

from kakehashi.screen.heads.ridge import ridge
from kakehashi.screen.transfer.features import Features
from kakehashi.screen.transfer.permutation import permute_selection, ridge_columns
from kakehashi.screen.validation.folds import grouped_folds


def features_of(networks, n=45, width=12, seed=0):
    rng = np.random.default_rng(seed)
    layers = tuple(tuple(rng.normal(size=(n, width)) for _ in range(3)) for _ in range(networks))
    return Features(np.empty((n, 0), np.float32), (layers,), np.empty((n, 1)), ((),), ((),))


@pytest.mark.parametrize("width", [7, 80])
def test_columns_are_the_ridge_head_one_by_one(width):
    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(40, width)), rng.normal(size=(6, width))
    y = np.stack([x[:, 0] + 0.1 * rng.normal(size=40), rng.normal(size=40)], axis=1)
    error, means = ridge_columns(x, y, new)
    for k in range(2):
        np.testing.assert_allclose(means[:, k], ridge.predict(ridge.fit(x, y[:, k]), new)[0], rtol=1e-8, atol=1e-10)
    # Leave-one-out of the first column by refits with the penalty chosen on all rows.
    penalty = 1 / float(ridge.fit(x, y[:, 0])["prior"])
    left = []
    for i in range(40):
        rest = np.delete(np.arange(40), i)
        z, centre = x[rest] - x[rest].mean(axis=0), x[rest].mean(axis=0)
        slope = np.linalg.solve(z.T @ z + penalty * np.eye(width), z.T @ (y[rest, 0] - y[rest, 0].mean()))
        left.append(abs(y[i, 0] - y[rest, 0].mean() - (x[i] - centre) @ slope))
    assert error[0] == pytest.approx(np.mean(left), rel=1e-6)


def test_one_network_on_shuffled_values_is_near_the_mean():
    y = np.random.default_rng(1).normal(size=45)
    null = permute_selection(features_of(1), y, grouped_folds([str(i) for i in range(45)], 10, 0), 0)
    assert null.mae.shape == (20,)
    assert null.mae.mean() == pytest.approx(np.mean(np.abs(y - y.mean())), rel=0.25)


def test_the_best_of_many_looks_better_than_it_is():
    y = np.random.default_rng(1).normal(size=45)
    folds = grouped_folds([str(i) for i in range(45)], 10, 0)
    few, many = (permute_selection(features_of(k), y, folds, 0) for k in (1, 40))
    level = np.mean(np.abs(y - y.mean()))
    assert many.selected_mae.mean() < min(few.selected_mae.mean(), level)
    assert many.mae.mean() > level
    assert many.networks == 40


def test_a_real_source_beats_the_null(planted_model):
    verdict = planted_model.verdict
    assert verdict.chosen_mae < verdict.null_mae_p5 < verdict.null_mae
    assert verdict.null_looks < verdict.null_mae
    assert "With shuffled target values the best of 4 networks errs" in verdict.text


def test_without_networks_there_is_no_null():
    features = Features(np.empty((12, 290), np.float32), (), np.empty((12, 0)), (), ())
    assert permute_selection(features, np.arange(12.0), np.arange(12) % 3, 0) is None
