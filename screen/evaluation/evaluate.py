"""Evaluate transfer: every model side by side on the same held-out compounds.

Sources, networks, depths, heads and models without transfer, with every choice made inside the training rows of
each split. The first row of a leaderboard is picked with hindsight; what is recommended is a whole procedure (select,
stack, fit), judged by the error of that procedure on compounds that had no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.evaluation.config import TOP_FRACTION, Holdout
from kakehashi.screen.evaluation.holdouts import HeldOut, hold_out
from kakehashi.screen.evaluation.kept_baselines import Baseline, BaselineData, predict_splits
from kakehashi.screen.evaluation.learning_curve import CurvePoint, learning_curve, sizes_of
from kakehashi.screen.evaluation.worth import Worth, advise_on, weigh_sources
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.heads.drawn import unfinished
from kakehashi.screen.heads.registry import DEFAULT_BASELINES, DEFAULT_HEADS
from kakehashi.screen.networks.source import Library
from kakehashi.screen.pools import threads
from kakehashi.screen.progress import Stage, no_stage
from kakehashi.screen.transfer.fit import caveats
from kakehashi.screen.transfer.leaderboard import Entry, rank_entries
from kakehashi.screen.transfer.nested import CrossValidated, cross_validate
from kakehashi.screen.transfer.permutation import PermutedRowErrors, permute_rows
from kakehashi.screen.transfer.problem import INNER_FOLDS, OUTER_FOLDS, Problem, pose_problem
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT, direct_row
from kakehashi.screen.transfer.selection import affordable_baselines
from kakehashi.screen.transfer.unseen import Unseen, choose_splitting, measure_unseen, with_unseen
from kakehashi.screen.transfer.verdict import Verdict, judge_transfer
from kakehashi.screen.validation.intervals import interval_coverage, intervals_by_fold, usual_spread
from kakehashi.screen.validation.statistics import holm, paired_test


class ComparedEntry(NamedTuple):
    """A leaderboard entry compared with the best direct model.

    On the fitted scale.

    width_90 : of its 90 % intervals, which the other splits make; NaN with one split
    null_mae : error of ridge heads on the same inputs on shuffled values
    null_p : share of shuffles (counting the real values as one) with an error as small as this model's
    difference, difference_std, p_value : error of the best direct model minus this one's, its corrected standard
        error, and the two-sided p value (`statistics.paired_test`)
    p_holm : adjusted for all rows compared
    """

    entry: Entry
    width_90: float
    null_mae: float
    null_p: float
    difference: float
    difference_std: float
    p_value: float
    p_holm: float

    @property
    def columns(self) -> dict[str, Any]:
        """The row of leaderboard.parquet, by column."""
        values = self.entry._asdict() | self._asdict()
        return {name: values[name] for name in COLUMNS}


# Columns of leaderboard.parquet: an entry's, with those of the comparison among them.
COLUMNS = (
    *Entry._fields[: Entry._fields.index("optimism")],
    *("width_90", "optimism"),
    *ComparedEntry._fields[ComparedEntry._fields.index("null_mae") :],
    "beats_direct",
)


class Evaluation(NamedTuple):
    """Compared models, the held-out compounds and the verdict.

    rows : best first
    predictions : (n,) per row, NaN where no split holds a compound
    lower, upper : (n,) 90 % interval of the recommended procedure, NaN where there is none
    curve : learning curve, empty if not measured
    settings : per baseline, the settings chosen in the splits
    knowledge : foundation networks, if any
    unseen : error on formulas that no foundation network has seen, None where all errors are such
    worth : every source alone, best first, where there are several
    """

    target: PropertyTable
    library: Library
    held: HeldOut
    rows: tuple[ComparedEntry, ...]
    predictions: dict[str, FloatArray]
    lower: FloatArray
    upper: FloatArray
    verdict: Verdict
    curve: tuple[CurvePoint, ...]
    settings: dict[str, list[dict[str, object]]]
    warnings: tuple[str, ...]
    heads: tuple[str, ...]
    seed: int
    knowledge: Knowledge | None = None
    unseen: Unseen | None = None
    worth: tuple[Worth, ...] = ()

    def __repr__(self) -> str:
        return f"Evaluation of {self.target.name}: {len(self.rows)} models, {self.held.text}\n  {self.verdict.text}"


def evaluate(
    library: Library,
    target: PropertyTable,
    *,
    holdout: Holdout = "formula",
    top: float = TOP_FRACTION,
    outer: int = OUTER_FOLDS,
    inner: int = INNER_FOLDS,
    seed: int = 0,
    heads: Sequence[str] = DEFAULT_HEADS,
    baselines: Sequence[str] = DEFAULT_BASELINES,
    curve: bool = False,
    knowledge: Knowledge | None = None,
    cache: bool = False,
    stage: Stage = no_stage,
) -> Evaluation:
    """Compare models on a library's networks with models without.

    Parameters
    ----------
    holdout, top : the held-out compounds, as in `holdouts.hold_out`.
    baselines : heads on the descriptors that are compared with and have no part in the stack.
    curve : also measure how the error falls with the number of compounds.
    knowledge : foundation networks, for targets of formulas.
    cache : keep baselines, and read those of an earlier evaluation.

    Raises
    ------
    UserError : as `transfer.transfer` and `hold_out`.
    """
    problem, _ = pose_problem(library, target, inner=inner, seed=seed, heads=heads, knowledge=knowledge)
    held = hold_out(target, holdout, outer, seed, top)
    chosen = choose_splitting(problem, held.folds, held.splits, anew=_may_be_dealt_anew(target, holdout))
    held, networks, blind = held._replace(splits=chosen.splits, folds=chosen.folds), chosen.networks, chosen.unseen
    points: tuple[CurvePoint, ...] = ()
    with unfinished(), threadpool_limits(1, "blas"), threads("fit") as pool:
        with stage("transfer", len(held.splits)) as advance:
            measured = cross_validate(problem, held.splits, pool, advance, networks=networks, alone=True)
        hidden = None
        if blind is not None:
            with stage("formulas never seen", len(blind.splits)) as advance:
                hidden = cross_validate(problem, blind.splits, pool, advance, networks=blind.networks)
        settings: dict[str, list[dict[str, object]]] = {}
        notes: list[str] = []
        known = set(problem.heads.direct)  # a head of the stack has its row already
        affordable, left_out = affordable_baselines(len(target), baselines)
        notes += left_out
        others = [head for head in affordable if head not in known]
        data = BaselineData(
            problem.features.raw, target.y, target.keys, held.splits, problem.seed, problem.features.groups
        )
        for head in others:
            baseline = predict_splits(head, data, pool, cache=cache, stage=stage)
            settings[head] = _add(head, baseline, held, measured)
            notes += [baseline.warning] if baseline.warning else []
        with stage("shuffled values", 1) as advance:
            nulls = permute_rows(problem.features_for(np.arange(0)), target.y, held.splits, seed, pool)
            advance(1)
        if curve:
            sizes = sizes_of(held.splits)
            with stage("learning curve", len(sizes) * len(held.splits)) as advance:
                points = learning_curve(problem, held.splits, sizes, pool, advance, networks)
    found = assemble_evaluation(problem, library, held, measured, nulls, points, settings, tuple(heads))
    found = found._replace(knowledge=knowledge, warnings=(*found.warnings, *notes))
    if hidden is None or blind is None:
        return found
    out = np.concatenate([split.held for split in blind.splits])
    usual = usual_spread(hidden.spreads[CHOSEN][out])
    unseen = measure_unseen(target.y, hidden, blind.folds(len(target)), usual, out)
    return found._replace(unseen=unseen, verdict=with_unseen(found.verdict, unseen))


def _may_be_dealt_anew(target: PropertyTable, holdout: Holdout) -> bool:
    """True where hash folds serve as well as those that hold compounds out."""
    return target.folds is None and holdout in ("random", "formula")


def _add(head: str, baseline: Baseline, held: HeldOut, measured: CrossValidated) -> list[dict[str, object]]:
    """Add a baseline's held-out predictions to the measured ones.

    Returns
    -------
    the setting it chose in each split
    """
    row = direct_row(head)
    predictions, spreads = np.full((2, len(measured.distance)), np.nan)
    for split, prediction in zip(held.splits, baseline.splits, strict=True):
        predictions[split.held], spreads[split.held] = prediction.mean, prediction.spread
    measured.rows[row.name], measured.inside[row.name] = row, [found.inner_mae for found in baseline.splits]
    measured.predictions[row.name], measured.spreads[row.name] = predictions, spreads
    return [dict(prediction.setting) for prediction in baseline.splits]


def assemble_evaluation(
    problem: Problem,
    library: Library,
    held: HeldOut,
    measured: CrossValidated,
    nulls: PermutedRowErrors,
    curve: tuple[CurvePoint, ...],
    settings: dict[str, list[dict[str, object]]],
    heads: tuple[str, ...],
) -> Evaluation:
    """Compute the statistics of all rows, and the verdict."""
    target = problem.target
    held_out = np.sort(np.concatenate([split.held for split in held.splits]))
    y, n = target.y[held_out], len(target)
    folds, distance = held.folds[held_out], measured.distance[held_out]
    several = len(held.splits) > 1
    predictions = {name: mean[held_out] for name, mean in measured.predictions.items()}
    intervals = {
        name: intervals_by_fold(y, mean, measured.spreads[name][held_out], distance, folds)
        for name, mean in predictions.items()
        if several
    }
    fitted = np.array([len(split.rows) for split in held.splits])
    board = rank_entries(
        measured.rows, y, target.log, predictions, measured.inside, fitted,
        {name: interval_coverage(interval.ratios, folds) for name, interval in intervals.items()},
    )  # fmt: skip
    best = next(entry.name for entry in board if measured.rows[entry.name].direct)
    errors = {name: np.full(n, np.nan) for name in predictions}
    for name, mean in predictions.items():
        errors[name][held_out] = np.abs(y - mean)
    tests = {e.name: paired_test(errors[best] - errors[e.name], held.splits) for e in board}
    adjusted = holm([tests[e.name].p_value if e.name != best else float("nan") for e in board])
    rows = []
    for entry, p_holm in zip(board, adjusted, strict=True):
        shuffled = nulls.of(measured.rows[entry.name].shuffled)
        interval, test = intervals.get(entry.name), tests[entry.name]
        is_best = entry.name == best
        rows.append(
            ComparedEntry(
                entry=entry,
                width_90=float(np.mean(interval.upper - interval.lower)) if interval else float("nan"),
                null_mae=float(shuffled.mean()),
                null_p=float((1 + np.sum(shuffled <= entry.mae)) / (1 + len(shuffled))),
                difference=test.difference,
                difference_std=float("nan") if is_best else test.standard_error,
                p_value=float("nan") if is_best else test.p_value,
                p_holm=float(p_holm),
            )
        )
    covered = next(entry.coverage_90 for entry in board if entry.name == CHOSEN)
    verdict = judge_transfer(target, held.splits, held.text, errors, measured.rows, board, coverage_90=covered)
    worth = weigh_sources(measured.rows, board, errors, held.splits)
    own = next(entry.mae for entry in board if entry.name == DIRECT)
    better = verdict.recommended == CHOSEN
    advice = advise_on(worth, verdict.recommendation, better=better, chosen=verdict.chosen_mae, own=own)
    verdict = verdict._replace(recommendation=advice)
    lower, upper = np.full(n, np.nan), np.full(n, np.nan)
    if several:
        lower[held_out], upper[held_out] = intervals[verdict.recommended].lower, intervals[verdict.recommended].upper
    return Evaluation(
        target, library, held, tuple(rows), measured.predictions, lower, upper, verdict, curve, settings,
        (*([problem.alias_note] if problem.alias_note else []), *caveats(library, target, heads)), heads, problem.seed,
        worth=worth,
    )  # fmt: skip
