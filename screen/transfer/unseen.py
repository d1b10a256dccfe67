"""Error on formulas that no foundation network has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.transfer.nested import CrossValidated, UnseenSplits, unseen_splits
from kakehashi.screen.transfer.problem import MIN_TRAINING, Problem
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT
from kakehashi.screen.transfer.verdict import Verdict, describe_difference
from kakehashi.screen.validation.folds import Folds, Split, splits_of
from kakehashi.screen.validation.intervals import conformal_quantile, difficulty, interval_coverage
from kakehashi.screen.validation.statistics import Paired, paired_test


class Splitting(NamedTuple):
    """How the compounds of a target are held out.

    folds : (n,) number of the split that holds a compound out, -1 where none does
    networks : per split the set of foundation networks that never saw what it holds out; None for those that saw all
    unseen : further splits, by networks that never saw what is held out; None where there are none, or all are such
    """

    folds: Folds
    splits: tuple[Split, ...]
    networks: tuple[int, ...] | None
    unseen: UnseenSplits | None


def choose_splitting(problem: Problem, folds: Folds, splits: Sequence[Split], *, anew: bool) -> Splitting:
    """Choose by which splits a problem is measured.

    Where the networks know the target under another name, all are by networks that never saw what is held out.

    folds, splits : those asked for; anew : whether hash folds serve as well
    """
    blind = unseen_splits(problem, None if anew else splits, MIN_TRAINING)
    if blind is None or not problem.alias_note:
        return Splitting(folds, tuple(splits), None, blind)
    return Splitting(blind.folds(len(folds)), blind.splits, blind.networks, None)


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


def with_unseen(verdict: Verdict, unseen: Unseen) -> Verdict:
    """Verdict that tells of unseen formulas, too."""
    return verdict._replace(text=verdict.text + unseen_text(unseen))


def unseen_text(unseen: Unseen) -> str:
    """Sentence on formulas that are in none of the tables the networks learned from."""
    return (
        f" For formulas that no foundation network has seen it errs {number(unseen.mae, 3)}, without foundation"
        f" networks {number(unseen.direct_mae, 3)} ({describe_difference(unseen.gain)})."
    )
