"""Forests as arrays against scikit-learn's, leaf by leaf."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from kakehashi.screen.heads import forest as module
from kakehashi.screen.heads.forest import flatten, forest, leaves, ordered

TINY = np.float32(1e-45)


def grown(x, y, trees=40, **options):
    return RandomForestRegressor(trees, max_features="sqrt", random_state=3, n_jobs=1, **options).fit(x, y)


def world(n=120, p=9, seed=0, round_to=None):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    if round_to:
        x = np.round(x * round_to) / round_to
    return x.astype(np.float32), x[:, 0] - 2 * x[:, 1] + rng.normal(size=n)


def hard_inputs(reference, p, n=4_000):
    """Rows out of the trees' own thresholds: rounded down, up, one step either side; zeros and denormals."""
    rng = np.random.default_rng(1)
    cuts = np.concatenate([e.tree_.threshold[e.tree_.children_left >= 0] for e in reference.estimators_])
    if not len(cuts):
        cuts = np.zeros(1)
    single = cuts.astype(np.float32)
    steps = [single, np.nextafter(single, np.float32(-np.inf)), np.nextafter(single, np.float32(np.inf))]
    odd = np.array([0.0, -0.0, TINY, -TINY, 1e-40, -1e-40, 1e30, -1e30], np.float32)
    return rng.choice(np.concatenate([*steps, odd]), (n, p)).astype(np.float32)


def assert_same_leaves(reference, x):
    params = flatten(reference)
    expected = reference.apply(x)
    for found in (leaves(params, x), np.asarray(jax.jit(leaves)(single(params), jnp.asarray(x)))):
        # Node numbers differ, leaves do not: one of ours to one of theirs, with its value.
        for tree, estimator in enumerate(reference.estimators_):
            pairs = set(zip(found[:, tree].tolist(), expected[:, tree].tolist(), strict=True))
            assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
            np.testing.assert_array_equal(
                params["value"][found[:, tree]], estimator.tree_.value[expected[:, tree], 0, 0]
            )
    np.testing.assert_array_equal(forest.predict(params, x)[0], reference.predict(x))


def single(params):
    return {
        name: jnp.asarray(v, jnp.int32 if np.issubdtype(v.dtype, np.integer) else jnp.float32)
        for name, v in params.items()
    }


@pytest.mark.parametrize("round_to", [None, 4, 1])
def test_every_row_ends_in_scikit_learns_leaf(round_to):
    # Rounded inputs put midpoints, exactly representable thresholds and ties everywhere.
    x, y = world(round_to=round_to)
    reference = grown(x, y)
    assert_same_leaves(reference, x)
    assert_same_leaves(reference, hard_inputs(reference, x.shape[1]))


@pytest.mark.parametrize(("most", "words"), [(32, 1), (33, 2), (64, 2), (65, 0)])
def test_leaves_at_the_edge_of_a_word(most, words):
    # A chain of exactly `most` leaves in one tree, other depths in the rest.
    x = np.arange(most, dtype=np.float32)[:, None]
    reference = RandomForestRegressor(3, bootstrap=False, random_state=0).fit(x, 2.0 ** np.arange(most))
    params = flatten(reference)
    assert params["exits"].shape == (3, most)
    assert params["masks"].shape == ((3, most - 1, words) if words else (3, 0, 3))
    # 512 rows go in blocks, 99 rows at once.
    assert_same_leaves(reference, np.linspace(-1, most, 99 if most == 33 else 512, dtype=np.float32)[:, None])


def test_a_wrong_bit_sends_rows_to_another_leaf():
    x, y = world(30)
    params = flatten(grown(x, y))
    right = np.asarray(jax.jit(leaves)(single(params), jnp.asarray(x)))
    wrong = params | {"masks": params["masks"].copy()}
    wrong["masks"][0, 0, 0] = -1
    found = np.asarray(jax.jit(leaves)(single(wrong), jnp.asarray(x)))
    assert (found[:, 0] != right[:, 0]).any()
    np.testing.assert_array_equal(found[:, 1:], right[:, 1:])


