"""Nested cross-validation of the deployed stack and every leaderboard row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.foundation.view import FULL
from kakehashi.screen.transfer.features import Features
from kakehashi.screen.transfer.plan import fit_plan
from kakehashi.screen.transfer.problem import Problem, deal_inner
from kakehashi.screen.transfer.rows import (
    MEAN,
    Row,
    alone_row,
    averaged_row,
    chosen_row,
    direct_row,
    direct_stack_row,
    foundation_row,
    late_row,
    predictions_row,
    selected_row,
    single_row,
    stacked_row,
)
from kakehashi.screen.transfer.selection import (
    BEST,
    Candidate,
    Heads,
    foundation_origins,
    judge_candidates,
    list_origins,
    pick_best,
)
from kakehashi.screen.transfer.stack import Stack, StackColumn, choose_columns, fit_stack, predict_stack
from kakehashi.screen.validation.coverage import family_folds, name_families
from kakehashi.screen.validation.domain import nearest, unit_distance
from kakehashi.screen.validation.folds import Folds, Split


class FoldResult(NamedTuple):
    """Leaderboard rows on one outer fold, by name.

    means : held-out means, error inside the training rows, held-out spreads
    """

    rows: dict[str, Row]
    means: dict[str, tuple[FloatArray, float, FloatArray]]


def predict_fold(
    features: Features,
    y: FloatArray,
    rows: NDArray[np.int64],
    held: NDArray[np.int64],
    folds: Folds,
    names: list[str],
    heads: Heads,
    *,
    alone: bool = False,
) -> FoldResult:
    """Select and fit on some rows, predict the held-out ones.

    With the deployed stack and with every model of the leaderboard.

    rows, held : row numbers of the target
    folds : (len(rows),) inner folds
    alone : also the stack that each source, or foundation, would give by itself
    """
    candidates = judge_candidates(features, y, rows, folds, names, heads)
    columns = choose_columns(candidates, len(names))
    origins = list_origins(features, names)
    # A plan serves several rows of the leaderboard; it is fitted once.
    fit = functools.cache(lambda plan: fit_plan(plan, features, y, rows))
    typical = np.full(len(held), y[rows].mean()), _mean_error(y[rows], folds), np.full(len(held), y[rows].std())
    result = FoldResult({MEAN.name: MEAN}, {MEAN.name: typical})

    def add(row: Row, members: Sequence[Candidate]) -> None:
        stack = fit_stack(members, y[rows], fit)
        mean, spread = predict_stack(stack, features, held)
        result.rows[row.name], result.means[row.name] = row, (mean, stack.inner_mae, spread)

    direct = [columns[StackColumn("direct", head)] for head in heads.direct]
    for head, candidate in zip(heads.direct, direct, strict=True):
        add(direct_row(head), [candidate])
    for origin in origins:
        s = origin.place
        for head in heads.late:
            late = columns[StackColumn("late", head, s)]
            add(late_row(origin, head, late.plan.depth, BEST), [late])
        frozen = [
            c for c in candidates if c.plan.head in heads.frozen and c.plan.kind == "frozen" and c.plan.source == s
        ]
        if not frozen:
            continue
        add(single_row(origin), [pick_best([c for c in frozen if len(c.plan.networks) == 1])])
        for candidate in frozen:
            if len(candidate.plan.networks) == origin.networks > 1:
                add(averaged_row(origin, candidate.plan.head, candidate.plan.depth), [candidate])
        add(selected_row(origin), [columns[StackColumn("average", source=s)]])
    for candidate in [c for c in candidates if c.plan.kind == "stacked"]:
        add(stacked_row(origins, candidate.plan.head, candidate.plan.depth), [candidate])
    if names:
        for head in heads.predictions:
            add(predictions_row(origins, head), [columns[StackColumn("predictions", head)]])
    known = foundation_origins(features)
    for origin in known:
        for member in heads.foundation:
            column = StackColumn("foundation", member.head, origin.place, member.blocks)
            add(foundation_row(origin, member), [columns[column]])
    tried = (*heads.direct, *heads.frozen, *(heads.late if names else ()), *(m.head for m in heads.foundation))
    if alone and len(origins) + len(known) > 1:
        for origin in (*known, *origins):
            add(alone_row(origin, tried), [*direct, *(c for k, c in columns.items() if k.source == origin.place)])
    add(direct_stack_row(heads.direct), direct)
    add(chosen_row([*known, *origins], tried), list(columns.values()))
    return result


def _mean_error(y: FloatArray, folds: Folds) -> float:
    """Inner cross-validated error of predicting the mean."""
    return float(np.mean([np.mean(np.abs(y[folds == f] - y[folds != f].mean())) for f in np.unique(folds)]))


class CrossValidated(NamedTuple):
    """Held-out predictions of n compounds, on the fitted scale.

    NaN where no split holds a compound.

    rows : of the leaderboard, by name
    predictions, spreads : (n,) per row
    inside : per row, the error its selection saw in each split
    distance : (n,) of each compound from its training rows
    """

    rows: dict[str, Row]
    predictions: dict[str, FloatArray]
    spreads: dict[str, FloatArray]
    inside: dict[str, list[float]]
    distance: FloatArray


def cross_validate(
    problem: Problem,
    splits: Sequence[Split],
    pool: Executor,
    progress: Callable[[int], None] | None = None,
    *,
    networks: Sequence[int] | None = None,
    alone: bool = False,
) -> CrossValidated:
    """Select, fit and predict in every split, side by side.

    splits : a compound is held out in one at most
    networks : set of foundation networks, per split; by default those that saw every formula
    alone : as in `predict_fold`
    """
    n, y = len(problem.target), problem.target.y

    def measure(split: Split, networks: int) -> FoldResult:
        rows, held = split
        inner = deal_inner(problem, rows)
        features = problem.features_for(held, networks)
        result = predict_fold(features, y, rows, held, inner, problem.names, problem.heads, alone=alone)
        if progress:
            progress(1)
        return result

    sets = [FULL] * len(splits) if networks is None else networks
    rows_of: dict[str, Row] = {}
    predictions: dict[str, FloatArray] = {}
    spreads: dict[str, FloatArray] = {}
    inside: dict[str, list[float]] = {}
    distance = np.full(n, np.nan)
    for (rows, held), result in zip(splits, list(pool.map(measure, splits, sets)), strict=True):
        rows_of |= result.rows
        for name, (mean, inner_mae, spread) in result.means.items():
            predictions.setdefault(name, np.full(n, np.nan))[held] = mean
            spreads.setdefault(name, np.full(n, np.nan))[held] = spread
            inside.setdefault(name, []).append(inner_mae)
        distance[held] = _far(problem.space, held, rows)
    return CrossValidated(rows_of, predictions, spreads, inside, distance)


class UnseenSplits(NamedTuple):
    """Splits of compounds whose held-out ones were never seen by a set of networks.

    networks : number of the set, per split
    """

    splits: tuple[Split, ...]
    networks: tuple[int, ...]

    def folds(self, n: int) -> Folds:
        """Number of the split that holds each of n compounds, -1 where none does."""
        folds = np.full(n, -1, np.int64)
        for number, split in enumerate(self.splits):
            folds[split.held] = number
        return folds


def unseen_splits(problem: Problem, given: Sequence[Split] | None, least: int) -> UnseenSplits | None:
    """Split compounds by hash folds, for the networks that never saw them.

    given : splits that hold instead, each taken apart by hash folds

    Returns None where the networks saw no compound, or where a split would leave fewer than `least`.
    """
    if problem.views is None or not problem.views.seen.any():
        return None
    folds = problem.views.folds
    everything = np.arange(len(folds))
    parts = [
        (Split(everything[folds != k] if given is None else outer.rows, outer.held[folds[outer.held] == k]), int(k) + 1)
        for outer in ([Split(everything, everything)] if given is None else given)
        for k in np.unique(folds[outer.held])
    ]
    if any(len(split.rows) < least for split, _ in parts):
        return None
    return UnseenSplits(*zip(*parts, strict=True))


def _far(space: NDArray[np.float32], held: NDArray[np.int64], rows: NDArray[np.int64]) -> FloatArray:
    """Distance of held-out rows from the others, in their unit."""
    return np.asarray(nearest(space[held], space[rows])[1] / unit_distance(space[rows]))


def fit_deployed(problem: Problem, features: Features, rows: NDArray[np.int64]) -> Stack:
    """Select, fit and weight the deployed stack on some rows."""
    y = problem.target.y
    candidates = judge_candidates(features, y, rows, deal_inner(problem, rows), problem.names, problem.heads)
    chosen = choose_columns(candidates, len(problem.names))
    return fit_stack(list(chosen.values()), y[rows], lambda plan: fit_plan(plan, features, y, rows))


class FamilyPredictions(NamedTuple):
    """Predictions with whole chemical families held out.

    groups, folds : (n,) family and fold number of each compound
    predictions : (3, n) mean, spread and distance
    """

    groups: list[str]
    folds: Folds
    predictions: FloatArray


def cross_validate_families(problem: Problem, least: int, pool: Executor) -> FamilyPredictions | None:
    """Predict each compound with its chemical family held out.

    Returns None where fewer than `least` compounds would be left to fit on.
    """
    groups = name_families(problem.target.inputs)
    kin = family_folds(groups, problem.seed, least)
    if kin is None:
        return None
    apart = np.empty((3, len(kin)))

    def blind(fold: int) -> None:
        held, rows = np.flatnonzero(kin == fold), np.flatnonzero(kin != fold)
        features = problem.features_for(held)
        apart[:, held] = (
            *predict_stack(fit_deployed(problem, features, rows), features, held),
            _far(problem.space, held, rows),
        )

    list(pool.map(blind, np.unique(kin)))
    return FamilyPredictions(groups, kin, apart)
