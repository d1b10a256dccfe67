"""Held-out evidence of networks: errors, and predictions to repeat.

The rows are those each network's early stopping watched, a tenth of its own: no weight was fitted to them, but the
epoch was chosen by them, so the errors flatter a little (`benchmarks/zoo.py` says how much).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.records import Inputs
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.descriptors.scaling import Scaling, standardise
from kakehashi.screen.networks.pyramid import Network, activations, outputs

METRICS = ("mae", "max_ae", "mse", "rmse", "r2", "pearson", "spearman", "p_value")
SPLIT = "validation: the rows its early stopping watched, never fitted to"
# Rows whose predictions are stored, so that they can be verified.
PROBED = 8


class Evidence(NamedTuple):
    """Errors and predictions of m networks of k tasks.

    rows : (m, k) number of held-out rows
    scores : (m, k, 8) `METRICS` on the fitted scale (ln of the property's unit where its logarithm is fitted)
    probe : inputs of `PROBED` rows at most
    predictions : (PROBED, m, k) float32, standardised
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    probe: Inputs
    predictions: NDArray[np.float32]


def predictions(networks: Sequence[Network], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standardised predictions (n, m, k) of m networks.

    x : (n, width) standardised inputs

    By NumPy on one thread: the same bits however many cores there are.
    """
    with threadpool_limits(1, "blas"):
        predicted = [outputs(network, activations(network.hidden, x)[1][-1]) for network in networks]
    return np.stack(predicted, axis=1).astype(np.float32)


def recompute(networks: Sequence[Network], scaling: Scaling, inputs: Inputs, convention: str) -> NDArray[np.float32]:
    """Standardised predictions (n, m, k), from the descriptors on."""
    return predictions(networks, np.asarray(standardise(scaling, describe(inputs, convention))))


def collect(
    networks: Sequence[Network],
    held: Sequence[NDArray[np.int64]],
    x: NDArray[np.float32],
    y: NDArray[np.float64],
    scales: Sequence[float],
    inputs: Inputs,
) -> Evidence:
    """Errors of every network on its held-out rows.

    Parameters
    ----------
    held : per network, the rows it was not fitted to
    x, y : (n, width) standardised inputs; (n, k) standardised targets, NaN where unknown
    scales : k standard deviations of the fitted values
    inputs : the n materials
    """
    known = [[rows[~np.isnan(y[rows, task])] for task in range(y.shape[1])] for rows in held]
    scores = np.full((len(networks), y.shape[1], len(METRICS)), np.nan)
    for i, (network, tasks) in enumerate(zip(networks, known, strict=True)):
        predicted = predictions([network], x[held[i]])[:, 0]
        place = {row: j for j, row in enumerate(held[i].tolist())}
        for task, rows in enumerate(tasks):
            guess = predicted[[place[row] for row in rows.tolist()], task].astype(np.float64)
            scores[i, task] = errors(y[rows, task] * scales[task], guess * scales[task])
    chosen = np.unique(np.linspace(0, len(x) - 1, PROBED).astype(np.int64))
    counts = np.array([[len(rows) for rows in tasks] for tasks in known], np.int64)
    return Evidence(counts, scores, inputs.take(chosen), predictions(networks, x[chosen]))


def errors(truth: NDArray[Any], guess: NDArray[Any]) -> list[float]:
    """Compute `METRICS` of predictions.

    NaN where undefined: two rows at least, values that vary.
    """
    from scipy.stats import pearsonr, spearmanr

    if not len(truth):
        return [float("nan")] * len(METRICS)
    off = np.abs(truth - guess)
    mse = float(np.mean(off**2))
    total = float(np.mean((truth - truth.mean()) ** 2))
    line = ranks = p_value = float("nan")
    if len(truth) > 2 and np.ptp(truth) > 0 and np.ptp(guess) > 0:
        linear = pearsonr(truth, guess)
        line, p_value = float(linear.statistic), float(linear.pvalue)
        ranks = float(spearmanr(truth, guess).statistic)
    r2 = 1 - mse / total if len(truth) > 1 and total > 0 else float("nan")
    return [float(off.mean()), float(off.max()), mse, float(np.sqrt(mse)), r2, line, ranks, p_value]
