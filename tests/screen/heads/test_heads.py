"""Heads against textbook solutions, scikit-learn and explicit refits."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct
from sklearn.linear_model import Ridge

from kakehashi.screen.heads import gp as gp_module
from kakehashi.screen.heads import ridge as ridge_module
from kakehashi.screen.heads.gp import LENGTHS, MIXTURES, NOISES, gp
from kakehashi.screen.heads.gram import PENALTIES
from kakehashi.screen.heads.head import block_residuals, out_of_fold
from kakehashi.screen.heads.ridge import ridge
from kakehashi.screen.validation.folds import grouped_folds

HEADS = [ridge, gp]


def rows(n, p, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * rng.uniform(0.2, 2.0, p) + rng.normal(size=p)
    y = 5.0 + x[:, 0] - 2 * x[:, 1] + np.sin(2 * x[:, 2]) + noise * rng.normal(size=n)
    return x, y, rng.normal(size=(11, p)) + x.mean(axis=0)


def folds_of(n, k=5, seed=0):
    return grouped_folds([str(i) for i in range(n)], k, seed)


# Ridge: both shapes, fewer and more rows than columns.
SHAPES = [(30, 7), (25, 60)]


def explicit_errors(x, y, penalty):
    """Leave-one-out errors by n refits."""
    out = []
    for i in range(len(y)):
        rest = np.arange(len(y)) != i
        model = Ridge(alpha=penalty).fit(x[rest], y[rest])
        out.append(y[i] - model.predict(x[[i]])[0])
    return np.array(out)


@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_solves_the_normal_equations(shape):
    x, y, new = rows(*shape)
    params = ridge.fit(x, y)
    penalty = 1 / float(params["prior"])
    z = x - x.mean(axis=0)
    expected = np.linalg.solve(z.T @ z + penalty * np.eye(shape[1]), z.T @ (y - y.mean()))
    np.testing.assert_allclose(params["coefficients"], expected, rtol=1e-7, atol=1e-9)
    reference = Ridge(alpha=penalty).fit(x, y)
    np.testing.assert_allclose(ridge.predict(params, new)[0], reference.predict(new), rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("noise", [0.01, 3.0])
def test_ridge_penalty_has_the_least_leave_one_out_error(shape, noise):
    x, y, _ = rows(*shape, noise=noise)
    grid = PENALTIES * np.sum((x - x.mean(axis=0)) ** 2) / len(y)
    errors = [np.mean(explicit_errors(x, y, penalty) ** 2) for penalty in grid]
    assert 1 / float(ridge.fit(x, y)["prior"]) == pytest.approx(grid[int(np.argmin(errors))])


def test_ridge_penalty_grows_with_noise():
    chosen = [1 / float(ridge.fit(*rows(40, 20, noise=noise)[:2])["prior"]) for noise in (0.01, 30.0)]
    assert chosen[1] > 30 * chosen[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_folds_equal_refits_with_the_same_penalty(shape):
    x, y, _ = rows(*shape)
    folds = folds_of(len(y))
    penalty = 1 / float(ridge.fit(x, y)["prior"])
    expected = np.empty(len(y))
    for fold in range(5):
        held = folds == fold
        expected[held] = Ridge(alpha=penalty).fit(x[~held], y[~held]).predict(x[held])
    np.testing.assert_allclose(out_of_fold(ridge, x, y, folds), expected, rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_spread_is_the_posterior_of_a_linear_model(shape):
    x, y, new = rows(*shape)
    params = ridge.fit(x, y)
    penalty, z = 1 / float(params["prior"]), x - x.mean(axis=0)
    inverse = np.linalg.inv(z.T @ z + penalty * np.eye(shape[1]))
    at = new - x.mean(axis=0)
    expected = float(params["noise"]) * np.sqrt(1 + np.einsum("ij,jk,ik->i", at, inverse, at))
    np.testing.assert_allclose(ridge.predict(params, new)[1], expected, rtol=1e-7)
    # The noise matches leave-one-out errors once each is weighted by its own leverage.
    hat = z @ inverse @ z.T + 1 / len(y)
    errors = explicit_errors(x, y, penalty)
    assert float(params["noise"]) == pytest.approx(np.sqrt(np.mean(errors**2 * (1 - np.diag(hat)))), rel=1e-6)


def test_ridge_finds_the_noise():
    found = [float(ridge.fit(*rows(200, 3, seed, noise=0.0)[:2])["noise"]) for seed in range(3)]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5))
    y = x @ np.arange(5.0) + 0.7 * rng.normal(size=400)
    assert float(ridge.fit(x, y)["noise"]) == pytest.approx(0.7, rel=0.1)
    assert min(found) > 0  # a sine is no line


def kernel(length, mixture):
    """The covariance of the GP head out of scikit-learn's parts."""
    linear = ConstantKernel(mixture, "fixed") * DotProduct(0.0, "fixed")
    return ConstantKernel(1 - mixture, "fixed") * RBF(length, "fixed") + linear + ConstantKernel(1.0, "fixed")


def framed(x):
    z = x - x.mean(axis=0)
    return z / np.sqrt(np.mean(np.sum(z**2, axis=1)))


