"""Nested cross-validation: the deployed stack and every model of the leaderboard on compounds they have not seen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import PropertyTable
from screen.bank import Bank, FloatArray
from screen.domain import nearest, unit_distance
from screen.folds import Folds, inner_folds
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
    """Held-out predictions of the n compounds on the fitted scale.

    predictions : (n,) per row of the leaderboard; inside : per row, the error its selection saw in each fold
    spread, distance : (n,) of the deployed stack, each compound from its training rows
    """

    predictions: dict[str, FloatArray]
    inside: dict[str, list[float]]
    spread: FloatArray
    distance: FloatArray


class Apart(NamedTuple):
    """Held-out families: groups and fold numbers (n,); mean, spread and distance (3, n)."""

    groups: list[str]
    folds: Folds
    found: FloatArray


def measure(problem: Problem, folds: Folds, pool: Executor, progress: Callable[[int], None] | None = None) -> Measured:
    """Select, fit and predict with each outer fold (n,) held out in turn, the folds side by side."""
    n, y = len(folds), problem.target.y

    def ask(fold: int) -> FoldResult:
        held, rows = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        result = one_fold(problem.bank, y, rows, held, _inner(problem, rows), problem.names, problem.heads)
        if progress:
            progress(1)
        return result

    numbers = np.unique(folds)
    predictions: dict[str, FloatArray] = {}
    inside: dict[str, list[float]] = {}
    spread, distance = np.empty(n), np.empty(n)
    for fold, result in zip(numbers, list(pool.map(ask, numbers)), strict=True):
        held, rows = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        for name, (mean, inner_mae) in result.means.items():
            predictions.setdefault(name, np.empty(n))[held] = mean
            inside.setdefault(name, []).append(inner_mae)
        spread[held] = result.spread
        distance[held] = _far(problem.space, held, rows)
    return Measured(predictions, inside, spread, distance)


def deployed(problem: Problem, rows: NDArray[np.int64]) -> Stack:
    """The stack that is deployed, selected, fitted and weighted on some rows of the target."""
    y = problem.target.y
    found = candidates(problem.bank, y, rows, _inner(problem, rows), problem.names, problem.heads)
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


def _inner(problem: Problem, rows: NDArray[np.int64]) -> Folds:
    return inner_folds([problem.target.keys[i] for i in rows], problem.inner, problem.seed + 1)


class FoldResult(NamedTuple):
    """One outer fold: held-out means and inner error per row of the leaderboard, spread of the deployed stack."""

    means: dict[str, tuple[FloatArray, float]]
    spread: FloatArray


def one_fold(
    bank: Bank,
    y: FloatArray,
    rows: NDArray[np.int64],
    held: NDArray[np.int64],
    folds: Folds,
    names: list[str],
    heads: Heads,
) -> FoldResult:
    """Select and fit on `rows`; predict `held` with the deployed stack and with every model of the leaderboard."""
    found = candidates(bank, y, rows, folds, names, heads)
    chosen = columns(found, len(names))
    deployed = list(chosen)
    # A plan serves several rows of the leaderboard; it is fitted once.
    fit = functools.cache(lambda plan: fit_plan(plan, bank, y, rows))
    means: dict[str, tuple[FloatArray, float]] = {
        "mean of the training values": (np.full(len(held), y[rows].mean()), _mean_error(y[rows], folds))
    }

    def ask(name: str, keys: list[str]) -> FloatArray:
        stack = fit_stack([chosen[key] for key in keys], y[rows], fit)
        mean, spread = predict_stack(stack, bank, held)
        means[name] = mean, stack.inner_mae
        return spread

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
    ask("stack of direct models", [f"direct {head}" for head in heads.direct])
    return FoldResult(means, ask(CHOSEN, deployed))


def _mean_error(y: FloatArray, folds: Folds) -> float:
    """Inner cross-validated error of predicting the mean."""
    return float(np.mean([np.mean(np.abs(y[folds == f] - y[folds != f].mean())) for f in np.unique(folds)]))
