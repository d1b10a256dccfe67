"""Ridge by sums over blocks, against one decomposition and against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from kakehashi.screen import budget
from kakehashi.screen.heads import gram, ridge


def rows(n, p, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * rng.uniform(0.2, 2.0, p) + rng.normal(size=p)
    return x, 5.0 + x[:, 0] - 2 * x[:, 1] + 0.3 * rng.normal(size=n), rng.normal(size=(11, p))


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Blocks of a few rows, so that every sum is one over many."""
    monkeypatch.setattr(budget, "BLOCK_BYTES", 8 * 1_000)


@pytest.mark.parametrize(("n", "p"), [(90, 7), (60, 150)])
def test_blocks_give_what_one_decomposition_gives(n, p, monkeypatch):
    x, y, new = rows(n, p)
    folds = np.arange(n) % 7
    whole, left_out = ridge.fit(x, y), ridge.cross_validate(x, y, folds)
    monkeypatch.setattr(ridge, "FEW", 10)
    blocks = ridge.fit(x, y)
    for a, b in zip(ridge.ridge.predict(whole, new), ridge.ridge.predict(blocks, new), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_allclose(ridge.cross_validate(x, y, folds), left_out, rtol=0, atol=1e-10)


def test_a_left_out_fold_is_predicted_by_a_refit_without_it():
    x, y, _ = rows(80, 6)
    folds = np.arange(80) // 20
    penalty = gram.fit_ridge(x, y[:, None]).penalty[0]
    predicted = gram.leave_out(x, y, folds)
    for fold in range(4):
        held = folds == fold
        expected = Ridge(penalty).fit(x[~held], y[~held]).predict(x[held])
        np.testing.assert_allclose(predicted[held], expected, rtol=0, atol=1e-9)


def test_columns_of_values_are_fitted_apart():
    x, y, new = rows(70, 9)
    both = np.stack([y, np.random.default_rng(1).permutation(y)], axis=1)
    found = gram.fit_ridge(x, both)
    assert found.penalty[0] < found.penalty[1]
    for k in range(2):
        alone = gram.fit_ridge(x, both[:, k : k + 1])
        np.testing.assert_allclose(gram.predict_ridge(found, new)[:, k], gram.predict_ridge(alone, new)[:, 0])
        np.testing.assert_allclose(found.loo_mae[k], alone.loo_mae[0])


def test_wide_rows_are_seen_in_the_directions_of_some(monkeypatch):
    """As many rows as stand for all lose nothing; fewer lose what they do not span."""
    x, y, new = rows(60, 150)
    exact = gram.predict_ridge(gram.fit_ridge(x, y[:, None]), new)
    monkeypatch.setattr(gram, "SQUARE", 60)
    np.testing.assert_allclose(gram.predict_ridge(gram.fit_ridge(x, y[:, None]), new), exact, rtol=0, atol=1e-9)
    monkeypatch.setattr(gram, "SQUARE", 20)
    assert gram.make_frame(x).basis.shape[1] <= 20
    assert np.isfinite(gram.predict_ridge(gram.fit_ridge(x, y[:, None]), new)).all()


def test_rows_that_are_all_equal_give_the_mean():
    x, y = np.ones((40, 30)), np.arange(40.0)
    np.testing.assert_allclose(gram.predict_ridge(gram.fit_ridge(x, y[:, None]), x)[:, 0], y.mean())
