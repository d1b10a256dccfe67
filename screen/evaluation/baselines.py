"""Baselines: heads on the descriptors that are no part of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.heads.drawn import Setting
from kakehashi.screen.heads.head import FloatArray, Head, Params, out_of_fold
from kakehashi.screen.validation.folds import inner_folds

# Inner folds, which choose a setting and say how far selection flatters.
FOLDS = 3


class BaselinePrediction(NamedTuple):
    """Predictions of a baseline for held-out rows.

    mean, spread : (m,)
    setting : chosen inside the training rows
    inner_mae : inner cross-validated error on the training rows
    """

    mean: FloatArray
    spread: FloatArray
    setting: Setting
    inner_mae: float


def predict_baseline(
    head: Head, raw: NDArray[np.float32], y: FloatArray, held: NDArray[np.float32], keys: Sequence[str], seed: int
) -> BaselinePrediction:
    """Fit a head on descriptors and predict the held-out rows.

    The same as a row of the leaderboard, fitted once: the scaling comes from the training rows, settings are chosen
    inside them.

    raw : (n, p) descriptors; y : (n,) values
    held : (m, p) descriptors
    keys : (n,) groups that the inner folds do not split
    """
    folds = inner_folds(keys, FOLDS, seed + 1)
    if head.blocked is not None:  # scales blocks itself
        x, new = (np.asarray(rows, np.float64) for rows in (raw, held))
    else:
        scaling = fit_scaling(raw)
        x, new = (np.asarray(standardise(scaling, rows), np.float64) for rows in (raw, held))
    params: Params
    setting: Setting
    if head.tuned:
        params, setting, inner = head.tuned(x, y, folds)
    else:
        inner, params, setting = out_of_fold(head, x, y, folds), head.fit(x, y), {}
    mean, spread = head.predict(params, new)
    return BaselinePrediction(mean, spread, setting, float(np.mean(np.abs(inner - y))))
