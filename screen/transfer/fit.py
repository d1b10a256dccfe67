"""From pre-trained networks and a small target to a measured model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.formulas.slots import reduce
from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.budget import EXACT
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.descriptors.materials import kind_of_table
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.heads.drawn import unfinished
from kakehashi.screen.heads.inducing import inducing_count
from kakehashi.screen.heads.registry import DEFAULT_HEADS, HEADS
from kakehashi.screen.networks.aliases import MARK
from kakehashi.screen.networks.crystal.network import is_structural
from kakehashi.screen.networks.source import Library, elements_in
from kakehashi.screen.pools import threads
from kakehashi.screen.transfer.leaderboard import Entry, rank_entries
from kakehashi.screen.transfer.nested import (
    CrossValidated,
    cross_validate,
    cross_validate_families,
    fit_deployed,
)
from kakehashi.screen.transfer.permutation import PermutedErrors, permute_selection
from kakehashi.screen.transfer.problem import (
    INNER_FOLDS,
    MIN_TRAINING,
    OUTER_FOLDS,
    folds_text,
    outer_folds,
    pose_problem,
)
from kakehashi.screen.transfer.rows import CHOSEN
from kakehashi.screen.transfer.selection import ALL_LAYERS_ROWS, FROZEN_GP_ROWS, affordable_networks
from kakehashi.screen.transfer.stack import Stack
from kakehashi.screen.transfer.unseen import Unseen, choose_splitting, measure_unseen, with_unseen
from kakehashi.screen.transfer.verdict import Verdict, judge_transfer
from kakehashi.screen.validation.coverage import Reach, coverage_by_distance, family_coverage
from kakehashi.screen.validation.domain import Domain, describe_domain, unit_distance
from kakehashi.screen.validation.folds import Folds, splits_of
from kakehashi.screen.validation.intervals import conformal_quantile, interval_coverage, intervals_by_fold


class OutOfFold(NamedTuple):
    """Held-out predictions of the deployed procedure, fitted scale.

    mean, spread, distance : (n,)
    folds : (n,) outer fold numbers
    lower, upper : (n,) 90 % interval whose width comes from the other folds
    """

    mean: FloatArray
    spread: FloatArray
    distance: FloatArray
    folds: Folds
    lower: FloatArray
    upper: FloatArray

    def __repr__(self) -> str:
        return f"Held-out predictions of {len(self.mean):,} rows in {len(set(self.folds.tolist()))} folds"


class Model(NamedTuple):
    """A transferred model, measured and ready to score.

    stack : fitted on all target rows
    interval : multiplies `intervals.difficulty` to give the half-width of the 90 % interval
    usual_spread : typical spread, of `intervals.difficulty`
    reference, training, unit : scaling of the space distances live in, the target's rows there, its unit
    reach : coverage of the intervals by distance and for families never seen
    ceiling : largest mean any mixture of the members can return on the fitted scale, inf if unbounded
    checkpoint : None without the cache
    knowledge : networks that know other properties, and known values of these, if any
    unseen : error and intervals for formulas that the foundation networks never saw; None where all errors are such
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
    knowledge: Knowledge | None = None
    unseen: Unseen | None = None

    def __repr__(self) -> str:
        target = self.target
        scale = ", ln(value) is fitted" if target.log else ""
        networks = [source.name for source in self.library.sources]
        networks += [f"foundation {self.knowledge.foundation.name}"] if self.knowledge else []
        lines = [
            f"{type(self).__name__} of {target.quantity}{f' [{target.unit}]' if target.unit else ''}",
            f"known values: {len(target):,} of {target.name}{scale}",
            f"networks: {', '.join(networks[:4]) or 'none'}{f' and {len(networks) - 4} more' if networks[4:] else ''}",
            f"stack of {len(self.stack.members)} members; heads {', '.join(self.heads)}",
            f"verdict: {self.verdict.text}",
        ]
        if self.warnings:
            lines.append(f"warnings: {len(self.warnings)}, the first: {self.warnings[0]}")
        return "\n  ".join(lines)

    @property
    def unseen_interval(self) -> float:
        """Factor of the intervals for formulas that foundation networks never saw."""
        return self.interval if self.unseen is None else max(self.interval, self.unseen.interval)


