"""Said chances against what is true of held-out polymers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from kakehashi.design.likelihood.goals import Goal, on_fitted_scale
from kakehashi.design.likelihood.likelihood import log_goal_probability
from kakehashi.design.likelihood.surrogate import fit_residuals, predicted_values
from kakehashi.screen.scoring.batches import ComponentPredictions
from kakehashi.screen.transfer.fit import Model

FloatArray = NDArray[np.float64]

# Ends of the bins of said chances: odds that differ by about three.
ENDS = (0.0, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)
# Probability outside the interval of what is true.
OUTSIDE = 0.1


class ChanceBin(NamedTuple):
    """Held-out polymers whose chance was said to lie between two ends.

    start, stop : the ends; polymers : their number; said : mean of the said chances
    true : share that meets the goal; lower, upper : 90 % interval of the chance behind it (Clopper & Pearson, 1934)
    """

    start: float
    stop: float
    polymers: int
    said: float
    true: float
    lower: float
    upper: float


def held_out_chances(model: Model, goal: Goal) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Chances (n,) said of held-out polymers, and whether they meet the goal.

    goal : in the target's unit

    Means and spreads are those of models that did not see the polymer's fold, and so is the distribution of residuals.
    """
    held, y = model.out_of_fold, model.target.y
    window = on_fitted_scale(goal, model.target.log)
    chances = np.empty(len(y))
    for fold in np.unique(held.folds):
        inside = held.folds == fold
        noise = fit_residuals(y[~inside] - held.mean[~inside], held.spread[~inside])
        single = ComponentPredictions(
            held.mean[None, inside], held.spread[None, inside], np.ones(1), held.distance[inside],
            np.zeros(inside.sum(), np.int64),
        )  # fmt: skip
        chances[inside] = np.exp(log_goal_probability([window], [predicted_values(model, noise, single)]))
    return chances, (window.lower < y) & (y < window.upper)


def compare_chances(said: ArrayLike, met: ArrayLike) -> tuple[ChanceBin, ...]:
    """Compare said chances (n,) with what is true (n,), bin by bin; bins without polymers are left out.

    >>> [found] = compare_chances([0.2, 0.2, 0.2, 0.2], [True, False, False, False])
    >>> found.polymers, found.said, found.true
    (4, 0.2, 0.25)
    """
    chances, true = np.asarray(said, np.float64), np.asarray(met, bool)
    number = np.clip(np.searchsorted(ENDS, chances, side="right") - 1, 0, len(ENDS) - 2)
    bins = []
    for k in np.unique(number):
        inside = number == k
        n, hits = int(inside.sum()), int(true[inside].sum())
        lower = float(betaincinv(hits, n - hits + 1, OUTSIDE / 2)) if hits else 0.0
        upper = float(betaincinv(hits + 1, n - hits, 1 - OUTSIDE / 2)) if hits < n else 1.0
        bins.append(ChanceBin(ENDS[k], ENDS[k + 1], n, float(chances[inside].mean()), hits / n, lower, upper))
    return tuple(bins)
