"""Nested cross-validation: the deployed stack and every model of the leaderboard on compounds they have not seen."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import PropertyTable
from screen.bank import Bank, FloatArray
from screen.domain import nearest, unit_distance
from screen.folds import Folds, Split, inner_folds
from screen.leaderboard import ALONE
from screen.plans import fit_plan
from screen.reach import families, family_folds
from screen.selection import (
    Heads,
    Stack,
    best,
    candidates,
    columns,
    fit_stack,
    late_name,
    predict_stack,
)

# The row of the leaderboard that is deployed.
CHOSEN = "stack of transferred and direct"
# The same without sources.
DIRECT = "stack of direct models"


class Problem(NamedTuple):
    """What every fit of one transfer looks at.

    space : (n, 290) the target in the space of distances; names : of the sources; inner : number of inner folds
    """

    target: PropertyTable
    bank: Bank
    space: NDArray[np.float32]
    names: list[str]
    heads: Heads
    inner: int
    seed: int


class Measured(NamedTuple):
    """Held-out predictions of the n compounds on the fitted scale; NaN where no split holds a compound.

    predictions, spreads : (n,) per row of the leaderboard; inside : per row, the error its selection saw in each split
    distance : (n,) of each compound from its training rows
    """

    predictions: dict[str, FloatArray]
    spreads: dict[str, FloatArray]
    inside: dict[str, list[float]]
    distance: FloatArray


class Apart(NamedTuple):
    """Held-out families: groups and fold numbers (n,); mean, spread and distance (3, n)."""

    groups: list[str]
    folds: Folds
    found: FloatArray


def measure(
    problem: Problem,
    splits: Sequence[Split],
    pool: Executor,
    progress: Callable[[int], None] | None = None,
    *,
    alone: bool = False,
) -> Measured:
    """Select, fit and predict in every split, the splits side by side; each compound is held in one at most.

    alone : as in `one_fold`
    """
    n, y = len(problem.target), problem.target.y

    def ask(split: Split) -> FoldResult:
        rows, held = split
        inner = inner_of(problem, rows)
        result = one_fold(problem.bank, y, rows, held, inner, problem.names, problem.heads, alone=alone)
        if progress:
            progress(1)
        return result

    predictions: dict[str, FloatArray] = {}
    spreads: dict[str, FloatArray] = {}
    inside: dict[str, list[float]] = {}
    distance = np.full(n, np.nan)
    for (rows, held), result in zip(splits, list(pool.map(ask, splits)), strict=True):
        for name, (mean, inner_mae, spread) in result.means.items():
            predictions.setdefault(name, np.full(n, np.nan))[held] = mean
            spreads.setdefault(name, np.full(n, np.nan))[held] = spread
            inside.setdefault(name, []).append(inner_mae)
        distance[held] = _far(problem.space, held, rows)
    return Measured(predictions, spreads, inside, distance)


def deployed(problem: Problem, rows: NDArray[np.int64]) -> Stack:
    """The stack that is deployed, selected, fitted and weighted on some rows of the target."""
    y = problem.target.y
    found = candidates(problem.bank, y, rows, inner_of(problem, rows), problem.names, problem.heads)
    chosen = columns(found, len(problem.names))
    return fit_stack(list(chosen.values()), y[rows], lambda plan: fit_plan(plan, problem.bank, y, rows))


def measure_families(problem: Problem, least: int, pool: Executor) -> Apart | None:
    """Every compound predicted with its chemical family held out; None where too few would be left (`least`)."""
    groups = families(problem.target.inputs)
    kin = family_folds(groups, problem.seed, least)
    if kin is None:
        return None
    apart = np.empty((3, len(kin)))

    def blind(fold: int) -> None:
        held, rows = np.flatnonzero(kin == fold), np.flatnonzero(kin != fold)
        apart[:, held] = *predict_stack(deployed(problem, rows), problem.bank, held), _far(problem.space, held, rows)

    list(pool.map(blind, np.unique(kin)))
    return Apart(groups, kin, apart)


def _far(space: NDArray[np.float32], held: NDArray[np.int64], rows: NDArray[np.int64]) -> FloatArray:
    """Distance of the held-out rows from the others, in the unit of the others."""
    return np.asarray(nearest(space[held], space[rows])[1] / unit_distance(space[rows]))


def inner_of(problem: Problem, rows: NDArray[np.int64]) -> Folds:
    """(len(rows),) inner folds of some rows."""
    return inner_folds([problem.target.keys[i] for i in rows], problem.inner, problem.seed + 1)


class FoldResult(NamedTuple):
    """One outer fold: held-out means, inner error and held-out spreads per row of the leaderboard."""

    means: dict[str, tuple[FloatArray, float, FloatArray]]


def one_fold(
    bank: Bank,
    y: FloatArray,
    rows: NDArray[np.int64],
    held: NDArray[np.int64],
    folds: Folds,
    names: list[str],
    heads: Heads,
    *,
    alone: bool = False,
) -> FoldResult:
    """Select and fit on `rows`; predict `held` with the deployed stack and with every model of the leaderboard.

    alone : also the stack each of several sources would give by itself, without predictions of the sources as inputs
    """
    found = candidates(bank, y, rows, folds, names, heads)
    chosen = columns(found, len(names))
    deployed = list(chosen)
    # A plan serves several rows of the leaderboard; it is fitted once.
    fit = functools.cache(lambda plan: fit_plan(plan, bank, y, rows))
    typical = np.full(len(held), y[rows].mean()), _mean_error(y[rows], folds), np.full(len(held), y[rows].std())
    means: dict[str, tuple[FloatArray, float, FloatArray]] = {"mean of the training values": typical}

    def ask(name: str, keys: list[str]) -> None:
        stack = fit_stack([chosen[key] for key in keys], y[rows], fit)
        mean, spread = predict_stack(stack, bank, held)
        means[name] = mean, stack.inner_mae, spread

    for head in heads.direct:
        ask(f"direct {head}", [f"direct {head}"])
    for s, name in enumerate(names):
        for head in heads.late:
            ask(late_name(name, head), [f"{head}:{s}"])
        own = [c for c in found if c.plan.head in heads.frozen and c.plan.kind == "frozen" and c.plan.source == s]
        if not own:
            continue
        chosen[f"single:{s}"] = best([c for c in own if len(c.plan.networks) == 1])
        ask(f"{name}: best single network", [f"single:{s}"])
        for candidate in own:
            if len(candidate.plan.networks) == len(bank.layers[s]) > 1:
                depth = {0: "all layers"}.get(candidate.plan.depth, f"last {candidate.plan.depth}")
                key = f"{name}: {len(bank.layers[s])} networks, {depth}, {candidate.plan.head}"
                chosen[key] = candidate
                ask(key, [key])
        ask(f"{name}: selected", [f"frozen:{s}"])
    for candidate in [c for c in found if c.plan.kind == "stacked"]:
        chosen[candidate.name] = candidate
        ask(candidate.name, [candidate.name])
    if names:
        for head in heads.predictions:
            ask(f"descriptors + source predictions {head}", [f"predictions {head}"])
    direct = [f"direct {head}" for head in heads.direct]
    if alone and len(names) > 1:
        for s, name in enumerate(names):
            ask(f"{name}: {ALONE}", [*direct, *(key for key in deployed if key.endswith(f":{s}"))])
    ask(DIRECT, direct)
    ask(CHOSEN, deployed)
    return FoldResult(means)


def _mean_error(y: FloatArray, folds: Folds) -> float:
    """Inner cross-validated error of predicting the mean."""
    return float(np.mean([np.mean(np.abs(y[folds == f] - y[folds != f].mean())) for f in np.unique(folds)]))
