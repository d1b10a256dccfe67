"""Error on formulas that no foundation network has seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.transfer.nested import CrossValidated
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT
from kakehashi.screen.transfer.verdict import describe_difference
from kakehashi.screen.validation.folds import Folds, splits_of
from kakehashi.screen.validation.intervals import conformal_quantile, difficulty, interval_coverage
from kakehashi.screen.validation.statistics import Paired, paired_test


class Unseen(NamedTuple):
    """Held-out error and intervals of compounds by networks that never saw them.

    What a candidate may expect whose formula is in none of the tables the networks learned from.

    mae, direct_mae : of the whole procedure, and of the same without foundation networks, fitted scale
    gain : error of the latter minus the former's
    coverage_90 : of the intervals
    interval : multiplies `intervals.difficulty`, with the usual spread of the model, to give the half-width
    mean : (n,) held-out means; folds : (n,)
    """

    mae: float
    direct_mae: float
    gain: Paired
    coverage_90: float
    interval: float
    mean: FloatArray
    folds: Folds


def measure_unseen(
    y: FloatArray, measured: CrossValidated, folds: Folds, usual: float, held: NDArray[np.int64] | None = None
) -> Unseen:
    """Measure error, gain and intervals of predictions for unseen formulas.

    folds : (n,) number of the split that held a compound out; usual : usual spread of the model
    held : compounds that some split holds out, all by default
    """
    out = np.arange(len(y)) if held is None else np.sort(held)
    mean, folds_out = measured.predictions[CHOSEN], folds[out]
    wrong, direct = np.abs(y - mean), np.abs(y - measured.predictions[DIRECT])
    ratios = wrong[out] / difficulty(measured.spreads[CHOSEN][out], measured.distance[out], usual)
    several = len(np.unique(folds_out)) > 1
    splits = [split for split in splits_of(folds) if folds[split.held[0]] >= 0]
    return Unseen(
        mae=float(wrong[out].mean()),
        direct_mae=float(direct[out].mean()),
        gain=paired_test(direct - wrong, splits),
        coverage_90=interval_coverage(ratios, folds_out) if several else float("nan"),
        interval=conformal_quantile(ratios),
        mean=mean,
        folds=folds,
    )


def unseen_text(unseen: Unseen) -> str:
    """Sentence on formulas that are in none of the tables the networks learned from."""
    return (
        f" For formulas that no foundation network has seen it errs {number(unseen.mae, 3)}, without foundation"
        f" networks {number(unseen.direct_mae, 3)} ({describe_difference(unseen.gain)})."
    )
