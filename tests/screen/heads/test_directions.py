"""Directions by the smaller products are those of a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from kakehashi.screen.heads import ridge
from kakehashi.screen.heads.directions import principal_directions


def rows(n: int, p: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # Columns of very different size, and two that are equal, as descriptors have.
    x = rng.standard_normal((n, p)) * np.logspace(0, -4, p)
    x[:, 1] = x[:, 0]
    return x


@pytest.mark.parametrize(("n", "p"), [(20, 90), (40, 40), (90, 20)])
def test_they_are_those_of_the_decomposition(n: int, p: int) -> None:
    x = rows(n, p)
    x -= x.mean(axis=0)
    u, squares, back = principal_directions(x)
    s = np.linalg.svd(x, compute_uv=False)
    np.testing.assert_allclose(np.sort(squares)[::-1], s**2, atol=1e-12 * s[0] ** 2)
    np.testing.assert_allclose(u.T @ u, np.eye(len(squares)), atol=1e-12)
    np.testing.assert_allclose(u @ back.T, x, atol=1e-12 * s[0])
    np.testing.assert_allclose(back.T @ back, np.diag(squares), atol=1e-11 * s[0] ** 2)


@pytest.mark.parametrize(("n", "p"), [(20, 90), (90, 20)])
def test_ridge_is_that_of_the_decomposition(n: int, p: int) -> None:
    x, y = rows(n, p), np.random.default_rng(1).standard_normal(n)
    y += x[:, 0] * 2
    params = ridge.fit(x, y)
    u, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    penalty = 1.0 / params["prior"]
    np.testing.assert_allclose(
        params["coefficients"], vt.T @ (s / (s**2 + penalty) * (u.T @ (y - y.mean()))), rtol=1e-8, atol=1e-11
    )
    pinned = vt.T * np.sqrt(np.maximum(1 / penalty - 1 / (s**2 + penalty), 0.0))
    np.testing.assert_allclose(
        params["pinned"] @ params["pinned"].T, pinned @ pinned.T, rtol=1e-8, atol=1e-10 / penalty
    )
    assert (
        penalty in ridge.PENALTIES * np.sum(s**2) / n
        or np.isclose(ridge.PENALTIES * np.sum(s**2) / n, penalty, rtol=1e-10).any()
    )


@pytest.mark.parametrize(("n", "p"), [(24, 90), (90, 20)])
def test_blocks_of_the_hat_matrix_serve_the_folds(n: int, p: int) -> None:
    x, y = rows(n, p), np.random.default_rng(1).standard_normal(n) + 5
    folds = np.arange(n) % 5
    penalty = 1.0 / float(ridge.fit(x, y)["prior"])
    found = ridge.cross_validate(x, y, folds)
    for fold in range(5):
        out = folds == fold
        inside, centre = x[~out], x[~out].mean(axis=0)
        # Refitted with the same penalty on the other rows.
        kernel = (inside - centre) @ (inside - centre).T + penalty * np.eye(len(inside))
        weights = np.linalg.solve(kernel, y[~out] - y[~out].mean())
        expected = y[~out].mean() + (x[out] - centre) @ (inside - centre).T @ weights
        np.testing.assert_allclose(found[out], expected, rtol=1e-8, atol=1e-8)
