"""Extra trees: leaves of a step, equality with scikit-learn, folds merged."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.tree import ExtraTreeRegressor

from kakehashi.screen.heads import extra_trees, forest


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(extra_trees, "TREES", 12)
    monkeypatch.setattr(extra_trees, "FEWEST", 6)


def columns(n=60, p=9, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    return x, x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2])


def test_a_step_is_learned_exactly():
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.where(x[:, 0] > 0.1, 7.0, -2.0)
    params = extra_trees.fit(x, y)
    mean, spread = forest.predict(params, x)
    np.testing.assert_array_equal(mean, y)
    np.testing.assert_array_equal(spread, 0.0)
    assert extra_trees.extra_trees.ceiling(params) == 7.0
    assert set(forest.predict(params, np.array([[-50.0], [50.0]]))[0]) == {-2.0, 7.0}


@pytest.mark.parametrize(("n", "trees"), [(60, 12), (301, 12)])
def test_arrays_give_what_scikit_learn_gives(n, trees):
    x, y = columns(n)
    new = columns(200, seed=1)[0].astype(np.float32)
    params = extra_trees.fit(x, y)
    seen = [extra_trees.tree_rows(n, seed) for seed in range(trees)]
    assert {len(rows) for rows in seen} == {60 if n == 60 else 201}
    grown = [
        ExtraTreeRegressor(max_features=extra_trees.SHARE, random_state=seed).fit(x[rows].astype(np.float32), y[rows])
        for seed, rows in enumerate(seen)
    ]
    expected = np.mean([tree.predict(new) for tree in grown], axis=0)
    np.testing.assert_allclose(forest.predict(params, new)[0], expected, rtol=0, atol=1e-12)
    device = forest.predict({k: jnp.asarray(v) for k, v in params.items()}, jnp.asarray(new))[0]
    np.testing.assert_allclose(device, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("numbers", [np.arange(10), np.array([0, 5]), np.array([3, 8, 13])])
def test_folds_are_merged_and_blind_to_what_they_hold(numbers):
    """Numbers of folds do not matter: five or fewer groups remain, none of which sees its own values."""
    x, y = columns()
    folds = numbers[np.arange(len(y)) % len(numbers)]
    before = extra_trees.cross_validate(x, y, folds)
    assert np.isfinite(before).all()
    held = folds == numbers[0]
    wild = np.where(held, 1e3, y)
    after = extra_trees.cross_validate(x, wild, folds)
    np.testing.assert_array_equal(after[held], before[held])
    assert (after[~held] != before[~held]).any()


def test_out_of_fold_means_are_those_of_fits_on_the_other_folds():
    x, y = columns(30)
    folds = np.arange(30) % 5
    means = extra_trees.cross_validate(x, y, folds)
    for fold in range(5):
        held = folds == fold
        expected = forest.predict(extra_trees.fit(x[~held], y[~held]), x[held])[0]
        np.testing.assert_array_equal(means[held], expected)


def test_many_rows_are_judged_by_the_trees_that_did_not_see_them():
    x, y = columns(400)
    predicted = extra_trees.cross_validate(x, y, np.arange(400) % 10)
    grown = [
        ExtraTreeRegressor(max_features=extra_trees.SHARE, random_state=seed).fit(
            np.asarray(x[rows], np.float32), y[rows]
        )
        for seed, rows in ((seed, extra_trees.tree_rows(400, seed)) for seed in range(12))
    ]
    blind = [k for k in range(12) if 7 not in extra_trees.tree_rows(400, k)]
    assert 0 < len(blind) < 12
    expected = np.mean([grown[k].predict(np.asarray(x[7:8], np.float32))[0] for k in blind])
    np.testing.assert_allclose(predicted[7], expected, rtol=0, atol=1e-12)


def test_a_row_is_not_known_by_its_twin():
    """Many rows, half of them twins with the same values of pure chance, in the same folds."""
    rng = np.random.default_rng(0)
    x, y = np.repeat(rng.normal(size=(200, 6)), 2, axis=0), np.repeat(rng.normal(size=200), 2)
    folds = np.repeat(np.arange(200) % 10, 2)
    predicted = extra_trees.cross_validate(x, y, folds)
    assert np.mean(np.abs(predicted - y)) > 0.9 * np.mean(np.abs(y - y.mean()))
    for fold in (0, 1):  # folds are merged to two
        held = folds % 2 == fold
        expected = forest.predict(extra_trees.fit(x[~held], y[~held]), x[held])[0]
        np.testing.assert_array_equal(predicted[held], expected)


def test_one_twin_among_many_rows_is_seen_and_the_sign_of_zero_is_not():
    x = columns(400)[0]
    assert not extra_trees._repeat(np.asarray(x, np.float32))
    x[0, 0], x[399] = 0.0, x[0]
    x[399, 0] = -0.0
    assert extra_trees._repeat(np.asarray(x, np.float32))


def test_the_rows_that_trees_see_grow_slowly(monkeypatch):
    monkeypatch.undo()  # as many trees as usual
    visits = [extra_trees.tree_count(n) * len(extra_trees.tree_rows(n, 0)) for n in (301, 2_000, 20_000, 200_000)]
    assert visits == sorted(visits)
    assert visits[-1] < 8 * visits[0]  # of 664 times the rows