@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_gp_posterior_equals_scikit_learn(noise):
    x, y, new = rows(35, 6, noise=noise)
    params = gp.fit(x, y)
    mean, spread = gp.predict(params, new)
    reference = GaussianProcessRegressor(
        kernel(float(params["length"]), float(params["mixture"])), alpha=float(params["noise"]), optimizer=None
    ).fit(framed(x), y - y.mean())
    at = (new - x.mean(axis=0)) / np.sqrt(np.mean(np.sum((x - x.mean(axis=0)) ** 2, axis=1)))
    expected, deviation = reference.predict(at, return_std=True)
    np.testing.assert_allclose(mean, expected + y.mean(), rtol=1e-6)
    signal = float(params["signal"])
    np.testing.assert_allclose(spread**2, signal * (deviation**2 + float(params["noise"])), rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_gp_maximises_the_marginal_likelihood(seed, noise):
    x, y, _ = rows(25, 4, seed, noise)
    params, z, centred = gp.fit(x, y), framed(x), y - y.mean()
    apart = [np.linalg.norm(z[i] - z[j]) for i in range(25) for j in range(i)]
    best, chosen = -np.inf, None
    for factor in LENGTHS:
        for mixture in MIXTURES:
            for level in NOISES:
                unit = kernel(factor * np.median(apart), mixture)(z) + level * np.eye(25)
                signal = centred @ np.linalg.solve(unit, centred) / 25
                covariance = signal * unit
                likelihood = -0.5 * (
                    centred @ np.linalg.solve(covariance, centred)
                    + np.linalg.slogdet(covariance)[1]
                    + 25 * np.log(2 * np.pi)
                )
                if likelihood > best:
                    best, chosen = likelihood, (factor * np.median(apart), mixture, level, signal)
    found = [float(params[key]) for key in ("length", "mixture", "noise", "signal")]
    np.testing.assert_allclose(found, chosen, rtol=1e-6)


def test_gp_folds_equal_refits_with_the_same_hyperparameters():
    x, y, _ = rows(35, 6)
    folds, params = folds_of(35), gp.fit(x, y)
    z = framed(x)
    expected = np.empty(35)
    for fold in range(5):
        held = folds == fold
        model = GaussianProcessRegressor(
            kernel(float(params["length"]), float(params["mixture"])), alpha=float(params["noise"]), optimizer=None
        ).fit(z[~held], y[~held] - y.mean())
        expected[held] = model.predict(z[held]) + y.mean()
    np.testing.assert_allclose(out_of_fold(gp, x, y, folds), expected, rtol=1e-6)


def test_block_residuals_of_single_rows_are_leave_one_out():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 8))
    covariance, y = root @ root.T + np.eye(8), rng.normal(size=8)
    expected = []
    for i in range(8):
        rest = np.arange(8) != i
        weights = np.linalg.solve(covariance[np.ix_(rest, rest)], y[rest])
        expected.append(y[i] - covariance[i, rest] @ weights)
    np.testing.assert_allclose(block_residuals(np.linalg.inv(covariance), y, np.arange(8)), expected, rtol=1e-9)


def test_a_head_without_a_closed_form_is_refitted():
    x, y, _ = rows(30, 4)
    folds = folds_of(30)
    plain = ridge._replace(cross_validate=None)
    expected = np.empty(30)
    for fold in range(5):
        held = folds == fold
        expected[held] = ridge.predict(ridge.fit(x[~held], y[~held]), x[held])[0]
    np.testing.assert_array_equal(out_of_fold(plain, x, y, folds), expected)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_numpy_and_jax_agree(head):
    x, y, new = rows(40, 60)
    params = head.fit(x, y)
    single = {key: jnp.asarray(value, jnp.float32) for key, value in params.items()}
    mean, spread = head.predict(params, new)
    fast = head.predict(single, jnp.asarray(new, jnp.float32))
    np.testing.assert_allclose(np.asarray(fast[0]), mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.asarray(fast[1]), spread, rtol=1e-3)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_units_and_offsets_of_y_carry_over(head):
    x, y, new = rows(30, 10)
    mean, spread = head.predict(head.fit(x, y), new)
    scaled = head.predict(head.fit(x, 1e-6 * y + 3e-5), new)
    np.testing.assert_allclose(scaled[0], 1e-6 * mean + 3e-5, rtol=1e-6)
    np.testing.assert_allclose(scaled[1], 1e-6 * spread, rtol=1e-6)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_a_column_of_zeros_changes_nothing(head):
    x, y, new = rows(30, 10)
    wide = lambda a: np.hstack([a, np.zeros((len(a), 3))])
    one, other = head.predict(head.fit(x, y), new), head.predict(head.fit(wide(x), y), wide(new))
    np.testing.assert_allclose(other[0], one[0], rtol=1e-8)
    np.testing.assert_allclose(other[1], one[1], rtol=1e-6)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_spread_grows_away_from_the_rows(head):
    x, y, _ = rows(40, 5)
    params = head.fit(x, y)
    here, far = head.predict(params, x)[1], head.predict(params, x + 30.0)[1]
    assert far.min() > 2 * here.max()


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_spread_says_how_wrong_the_mean_is(head):
    # 200 rows from one linear model with noise 0.5: standardised errors have variance one.
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1200, 8))
    y = x @ rng.normal(size=8) + 0.5 * rng.normal(size=1200)
    mean, spread = head.predict(head.fit(x[:200], y[:200]), x[200:])
    ratio = (y[200:] - mean) / spread
    assert np.mean(ratio**2) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_ceilings_are_reached_by_going_further(head):
    x, y, _ = rows(30, 4)
    params = head.fit(x, y)
    assert head.ceiling(params) == np.inf
    direction = x[np.argmax(y)] - x[np.argmin(y)]
    further = head.predict(params, x.mean(axis=0) + np.outer([0.0, 1e3, 1e6], direction))[0]
    assert further[2] > further[1] > y.max()


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_nothing_to_learn_gives_the_mean_as_ceiling(head):
    x, _, new = rows(20, 4)
    params = head.fit(x, np.full(20, 2.5))
    assert head.ceiling(params) == 2.5
    mean, spread = head.predict(params, new)
    np.testing.assert_allclose(mean, 2.5)
    assert np.isfinite(spread).all()


def test_module_names():
    assert (ridge_module.ridge.name, gp_module.gp.name) == ("ridge", "gp")