def transfer(
    library: Library,
    target: PropertyTable,
    *,
    outer: int = OUTER_FOLDS,
    inner: int = INNER_FOLDS,
    seed: int = 0,
    heads: Sequence[str] = DEFAULT_HEADS,
    families: bool = True,
    knowledge: Knowledge | None = None,
    progress: Callable[[int], None] | None = None,
) -> Model:
    """Measure by nested cross-validation, then fit the deployed stack.

    Where a property of the foundation networks is the target under another name, or they are asked for formulas they
    never saw, every compound is predicted by those of its hash fold.

    families : whether intervals are measured with whole chemical families held out
    knowledge : foundation networks, for targets of formulas

    Every choice (network, depth, head, gain, weights) is repeated inside each outer fold, so that the leaderboard
    and the intervals include the cost of choosing. Baselines without transfer run on the same folds.

    Raises
    ------
    UserError : fewer than `MIN_COMPOUNDS` distinct compositions, given folds that leave fewer than `MIN_TRAINING`
        to train on, or values that do not vary or do not fit single precision.
    """
    problem, reference = pose_problem(library, target, inner=inner, seed=seed, heads=heads, knowledge=knowledge)
    space, y = problem.space, target.y
    n = len(y)
    features = problem.features_for(np.arange(0))
    given = outer_folds(target, outer, seed)
    held = choose_splitting(problem, given, splits_of(given), anew=target.folds is None)
    folds, blind = held.folds, held.unseen
    # One BLAS thread each: on matrices this small several spend their time waiting for each other (10 times slower
    # on a busy machine), and the results would depend on the number of cores.
    with unfinished(), threadpool_limits(1, "blas"), threads("fit") as pool:
        measured = cross_validate(problem, held.splits, pool, progress, networks=held.networks)
        stack = fit_deployed(problem, features, np.arange(n))
        apart = cross_validate_families(problem, MIN_TRAINING, pool) if families else None
        hidden = cross_validate(problem, blind.splits, pool, networks=blind.networks) if blind else None
        null = permute_selection(features, y, folds, seed, pool)

    mean, spread, distance = measured.predictions[CHOSEN], measured.spreads[CHOSEN], measured.distance
    ratios, lower, upper, usual = intervals_by_fold(y, mean, spread, distance, folds)
    board, verdict = judge_rows(target, folds, measured, interval_coverage(ratios, folds), null)
    unseen = None
    if held.networks is not None:
        unseen = measure_unseen(y, measured, folds, usual)
    elif hidden is not None and blind is not None:
        unseen = measure_unseen(y, hidden, blind.folds(n), usual)
    verdict = with_unseen(verdict, unseen) if unseen else verdict
    by_family = family_coverage(y, apart.groups, apart.folds, ratios, usual, apart.predictions) if apart else None
    return Model(
        target=target,
        library=library,
        stack=stack,
        interval=conformal_quantile(ratios),
        usual_spread=usual,
        reference=reference,
        training=space.astype(np.float32),
        unit=unit_distance(space),
        domain=_domain(library, target),
        ceiling=_ceiling(stack),
        out_of_fold=OutOfFold(mean, spread, distance, folds, lower, upper),
        leaderboard=board,
        verdict=verdict,
        reach=Reach(coverage_by_distance((lower <= y) & (y <= upper), distance), by_family),
        warnings=(*([problem.alias_note] if problem.alias_note else []), *caveats(library, target, heads)),
        seed=seed,
        heads=tuple(heads),
        knowledge=knowledge,
        unseen=unseen,
    )


def judge_rows(
    target: PropertyTable, folds: Folds, measured: CrossValidated, coverage_90: float, null: PermutedErrors | None
) -> tuple[tuple[Entry, ...], Verdict]:
    """Make the leaderboard, best first, and the verdict.

    folds : (n,) outer folds that were predicted
    coverage_90 : of the intervals of the deployed stack
    """
    y = target.y
    board = rank_entries(
        measured.rows, y, target.log, measured.predictions, measured.inside, len(y) - np.bincount(folds),
        {CHOSEN: coverage_90},
    )  # fmt: skip
    errors = {name: np.abs(y - mean) for name, mean in measured.predictions.items()}
    where = folds_text(target, folds)
    return board, judge_transfer(
        target, splits_of(folds), where, errors, measured.rows, board, coverage_90=coverage_90, null=null
    )


def _domain(library: Library, target: PropertyTable) -> Domain:
    seen = np.any([source.elements for source in library.sources], axis=0) if library.sources else np.zeros(94, bool)
    reduced = reduce(target.compositions)
    return describe_domain(reduced, elements_in(reduced), seen, molecules=not kind_of_table(target).stoichiometric)


def _ceiling(stack: Stack) -> float:
    return float(
        sum(
            weight * np.mean([HEADS[member.plan.head].ceiling(params) for params in member.params])
            for member, weight in zip(stack.members, stack.weights, strict=True)
        )
    )


def caveats(library: Library, target: PropertyTable, heads: Sequence[str] = DEFAULT_HEADS) -> tuple[str, ...]:
    """Warn of sources that saw the target, and of heads left out.

    The first make the leaderboard optimistic; the second cost too much at the target's size.
    """
    formulas = frozenset(target.keys)
    n, left_out = len(target), []
    # Of crystal graph networks all serve.
    pyramids = [source for source in library.sources if not is_structural(source.networks)]
    if n > FROZEN_GP_ROWS and pyramids:
        most = max(affordable_networks(n, len(source.networks)) for source in pyramids)
        layers = "" if n <= ALL_LAYERS_ROWS else " of their last layer"
        left_out.append(
            f"{n:,} target compounds: of each source the first {most:,} networks serve as frozen features{layers}, with"
            " ridge heads alone"
        )
    if n > EXACT and "gp" in heads:
        left_out.append(
            f"{n:,} target compounds: Gaussian processes see them through {inducing_count(n):,} of them, evenly spread"
            " over the table in its order"
        )
    # A property with networks of its own and a place in a shared trunk has its note twice.
    renamed = dict.fromkeys(note for source in library.sources for note in source.notes if MARK in note)
    seen = [
        f"source {source.name} saw {len(formulas & source.keys)} of the target's {len(formulas)} formulas before"
        " transfer: the held-out errors are optimistic; pre-train with exclude=target"
        for source in library.sources
        if formulas & source.keys
    ]
    return (*left_out, *renamed, *seen)
