"""Permutation test: errors of the best of many networks on shuffled values.

Every permutation goes through the folds of the leaderboard: the network and depth whose ridge head has the least
leave-one-out error on the training rows predict the held-out rows. All permutations share one decomposition per
network, because only the values change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.budget import FEW
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.heads.directions import principal_directions
from kakehashi.screen.heads.gram import PENALTIES, fit_ridge, predict_ridge
from kakehashi.screen.transfer.features import Features
from kakehashi.screen.transfer.plan import DEPTHS, layer_slice
from kakehashi.screen.transfer.rows import FOUNDATION, Shuffled
from kakehashi.screen.validation.folds import Folds, Split

PERMUTATIONS = 20
# Above this many compounds only the last layer is tried: a decomposition costs n times the width squared.
ALL_DEPTHS_ROWS = 300
Rows = NDArray[np.int64]


class PermutedErrors(NamedTuple):
    """Errors of the selected network on shuffled values, fitted scale.

    mae : (permutations,) held-out error of the network chosen inside the training rows
    selected_mae : (permutations,) leave-one-out error with which the best network is chosen on all rows
    networks : how many there were to choose from
    """

    mae: FloatArray
    selected_mae: FloatArray
    networks: int


def permute_selection(
    features: Features, y: FloatArray, folds: Folds, seed: int, pool: Executor | None = None
) -> PermutedErrors | None:
    """Measure the selection of a network on shuffled values.

    y : (n,)
    pool : runs the folds side by side

    Returns
    -------
    None without networks
    """
    networks = sum(len(source) for source in features.layers) + (features.foundation is not None)
    if not networks:
        return None
    n = len(y)
    rng = np.random.default_rng([seed, n])
    shuffled = np.stack([rng.permutation(y) for _ in range(PERMUTATIONS)], axis=1)
    rows = np.arange(n)
    selected_mae, _ = _winner(features, shuffled, rows, rows[:0])
    predicted = np.empty_like(shuffled)
    helds = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    predict = lambda held: _winner(features, shuffled, np.delete(rows, held), held)[1]
    for held, means in zip(helds, (pool.map if pool else map)(predict, helds), strict=True):
        predicted[held] = means
    return PermutedErrors(np.mean(np.abs(predicted - shuffled), axis=0), selected_mae, networks)


def _winner(features: Features, y: FloatArray, rows: Rows, held: Rows) -> tuple[FloatArray, FloatArray]:
    """Best network for each column of y (n, k).

    Returns
    -------
    its leave-one-out error (k,), its predictions (held, k)
    """
    least = np.full(y.shape[1], np.inf)
    predicted = np.empty((len(held), y.shape[1]))
    for x in _features(features, len(y)):
        error, means = ridge_columns(x[rows], y[rows], x[held])
        better = error < least
        least[better] = error[better]
        predicted[:, better] = means[:, better]
    return least, predicted


def _features(features: Features, n: int) -> Iterator[FloatArray]:
    for _, layers, depth in _places(features, n):
        yield layer_slice(layers, depth)


class PermutedRowErrors(NamedTuple):
    """Held-out errors (permutations,) on shuffled values, by kind of row.

    Of ridge heads, on the fitted scale.

    typical : of the mean of the training values
    descriptors : without transfer
    averaged : by source and depth, the mean of one head per network; foundation networks are one
    best : by source, and by -1 of all sources, the network and depth chosen inside the training rows
    """

    typical: FloatArray
    descriptors: FloatArray
    averaged: dict[tuple[int, int], FloatArray]
    best: dict[int, FloatArray]

    def of(self, shuffled: Shuffled) -> FloatArray:
        """Errors a leaderboard row is compared with, (permutations,)."""
        if shuffled.inputs == "nothing":
            return self.typical
        if shuffled.inputs == "descriptors":
            return self.descriptors
        place = shuffled.source, shuffled.depth
        if shuffled.inputs == "networks" and place in self.averaged:
            return self.averaged[place]
        return self.best.get(shuffled.source, self.descriptors)


def permute_rows(
    features: Features, y: FloatArray, splits: Sequence[Split], seed: int, pool: Executor | None = None
) -> PermutedRowErrors:
    """Measure every kind of leaderboard row on shuffled values.

    pool : runs the splits side by side
    """
    held = np.concatenate([split.held for split in splits])
    rng = np.random.default_rng([seed, len(y)])
    shuffled = np.stack([rng.permutation(y) for _ in range(PERMUTATIONS)], axis=1)
    results = list((pool.map if pool else map)(lambda split: _all_means(features, shuffled, split), splits))

    def error(key: tuple[int, ...]) -> FloatArray:
        return np.asarray(np.mean(np.abs(np.concatenate([means[key] for means in results]) - shuffled[held]), axis=0))

    keys = results[0].keys()
    typical = np.concatenate([np.abs(shuffled[s.held] - shuffled[s.rows].mean(axis=0)) for s in splits])
    return PermutedRowErrors(
        typical.mean(axis=0),
        error(()),
        {(key[0], key[1]): error(key) for key in keys if len(key) == 2},
        {key[0]: error(key) for key in keys if len(key) == 1},
    )


def _all_means(features: Features, y: FloatArray, split: Split) -> dict[tuple[int, ...], FloatArray]:
    """Means at the held-out rows, (held, k), by what predicts them.

    () descriptors; (source, depth) all networks averaged; (source,) and (-1,) the chosen network.
    """
    rows, held = split
    scaling = fit_scaling(features.raw[rows])
    x = np.asarray(standardise(scaling, features.raw), np.float64)
    means: dict[tuple[int, ...], FloatArray] = {(): ridge_columns(x[rows], y[rows], x[held])[1]}
    least: dict[int, FloatArray] = {}
    for source, layers, depth in _places(features, len(y)):
        chosen = layer_slice(layers, depth)
        error, new = ridge_columns(chosen[rows], y[rows], chosen[held])
        share = new if source == FOUNDATION else new / len(features.layers[source])
        means[source, depth] = means[source, depth] + share if (source, depth) in means else share
        for place in (source, -1):
            if place not in least:
                least[place], means[(place,)] = error.copy(), new.copy()
                continue
            better = error < least[place]
            least[place][better] = error[better]
            means[(place,)][:, better] = new[:, better]
    return means


def _places(features: Features, n: int) -> Iterator[tuple[int, tuple[FloatArray, ...], int]]:
    """List every source, network (its layers) and depth tried with n compounds.

    Foundation networks count as one, all their columns as its layers.
    """
    view = features.foundation
    if view is not None:
        yield FOUNDATION, (np.asarray(view.layer, np.float64), view.predictions), 0
    for source, networks in enumerate(features.layers):
        for layers in networks:
            for depth in DEPTHS if n <= ALL_DEPTHS_ROWS else (1,):
                yield source, layers, depth


def ridge_columns(x: FloatArray, y: FloatArray, new: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ridge regression of many columns y (n, k) at once.

    Each column has its own penalty, by leave-one-out squared error.

    Returns
    -------
    the leave-one-out mean absolute error (k,), and the means at `new`, (m, k)
    """
    n = len(x)
    if n > FEW:
        ridge = fit_ridge(x, y)
        return ridge.loo_mae, predict_ridge(ridge, new)
    centre, offset = x.mean(axis=0), y.mean(axis=0)
    u, squares, back = principal_directions(x - centre)
    penalties = PENALTIES * max(float(np.sum(squares)) / n, 1e-12)
    projected = u.T @ (y - offset)
    shrink = squares / (squares + penalties[:, None])
    left = np.maximum(1.0 - shrink @ (u**2).T - 1.0 / n, 1e-8)
    residuals = ((y - offset) - u @ (shrink[:, :, None] * projected)) / left[:, :, None]
    best = np.argmin(np.mean(residuals**2, axis=1), axis=0)
    error = np.mean(np.abs(residuals[best, :, np.arange(y.shape[1])]), axis=1)
    slopes = back @ (projected / (squares[:, None] + penalties[best]))
    return error, (new - centre) @ slopes + offset
