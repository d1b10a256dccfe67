"""From a library of pre-trained networks and a small target to a measured, stacked model and a plain verdict."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from catalogs.formulas import reduce
from catalogs.records import PropertyTable, UserError
from screen.aliases import MARK
from screen.bank import Bank, FloatArray, fill
from screen.config import DEFAULT_HEADS
from screen.domain import Domain, cover, nearest, unit_distance
from screen.folds import Folds, grouped_folds, inner_folds
from screen.intervals import coverage, difficulty, quantile, usual_spread
from screen.leaderboard import Entry, Verdict, entries, judge_transfer
from screen.library import Checkpoint, Library, elements_in
from screen.null import permuted_null
from screen.plans import HEADS, fit_plan
from screen.reach import Reach, by_distance, families, family_coverage, family_folds
from screen.scaling import Scaling, fit_scaling, standardise
from screen.selection import (
    FROZEN_GP_ROWS,
    GP_ROWS,
    Heads,
    Stack,
    affordable_heads,
    best,
    candidates,
    columns,
    fit_stack,
    late_name,
    predict_stack,
)

OUTER_FOLDS = 10
INNER_FOLDS = 10
MIN_COMPOUNDS = 10
# Smallest training set of a given outer fold.
MIN_TRAINING = 5
# Scores are single precision, and so are the squares of spreads: larger or smaller values would overflow or vanish.
LARGEST, SMALLEST = 1e15, 1e-15
# The row of the leaderboard that is deployed.
CHOSEN = "stack of transferred and direct"


class OutOfFold(NamedTuple):
    """What the deployed procedure predicted for each target compound while it was held out; fitted scale.

    mean, spread, distance : (n,); folds : (n,) outer fold numbers; lower, upper : (n,) 90 % interval whose width
    comes from the other folds
    """

    mean: FloatArray
    spread: FloatArray
    distance: FloatArray
    folds: Folds
    lower: FloatArray
    upper: FloatArray


class Model(NamedTuple):
    """A transferred model, ready to score: the stack fitted on all target rows, and what was measured.

    interval : multiplies `intervals.difficulty` to give the half-width of the 90 % interval
    usual_spread : spread up to which that width is constant
    reference, training, unit : scaling of the space distances live in, the target's rows there, its unit
    reach : coverage of the intervals by distance and for families never seen
    ceiling : largest mean any mixture of the members can return on the fitted scale, inf if unbounded
    checkpoint : None where none was asked for
    """

    target: PropertyTable
    library: Library
    stack: Stack
    interval: float
    usual_spread: float
    reference: Scaling
    training: NDArray[np.float32]
    unit: float
    domain: Domain
    ceiling: float
    out_of_fold: OutOfFold
    leaderboard: tuple[Entry, ...]
    verdict: Verdict
    reach: Reach
    warnings: tuple[str, ...]
    seed: int
    heads: tuple[str, ...]
    checkpoint: Checkpoint | None = None


def transfer(
    library: Library,
    target: PropertyTable,
    *,
    outer: int = OUTER_FOLDS,
    inner: int = INNER_FOLDS,
    seed: int = 0,
    heads: Sequence[str] = DEFAULT_HEADS,
    progress: Callable[[int], None] | None = None,
) -> Model:
    """Measure by nested, grouped cross-validation, select, and fit the stack that is deployed.

    Every choice (network, depth, head, gain, weights) is repeated inside each outer fold, so that the leaderboard
    and the intervals include the cost of choosing. Baselines without transfer run on the same folds.

    Raises
    ------
    UserError : fewer than `MIN_COMPOUNDS` distinct compositions, given folds that leave fewer than `MIN_TRAINING`
        to train on, or values that do not vary or do not fit single precision.
    """
    y = target.y
    n = len(y)
    if n < MIN_COMPOUNDS:
        raise UserError(f"{target.name}: expected at least {MIN_COMPOUNDS} distinct compositions, got {n}")
    if not np.ptp(y) > 0:
        raise UserError(f"{target.name}: all {n} values are equal; nothing can be learned from them")
    if np.abs(y).max() > LARGEST or y.std() < SMALLEST:
        raise UserError(
            f"{target.name}: expected values up to {LARGEST:.0e} that differ by more than {SMALLEST:.0e}, got"
            f" {np.abs(y).max():.1e} and {y.std():.1e}; give them in another unit or fit their logarithm (--log)"
        )
    folds = _outer(target, min(outer, n), seed)
    tried = affordable_heads(n, heads)
    bank = fill(library, target.compositions)
    reference = _reference(library, bank)
    space = np.asarray(standardise(reference, bank.raw))
    names = [source.name for source in library.sources]

    predictions: dict[str, FloatArray] = {}
    inside: dict[str, list[float]] = {}
    spread, distance = np.empty(n), np.empty(n)

    def measure(fold: int) -> _FoldResult:
        held, rows = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        result = _one_fold(bank, y, rows, held, _inner(target, rows, inner, seed), names, tried)
        if progress:
            progress(1)
        return result

    def fit(rows: NDArray[np.int64]) -> Stack:
        chosen = columns(candidates(bank, y, rows, _inner(target, rows, inner, seed), names, tried), len(names))
        return fit_stack(list(chosen.values()), y[rows], lambda plan: fit_plan(plan, bank, y, rows))

    groups = families(target.compositions)
    kin = family_folds(groups, seed, MIN_TRAINING)

    apart = np.empty((3, n))

    def blind(fold: int) -> None:
        held, rows = np.flatnonzero(kin == fold), np.flatnonzero(kin != fold)
        far = nearest(space[held], space[rows])[1] / unit_distance(space[rows])
        apart[:, held] = *predict_stack(fit(rows), bank, held), far

    numbers = np.unique(folds)
    # One BLAS thread each: on matrices this small several spend their time waiting for each other (10 times slower
    # on a busy machine), and the results would depend on the number of cores.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(measure, numbers))
        stack = fit(np.arange(n))
        list(pool.map(blind, np.unique(kin) if kin is not None else []))
        null = permuted_null(bank, y, folds, seed, pool)
    for fold, result in zip(numbers, results, strict=True):
        held, rows = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        for name, (mean, inner_mae) in result.means.items():
            predictions.setdefault(name, np.empty(n))[held] = mean
            inside.setdefault(name, []).append(inner_mae)
        spread[held] = result.spread
        distance[held] = nearest(space[held], space[rows])[1] / unit_distance(space[rows])

    mean = predictions[CHOSEN]
    usual = usual_spread(spread)
    scale = difficulty(spread, distance, usual)
    ratios = np.abs(y - mean) / scale
    board = entries(target, predictions, inside, folds, library, CHOSEN, coverage(ratios, folds), tried)
    half = np.array([quantile(ratios[folds != fold]) for fold in folds]) * scale
    lower, upper = mean - half, mean + half
    by_family = family_coverage(y, groups, kin, ratios, usual, apart) if kin is not None else None
    reach = Reach(by_distance((lower <= y) & (y <= upper), distance), by_family)
    reduced = reduce(target.compositions)
    seen = np.any([source.elements for source in library.sources], axis=0) if names else np.zeros(94, bool)
    return Model(
        target=target,
        library=library,
        stack=stack,
        interval=quantile(ratios),
        usual_spread=usual,
        reference=reference,
        training=space.astype(np.float32),
        unit=unit_distance(space),
        domain=cover(reduced, elements_in(reduced), seen),
        ceiling=_ceiling(stack),
        out_of_fold=OutOfFold(mean, spread, distance, folds, lower, upper),
        leaderboard=board,
        verdict=judge_transfer(target, predictions, CHOSEN, board, null),
        reach=reach,
        warnings=_warnings(library, target),
        seed=seed,
        heads=tuple(heads),
    )


class _FoldResult(NamedTuple):
    means: dict[str, tuple[FloatArray, float]]
    spread: FloatArray


def _one_fold(
    bank: Bank,
    y: FloatArray,
    rows: NDArray[np.int64],
    held: NDArray[np.int64],
    folds: Folds,
    names: list[str],
    heads: Heads,
) -> _FoldResult:
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
    if names:
        for head in heads.predictions:
            ask(f"descriptors + source predictions {head}", [f"predictions {head}"])
    ask("stack of direct models", [f"direct {head}" for head in heads.direct])
    return _FoldResult(means, ask(CHOSEN, deployed))


def _outer(target: PropertyTable, n_folds: int, seed: int) -> Folds:
    if target.folds is None:
        return grouped_folds(target.keys, n_folds, seed)
    numbers = np.unique(target.folds)
    if len(numbers) < 2:
        raise UserError(f"{target.name}: expected at least 2 different fold numbers, got {len(numbers)}")
    folds = np.searchsorted(numbers, target.folds).astype(np.int64)
    left = len(folds) - int(np.bincount(folds).max())
    if left < MIN_TRAINING:
        raise UserError(f"{target.name}: expected at least {MIN_TRAINING} compositions outside every fold, got {left}")
    return folds


def _inner(target: PropertyTable, rows: NDArray[np.int64], n_folds: int, seed: int) -> Folds:
    return inner_folds([target.keys[i] for i in rows], n_folds, seed + 1)


def _mean_error(y: FloatArray, folds: Folds) -> float:
    """Inner cross-validated error of predicting the mean."""
    return float(np.mean([np.mean(np.abs(y[folds == f] - y[folds != f].mean())) for f in np.unique(folds)]))


def _reference(library: Library, bank: Bank) -> Scaling:
    """Scaling of the largest source: columns hardly varying in 45 target rows must not dominate distances."""
    if not library.sources:
        return fit_scaling(bank.raw)
    return max(library.sources, key=lambda source: source.used).scaling


def _ceiling(stack: Stack) -> float:
    return float(
        sum(
            weight * np.mean([HEADS[member.plan.head].ceiling(params) for params in member.params])
            for member, weight in zip(stack.members, stack.weights, strict=True)
        )
    )


def _warnings(library: Library, target: PropertyTable) -> tuple[str, ...]:
    """What was left out for its cost, and what makes the leaderboard optimistic: sources that saw the target."""
    own = frozenset(target.keys)
    left_out = [
        f"{len(own):,} target compounds: no Gaussian process on {where} above {limit:,}"
        for where, limit in (("frozen features", FROZEN_GP_ROWS), ("descriptors", GP_ROWS))
        if len(own) > limit
    ]
    renamed = [note for source in library.sources for note in source.notes if MARK in note]
    seen = [
        f"source {source.name} saw {len(own & source.keys)} of the target's {len(own)} formulas before transfer:"
        " the held-out errors are optimistic; pre-train with exclude=target"
        for source in library.sources
        if own & source.keys
    ]
    return (*left_out, *renamed, *seen)