def test_rounding_thresholds_to_nearest_would_be_seen():
    x, y = world()
    reference = grown(x, y)
    cuts = np.concatenate([e.tree_.threshold[e.tree_.children_left >= 0] for e in reference.estimators_])
    assert np.mean(cuts.astype(np.float32) > cuts) > 0.1


def test_zero_minus_zero_and_denormals_go_where_scikit_learn_sends_them():
    # Every threshold is exactly 0, the midpoint of the two values.
    x = np.where(np.arange(60) % 2, 1.0, -1.0)[:, None].astype(np.float32)
    reference = grown(x, x[:, 0] * 3.0)
    assert {float(t) for e in reference.estimators_ for t in e.tree_.threshold[e.tree_.children_left >= 0]} == {0.0}
    assert_same_leaves(reference, np.array([[0.0], [-0.0], [TINY], [-TINY], [1e-39], [-1e-39]], np.float32))


def test_ordered_integers_order_floats():
    rng = np.random.default_rng(0)
    bits = rng.integers(-(2**31), 2**31, 20_000).astype(np.int32).view(np.float32)
    values = np.sort(np.concatenate([bits[np.isfinite(bits)], [-np.inf, np.inf, TINY, -TINY]]).astype(np.float32))
    keys = ordered(values)
    assert (np.diff(keys.astype(np.int64))[np.diff(values) > 0] > 0).all()
    np.testing.assert_array_equal(np.asarray(jax.jit(ordered)(jnp.asarray(values))), keys)


@pytest.mark.parametrize("n", [2, 30])
def test_constant_values_make_stumps_without_a_split(n):
    x, _ = world(n)
    params = forest.fit(x, np.full(n, 2.5))
    assert params["steps"].shape == (0, 0)
    for rows in (x, jnp.asarray(x)):
        np.testing.assert_array_equal(np.asarray(forest.predict(params, rows)[0]), 2.5)
    assert forest.ceiling(params) == 2.5


def test_one_deep_tree():
    x = np.arange(40, dtype=np.float32)[:, None]
    reference = grown(x, 2.0 ** np.arange(40), trees=5)  # an unbalanced chain
    assert_same_leaves(reference, np.linspace(-5, 50, 999, dtype=np.float32)[:, None])


def test_the_ceiling_is_reached_and_never_passed():
    x = np.linspace(0, 1, 50)[:, None]
    y = x[:, 0] ** 3
    params = forest.fit(x, y)
    far = forest.predict(params, np.linspace(-5, 5, 400)[:, None])[0]
    assert far.max() == pytest.approx(forest.ceiling(params), rel=1e-12)
    assert far.max() < y.max()


def test_out_of_bag_means_are_those_of_scikit_learn():
    x, y = world(45)
    reference = RandomForestRegressor(
        module.TREES, max_features="sqrt", random_state=module.SEED, n_jobs=1, oob_score=True
    ).fit(x, y)
    found = forest.cross_validate(x.astype(np.float64), y, np.zeros(45, np.int64))
    np.testing.assert_allclose(found, reference.oob_prediction_, rtol=1e-12)
    # And they are honest: a memorised row would be nearly right.
    assert np.mean(np.abs(found - y)) > 2 * np.mean(np.abs(forest.predict(forest.fit(x, y), x)[0] - y))


def test_an_input_that_is_no_number_gives_none():
    x, y = world(30)
    params = forest.fit(x, y)
    odd = x[:3].copy()
    odd[1, 4] = np.nan
    for rows in (odd, jnp.asarray(odd)):
        mean, spread = forest.predict(params, rows)
        assert np.isnan(np.asarray(mean)).tolist() == np.isnan(np.asarray(spread)).tolist() == [False, True, False]
