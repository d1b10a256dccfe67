"""Kernels against their definitions, entry by entry."""

import jax.numpy as jnp
import numpy as np

from kakehashi.screen.heads.kernels import min_max, rbf, shared_counts, squared_distances


def counts(n, seed):
    rng = np.random.default_rng(seed)
    return rng.poisson(0.4, (n, 30)) / rng.integers(1, 9, (n, 1))


def test_min_max_is_the_quotient_of_sums():
    x, known = counts(7, 0), counts(9, 1)
    kernel = min_max(shared_counts(known.T, x), x.sum(axis=1), known.sum(axis=1))
    for i, row in enumerate(x):
        for j, other in enumerate(known):
            np.testing.assert_allclose(kernel[i, j], np.minimum(row, other).sum() / np.maximum(row, other).sum())


def test_min_max_is_a_kernel_and_scales_out():
    x = np.vstack([counts(40, 2), np.zeros((2, 30))])
    sums = x.sum(axis=1)
    kernel = min_max(shared_counts(x.T, x), sums, sums)
    np.testing.assert_allclose(np.diag(kernel), 1.0)
    np.testing.assert_array_equal(kernel[40:, 40:], 1.0)
    np.testing.assert_array_equal(kernel[40:, :40], 0.0)
    assert np.linalg.eigvalsh(kernel).min() > -1e-10
    np.testing.assert_allclose(min_max(shared_counts(3 * x.T, 3 * x), 3 * sums, 3 * sums), kernel)


def test_a_rows_sums_depend_on_nothing_else():
    x, known = counts(20, 3).astype(np.float32), counts(9, 4).astype(np.float32)
    together = shared_counts(known.T.copy(), x)
    for i in range(len(x)):
        np.testing.assert_array_equal(shared_counts(known.T.copy(), x[i : i + 1])[0], together[i])


def test_squares_and_rbf_on_host_and_device():
    rng = np.random.default_rng(5)
    x, known = rng.normal(size=(6, 4)), rng.normal(size=(5, 4))
    expected = ((x[:, None] - known[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(x, known), expected, rtol=1e-12)
    np.testing.assert_allclose(squared_distances(jnp.asarray(x), jnp.asarray(known)), expected, rtol=1e-4)
    np.testing.assert_allclose(rbf(expected, 2.0), np.exp(-expected / 8), rtol=1e-12)
