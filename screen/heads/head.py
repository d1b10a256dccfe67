"""The record of a head: features to target, spread and ceiling.

Heads are fitted on the host in float64 and predict in whatever arrays they are given, so that one `predict`
serves cross-validation (NumPy) and the jitted scorer (JAX).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.descriptors.kind import ColumnGroup
from kakehashi.screen.networks.pyramid import matmul

Params = dict[str, Any]
FloatArray = NDArray[np.float64]


class Affine(NamedTuple):
    """Head by products and distances alone.

    It sees features only as (x - centre) @ matrix and
    x - centre
    ².

    split : params -> centre (p,), matrix (p, k), and what else `finish` needs
    finish : (the rest, products (m, k), squares (m,)) -> mean (m,), spread (m,)
    ready : the rest -> the same for `finish`, worth computing once where many rows are to come; None where nothing is
    """

    split: Callable[[Params], tuple[Any, Any, Params]]
    finish: Callable[[Params, Any, Any], tuple[Any, Any]]
    ready: Callable[[Params], Params] | None = None

    def predict(self, params: Params, x: Any) -> tuple[Any, Any]:
        """Mean and spread (m,) at x (m, p)."""
        centre, matrix, rest = self.split(params)
        centred = x - centre[None, :]
        return self.finish(rest, matmul(centred, matrix), namespace(x).sum(centred**2, axis=-1))


class Blocked(NamedTuple):
    """Head on raw descriptors that tells their blocks apart.

    on_groups : blocks of the columns -> the head for them
    prepare : params, raw descriptors (m, p) -> arrays, on the host
    finish : params, these arrays -> mean (m,), spread (m,), in whatever arrays they are
    """

    on_groups: Callable[[Sequence[ColumnGroup]], Head]
    prepare: Callable[[Params, Any], list[tuple[Any, ...]]]
    finish: Callable[[Params, list[tuple[Any, ...]]], tuple[Any, Any]]


class Head(NamedTuple):
    """An interchangeable small model.

    fit : (x (n, p), y (n,)) -> params, a dict of arrays
    predict : (params, x (m, p)) -> mean (m,), spread (m,), both on the scale of y
    ceiling : params -> the largest mean the fitted head can return, inf if unbounded
    cross_validate : (x, y, folds (n,)) -> out-of-fold means (n,); None falls back on refitting per fold
    affine : the same `predict` taken apart, for heads that can be; the scorer then never builds their features
    depth : of frozen features, how many last layers it sees (0: all)
    tuned : (x, y, folds) -> params, the setting chosen by folds and its out-of-fold means, of heads that choose among
        settings; `fit` chooses by folds of its own
    blocked : of heads that take descriptors as they are, not standardised, block by block
    """

    name: str
    fit: Callable[[FloatArray, FloatArray], Params]
    predict: Callable[[Params, Any], tuple[Any, Any]]
    ceiling: Callable[[Params], float]
    cross_validate: Callable[[FloatArray, FloatArray, NDArray[np.int64]], FloatArray] | None = None
    affine: Affine | None = None
    depth: int = 0
    tuned: (
        Callable[[FloatArray, FloatArray, NDArray[np.int64]], tuple[Params, Mapping[str, Any], FloatArray]] | None
    ) = None
    blocked: Blocked | None = None


def namespace(x: Any) -> Any:
    """Array module of x: jax.numpy or numpy."""
    return jnp if isinstance(x, jax.Array) else np


def out_of_fold(head: Head, x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Out-of-fold means (n,).

    In closed form where the head has one, else by refitting per fold.
    """
    if head.cross_validate is not None:
        return head.cross_validate(x, y, folds)
    return refit_per_fold(head.fit, head.predict, x, y, folds)


def refit_per_fold(
    fit: Callable[[FloatArray, FloatArray], Params],
    predict: Callable[[Params, Any], tuple[Any, Any]],
    x: FloatArray,
    y: FloatArray,
    folds: NDArray[np.int64],
    most: int | None = None,
) -> FloatArray:
    """Out-of-fold means (n,), fitted anew per fold.

    most : folds are merged to at most so many, where each costs much
    """
    if most is not None:
        folds = np.unique(folds, return_inverse=True)[1] % most
    predicted = np.empty(len(y))
    for fold in np.unique(folds):
        held = folds == fold
        predicted[held] = predict(fit(x[~held], y[~held]), x[held])[0]
    return predicted


def block_residuals(inverse: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Held-out residuals of a linear smoother, from one fit.

    For a Gaussian process with covariance C, and `inverse` = C^-1, the rows B of a fold left out together have
    residuals ((C^-1)_BB)^-1 (C^-1 y)_B (Rasmussen & Williams, 2006, eq. 5.12 for blocks).
    """
    alpha = inverse @ y
    residuals = np.empty_like(y)
    for fold in np.unique(folds):
        held = np.flatnonzero(folds == fold)
        residuals[held] = np.linalg.solve(inverse[np.ix_(held, held)], alpha[held])
    return residuals
