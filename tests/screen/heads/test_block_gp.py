"""Gaussian process on blocks against the textbook, refits, planted blocks, and its compiled form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from kakehashi.screen.descriptors.kind import ColumnGroup
from kakehashi.screen.heads import block_gp as module
from kakehashi.screen.heads.block_gp import CONSTANT, block_gp, on_groups
from kakehashi.screen.heads.head import out_of_fold
from kakehashi.screen.heads.kernels import min_max, shared_counts
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.validation.folds import grouped_folds

GROUPS = (ColumnGroup("counted", 20, True), ColumnGroup("numbers", 4), ColumnGroup("noise", 3))


def planted(n, seed=0):
    """Counts, numbers and noise; the values follow a few counts and one number."""
    rng = np.random.default_rng(seed)
    counted, numbers = rng.poisson(0.7, (n, 20)), rng.normal(size=(n, 4)) * (1, 10, 100, 1) + 5
    x = np.hstack([counted, numbers, rng.normal(size=(n, 3))])
    y = 3 + np.minimum(counted[:, 0], 2) - counted[:, 1] + np.sin(numbers[:, 0]) + 0.05 * rng.normal(size=n)
    return x, y


def covariance(params, x, known):
    """Prior covariance of two sets of rows, from the parameters alone."""
    total = np.full((len(x), len(known)), CONSTANT)
    for block in params["blocks"]:
        columns = block["columns"]
        if len(block["sums"]):
            whole = slice(*block["span"])
            kernel = min_max(shared_counts(known[:, whole].T, x[:, whole]), x[:, whole].sum(1), known[:, whole].sum(1))
        else:
            z, w = ((rows[:, columns] - block["mean"]) / block["scale"] for rows in (x, known))
            apart = ((np.clip(z, -6, 6)[:, None] - np.clip(w, -6, 6)[None]) ** 2).mean(axis=2)
            kernel = np.exp(-0.5 * apart / block["length"] ** 2)
        total += block["share"] * kernel
    return total


def test_posterior_is_the_textbooks():
    x, y = planted(60)
    new = planted(9, 1)[0]
    params = on_groups(GROUPS).fit(x, y)
    inverse = np.linalg.inv(covariance(params, x, x) + params["noise"] * np.eye(len(y)))
    cross = covariance(params, new, x)
    mean, spread = block_gp.predict(params, new)
    np.testing.assert_allclose(mean, y.mean() + cross @ inverse @ (y - y.mean()), rtol=1e-6)
    explained = np.einsum("ij,jk,ik->i", cross, inverse, cross)
    np.testing.assert_allclose(spread**2, params["signal"] * (1 + CONSTANT - explained + params["noise"]), rtol=1e-6)
    assert (mean <= block_gp.ceiling(params)).all()


def test_one_block_of_numbers_is_scikit_learns():
    x, y = planted(40)
    x = x[:, 20:24]
    params = block_gp.fit(x, y)
    (block,) = params["blocks"]
    signal, z = float(params["signal"]), (x - x.mean(axis=0)) / x.std(axis=0) / 2
    kernel = signal * RBF(float(block["length"])) + ConstantKernel(signal * CONSTANT)
    reference = GaussianProcessRegressor(kernel, alpha=signal * float(params["noise"]), optimizer=None)
    reference.fit(z, y - y.mean())
    mean, spread = reference.predict(z[:7] + 0.1, return_std=True)
    found = block_gp.predict(params, (z[:7] + 0.1) * 2 * x.std(axis=0) + x.mean(axis=0))
    np.testing.assert_allclose(found[0], mean + y.mean(), rtol=1e-4)
    np.testing.assert_allclose(found[1] ** 2, spread**2 + signal * float(params["noise"]), rtol=1e-4)


def test_shares_go_to_the_blocks_that_tell():
    x, y = planted(150)
    shares = {block["span"][0]: float(block["share"]) for block in on_groups(GROUPS).fit(x, y)["blocks"]}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.get(0, 0.0), shares.get(20, 0.0)) > 0.05 > shares.get(24, 0.0)
    held = np.arange(150) % 5
    errors = {k: np.abs(out_of_fold(on_groups(k), x, y, held) - y).mean() for k in (GROUPS, ())}
    assert errors[GROUPS] < errors[()]  # one kernel for all columns


def test_setting_is_the_best_of_its_neighbours():
    x, y = planted(80)
    blocks, centred = module._blocks(x, GROUPS), y - y.mean()
    best = module._search(blocks, centred)
    least = module._fit(module._covariance(blocks, best), centred).surprise
    for k, block in enumerate(blocks):
        for other in module._changes(best, k, block.scaling is not None):
            assert module._fit(module._covariance(blocks, other), centred).surprise >= least - 1e-9


def test_folds_equal_refits_with_the_same_setting(monkeypatch):
    x, y = planted(50)
    x = x[:, :20]
    setting = module._search(module._blocks(x, GROUPS[:1]), y - y.mean())
    assert setting.shares == (1.0,)
    folds = grouped_folds([str(i) for i in range(50)], 5, 0)
    noise = module._fit(module._covariance(module._blocks(x, GROUPS[:1]), setting), y - y.mean()).noise
    monkeypatch.setattr(module, "NOISES", np.array([noise]))
    found = out_of_fold(on_groups(GROUPS[:1]), x, y, folds)
    for fold in range(5):
        held = folds == fold
        inverse = np.linalg.inv(covariance(on_groups(GROUPS[:1]).fit(x[~held], y[~held]), x[~held], x[~held])
                                + noise * np.eye((~held).sum()))  # fmt: skip
        params = on_groups(GROUPS[:1]).fit(x[~held], y[~held])
        expected = y.mean() + covariance(params, x[held], x[~held]) @ inverse @ (y[~held] - y.mean())
        np.testing.assert_allclose(found[held], expected, rtol=1e-8)


def test_compiled_in_single_precision():
    x, y = planted(300)
    new = planted(40, 2)[0]
    params = on_groups(GROUPS).fit(x, y)
    assert len(params["roots"]) > 1  # in stripes
    single = jax.tree.map(lambda a: jnp.asarray(a, jnp.int32 if a.dtype.kind == "i" else jnp.float32), params)
    prepared = block_gp.blocked.prepare(single, new.astype(np.float32))
    mean, spread = jax.jit(block_gp.blocked.finish)(single, prepared)
    expected = block_gp.predict(params, new)
    np.testing.assert_allclose(mean, expected[0], atol=2e-3)
    np.testing.assert_allclose(spread, expected[1], rtol=2e-2)


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_where_no_block_varies_the_mean_is_constant(value):
    x, y = np.full((12, 7), value), np.arange(12.0)
    for groups in ((), (ColumnGroup("numbers", 4), ColumnGroup("noise", 3)), (ColumnGroup("counted", 7, True),)):
        head = on_groups(groups)
        mean, spread = block_gp.predict(head.fit(x, y), np.vstack([x[:2], x[:1] + 3.0]))
        assert mean[:2] == pytest.approx(y.mean())
        if not groups or not groups[0].counts:
            assert mean[2] == pytest.approx(y.mean())
        assert np.isfinite(spread).all()
        assert np.isfinite(head.cross_validate(x, y, np.arange(12) % 3)).all()


def test_unusual_columns():
    x, y = planted(30)
    x[:, 20:24] = 7.0  # a block that tells nothing
    x[0, :20] = 0.0
    params = on_groups(GROUPS).fit(x, y)
    assert all(block["span"][0] != 20 for block in params["blocks"])
    far = x[:2].copy()
    far[:, 24:] = 1e6
    far[:, :20] = 0.0
    assert np.isfinite(block_gp.predict(params, far)).all()
    with pytest.raises(ValueError, match="expected 27 columns in 3 blocks, got 5"):
        on_groups(GROUPS).fit(x[:, :5], y)
    assert HEADS["block-gp"].blocked is not None
