"""Gaussian processes through inducing rows, against the exact one and against refits."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kakehashi.screen.heads import gp as module
from kakehashi.screen.heads import inducing


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1):
        yield


def rows(n=120, p=8, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    return x, x[:, 0] + np.sin(2 * x[:, 1]) + 0.1 * rng.normal(size=n), rng.normal(size=(15, p))


@pytest.mark.parametrize("p", [8, 200])
def test_with_all_rows_inducing_it_is_the_exact_process(p, monkeypatch):
    x, y, new = rows(p=p)
    folds = np.arange(len(y)) % 6
    exact, left_out = module.fit(x, y), module.cross_validate(x, y, folds)
    monkeypatch.setattr(module, "EXACT", len(y) - 1)
    seen = module.fit(x, y)
    assert seen["noise"] == exact["noise"]
    np.testing.assert_allclose(seen["signal"], exact["signal"], rtol=1e-4)
    for a, b in zip(module.gp.predict(exact, new), module.gp.predict(seen, new), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    np.testing.assert_allclose(module.cross_validate(x, y, folds), left_out, rtol=0, atol=1e-5)


def test_few_inducing_rows_use_the_values_of_all(monkeypatch):
    x, y, new = rows(400, p=2)
    truth = new[:, 0] + np.sin(2 * new[:, 1])
    monkeypatch.setattr(module, "EXACT", 100)
    monkeypatch.setattr(inducing, "MOST", 60)
    through = module.fit(x, y)
    assert through["rows"].shape == (60, 2)
    assert through["root"].shape == (60, 60)
    chosen = module.spread_rows(400, 60)
    alone = module.fit(x[chosen], y[chosen])
    error = lambda params: np.mean(np.abs(module.gp.predict(params, new)[0] - truth))
    assert error(through) < error(alone)


def test_a_left_out_fold_does_not_matter_to_its_own_prediction(monkeypatch):
    """With the noise held, wild values of a fold move the predictions of others only."""
    x, y, _ = rows(200)
    monkeypatch.setattr(module, "EXACT", 100)
    own = np.exp(-0.5 * ((x[:40, None] - x[None, :40]) ** 2).sum(axis=2))
    kernel = lambda block: np.exp(-0.5 * ((block[:, None] - x[None, :40]) ** 2).sum(axis=2))
    folds, noise = np.arange(200) % 5, np.array([0.1])
    before = inducing.leave_out_inducing(x, y, folds, own, kernel, noise)
    wild = np.where(folds == 2, 50.0, y)
    after = inducing.leave_out_inducing(x, wild, folds, own, kernel, noise)
    np.testing.assert_allclose(after[folds == 2], before[folds == 2], rtol=0, atol=1e-8)
    assert (np.abs(after - before)[folds != 2] > 0.01).any()


def test_the_spread_grows_away_from_the_rows(monkeypatch):
    x, y, _ = rows(150)
    monkeypatch.setattr(module, "EXACT", 100)
    params = module.fit(x, y)
    near, far = module.gp.predict(params, x[:5])[1], module.gp.predict(params, x[:5] + 30.0)[1]
    assert (far > 2 * near).all()
