"""Heads whose settings are drawn, and chosen by cross-validation.

The draws are made once, with a seed of their own: no two fits differ by chance, and the same few settings compete in
every fold.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.heads.head import FloatArray, Head, Params, refit_per_fold

Setting = Mapping[str, Any]
Grow = Callable[[FloatArray, FloatArray, Setting], Params]
# Folds that choose among draws where a head is fitted on all rows.
FOLDS = 3


@contextmanager
def unfinished() -> Iterator[None]:
    """Silence warnings of fits that stop at their last iteration.

    Used where models are fitted, outside any threads.

    Inner errors judge what it reached.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def drawn(
    name: str,
    settings: Sequence[Setting],
    grow: Grow,
    predict: Callable[[Params, Any], tuple[Any, Any]],
    ceiling: Callable[[Params], float],
    *,
    left_out: Callable[[FloatArray, FloatArray, Setting], FloatArray] | None = None,
    depth: int = 0,
) -> Head:
    """Make a head that chooses among settings.

    grow : (x (n, p), y (n,), setting) -> params; `noise`, the root mean square of the held-out errors, is added to them
    left_out : (x, y, setting) -> predictions (n,) of rows by models that did not see them, where a model has these
        from one fit; they take the place of cross-validation
    depth : as `Head` has it
    """

    def chosen(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> tuple[Setting, FloatArray]:
        tried = [
            left_out(x, y, setting) if left_out else _out_of_fold(grow, setting, predict, x, y, folds)
            for setting in settings
        ]
        best = int(np.argmin([np.mean(np.abs(predicted - y)) for predicted in tried]))
        return settings[best], tried[best]

    def tuned(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> tuple[Params, Setting, FloatArray]:
        setting, predicted = chosen(x, y, folds)
        noise = np.float64(np.sqrt(np.mean((predicted - y) ** 2)))
        return {**grow(x, y, setting), "noise": noise}, setting, predicted

    def fit(x: FloatArray, y: FloatArray) -> Params:
        folds = np.random.default_rng(0).permutation(np.arange(len(y)) % min(FOLDS, len(y)))
        return tuned(x, y, folds)[0]

    def cross_validate(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
        return chosen(x, y, folds)[1]

    return Head(name, fit, predict, ceiling, cross_validate, depth=depth, tuned=tuned)


def _out_of_fold(
    grow: Grow,
    setting: Setting,
    predict: Callable[[Params, Any], tuple[Any, Any]],
    x: FloatArray,
    y: FloatArray,
    folds: NDArray[np.int64],
) -> FloatArray:
    fit = lambda x, y: {**grow(x, y, setting), "noise": np.float64(0.0)}
    return refit_per_fold(fit, predict, x, y, folds)
