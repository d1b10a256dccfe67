"""From a library of pre-trained networks and a small target to a measured, stacked model and a plain verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.formulas.slots import reduce
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.descriptors.materials import kind_of_table
from kakehashi.screen.descriptors.scaling import Scaling, fit_scaling
from kakehashi.screen.heads.drawn import unfinished
from kakehashi.screen.heads.registry import DEFAULT_HEADS, HEADS
from kakehashi.screen.networks.aliases import MARK
from kakehashi.screen.networks.source import Library, elements_in
from kakehashi.screen.pools import threads
from kakehashi.screen.transfer.features import Bank, FloatArray, fill, places
from kakehashi.screen.transfer.leaderboard import Entry, entries
from kakehashi.screen.transfer.nested import Measured, Problem, deployed, measure, measure_families
from kakehashi.screen.transfer.null import Null, permuted_null
from kakehashi.screen.transfer.rows import CHOSEN
from kakehashi.screen.transfer.selection import FROZEN_GP_ROWS, GP_ROWS, Stack, affordable_heads
from kakehashi.screen.transfer.verdict import Standing, Verdict, judge
from kakehashi.screen.validation.domain import Domain, cover, unit_distance
from kakehashi.screen.validation.folds import Folds, grouped_folds, splits_of
from kakehashi.screen.validation.intervals import by_fold, coverage, quantile
from kakehashi.screen.validation.reach import Reach, by_distance, family_coverage

OUTER_FOLDS = 10
INNER_FOLDS = 10
MIN_COMPOUNDS = 10
# Smallest training set of a given outer fold.
MIN_TRAINING = 5
# Scores are single precision, and so are the squares of spreads: larger or smaller values would overflow or vanish.
LARGEST, SMALLEST = 1e15, 1e-15


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
    problem, reference = pose(library, target, inner=inner, seed=seed, heads=heads)
    bank, space, y = problem.bank, problem.space, target.y
    n = len(y)
    folds = outer_folds(target, outer, seed)
    # One BLAS thread each: on matrices this small several spend their time waiting for each other (10 times slower
    # on a busy machine), and the results would depend on the number of cores.
    with unfinished(), threadpool_limits(1, "blas"), threads("fit") as pool:
        measured = measure(problem, splits_of(folds), pool, progress)
        stack = deployed(problem, np.arange(n))
        apart = measure_families(problem, MIN_TRAINING, pool)
        null = permuted_null(bank, y, folds, seed, pool)

    mean, spread, distance = measured.predictions[CHOSEN], measured.spreads[CHOSEN], measured.distance
    ratios, lower, upper, usual = by_fold(y, mean, spread, distance, folds)
    board, verdict = judged(target, folds, measured, coverage(ratios, folds), null)
    by_family = family_coverage(y, apart.groups, apart.folds, ratios, usual, apart.found) if apart else None
    return Model(
        target=target,
        library=library,
        stack=stack,
        interval=quantile(ratios),
        usual_spread=usual,
        reference=reference,
        training=space.astype(np.float32),
        unit=unit_distance(space),
        domain=_domain(library, target),
        ceiling=_ceiling(stack),
        out_of_fold=OutOfFold(mean, spread, distance, folds, lower, upper),
        leaderboard=board,
        verdict=verdict,
        reach=Reach(by_distance((lower <= y) & (y <= upper), distance), by_family),
        warnings=caveats(library, target),
        seed=seed,
        heads=tuple(heads),
    )


def judged(
    target: PropertyTable, folds: Folds, measured: Measured, coverage_90: float, null: Null | None
) -> tuple[tuple[Entry, ...], Verdict]:
    """The leaderboard, best first, and the verdict.

    folds : (n,) outer folds that were predicted; coverage_90 : of the intervals of the deployed stack
    """
    y = target.y
    board = entries(
        measured.rows, y, target.log, measured.predictions, measured.inside, len(y) - np.bincount(folds),
        {CHOSEN: coverage_90},
    )  # fmt: skip
    wrong = {name: np.abs(y - mean) for name, mean in measured.predictions.items()}
    standing = [Standing(entry.name, entry.mae, entry.optimism) for entry in board]
    where = folds_text(target, folds)
    return board, judge(
        target, splits_of(folds), where, wrong, measured.rows, standing, coverage_90=coverage_90, null=null
    )


def pose(
    library: Library, target: PropertyTable, *, inner: int, seed: int, heads: Sequence[str]
) -> tuple[Problem, Scaling]:
    """What every fit of a transfer looks at, and the scaling of the space of distances.

    Raises
    ------
    UserError : a target too small, constant or out of single precision, or heads that cannot be.
    """
    _check(target)
    if "finetune" in heads and kind_of_table(target).structural:
        raise UserError("--heads: expected ridge, gp or forest on crystal graph networks, got finetune")
    bank = fill(library, target.inputs)
    reference = _reference(library, bank)
    space = places(bank, reference)
    names = [source.name for source in library.sources]
    return Problem(target, bank, space, names, affordable_heads(len(target), heads), inner, seed), reference


def _check(target: PropertyTable) -> None:
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


def outer_folds(target: PropertyTable, n_folds: int, seed: int) -> Folds:
    """(n,) the target's given folds, or its compounds dealt to `n_folds`.

    Raises
    ------
    UserError : given folds of one number, or one that leaves fewer than `MIN_TRAINING` compounds to fit on.
    """
    if target.folds is None:
        return grouped_folds(target.keys, min(n_folds, len(target)), seed)
    numbers = np.unique(target.folds)
    if len(numbers) < 2:
        raise UserError(f"{target.name}: expected at least 2 different fold numbers, got {len(numbers)}")
    folds = np.searchsorted(numbers, target.folds).astype(np.int64)
    left = len(folds) - int(np.bincount(folds).max())
    if left < MIN_TRAINING:
        raise UserError(f"{target.name}: expected at least {MIN_TRAINING} compositions outside every fold, got {left}")
    return folds


def folds_text(target: PropertyTable, folds: Folds) -> str:
    """How compounds are held out, in words."""
    return "given folds" if target.folds is not None else f"{folds.max() + 1} folds, no material on both sides"


def _reference(library: Library, bank: Bank) -> Scaling:
    """Scaling of the largest source: columns hardly varying in 45 target rows must not dominate distances."""
    if not library.sources:
        return fit_scaling(bank.raw)
    return max(library.sources, key=lambda source: len(source.keys)).scaling


def _domain(library: Library, target: PropertyTable) -> Domain:
    seen = np.any([source.elements for source in library.sources], axis=0) if library.sources else np.zeros(94, bool)
    reduced = reduce(target.compositions)
    return cover(reduced, elements_in(reduced), seen, molecules=not kind_of_table(target).stoichiometric)


def _ceiling(stack: Stack) -> float:
    return float(
        sum(
            weight * np.mean([HEADS[member.plan.head].ceiling(params) for params in member.params])
            for member, weight in zip(stack.members, stack.weights, strict=True)
        )
    )


def caveats(library: Library, target: PropertyTable) -> tuple[str, ...]:
    """What was left out for its cost, and what makes the leaderboard optimistic: sources that saw the target."""
    own = frozenset(target.keys)
    left_out = [
        f"{len(own):,} target compounds: no {what} above {limit:,}"
        for what, limit in (
            ("Gaussian process on frozen features, features of two layers or of several sources", FROZEN_GP_ROWS),
            ("Gaussian process on descriptors", GP_ROWS),
        )
        if len(own) > limit
    ]
    # A property with networks of its own and a place in a shared trunk has its note twice.
    renamed = dict.fromkeys(note for source in library.sources for note in source.notes if MARK in note)
    seen = [
        f"source {source.name} saw {len(own & source.keys)} of the target's {len(own)} formulas before transfer:"
        " the held-out errors are optimistic; pre-train with exclude=target"
        for source in library.sources
        if own & source.keys
    ]
    return (*left_out, *renamed, *seen)
