"""A transfer problem: the target, its features and its folds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.descriptors.materials import kind_of_table
from kakehashi.screen.descriptors.scaling import Scaling, fit_scaling
from kakehashi.screen.foundation.aliased import find_aliases
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.known import KnownTarget, fill_in
from kakehashi.screen.foundation.view import FULL, FoundationViews, view_compounds
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer.features import Features, compute_features, distance_space
from kakehashi.screen.transfer.selection import Heads, affordable_heads, affordable_networks
from kakehashi.screen.validation.folds import Folds, grouped_folds, inner_folds

OUTER_FOLDS = 10
INNER_FOLDS = 10
MIN_COMPOUNDS = 10
# Smallest training set of a given outer fold.
MIN_TRAINING = 5
# Scores are single precision, and so are the squares of spreads: larger or smaller values would overflow or vanish.
LARGEST, SMALLEST = 1e15, 1e-15


class Problem(NamedTuple):
    """Target, features and settings of every fit.

    space : (n, 290) the target in the space of distances
    names : of the sources
    inner : number of inner folds
    views : by every set of foundation networks, if any
    known : known values of the compounds, if any
    alias_note : on properties of the foundation that are the target, "" if there are none
    """

    target: PropertyTable
    features: Features
    space: NDArray[np.float32]
    names: list[str]
    heads: Heads
    inner: int
    seed: int
    views: FoundationViews | None = None
    known: KnownTarget | None = None
    alias_note: str = ""

    def features_for(self, held: NDArray[np.int64], networks: int = FULL) -> Features:
        """Features with some compounds held out, whose known values are hidden as a candidate's are.

        networks : number of a set of foundation networks; to those of a fold the held-out compounds are formulas of no
            table, so that all their known values are hidden
        """
        if self.views is None:
            return self.features
        view = self.views.views[networks]
        if self.known is not None:
            values = self.known.values.copy()
            hidden = self.known.hidden[held] | (networks != FULL)
            values[held] = np.where(hidden, np.nan, values[held])
            view = view._replace(predictions=fill_in(view.predictions, values))
        return self.features._replace(foundation=view)


def pose_problem(
    library: Library,
    target: PropertyTable,
    *,
    inner: int,
    seed: int,
    heads: Sequence[str],
    knowledge: Knowledge | None = None,
) -> tuple[Problem, Scaling]:
    """Check a target and compute its features.

    knowledge : of formulas alone

    Returns
    -------
    the problem, and the scaling of the space of distances

    Raises
    ------
    UserError : a target too small, constant or out of single precision, or heads that cannot be.
    """
    _check(target)
    if "finetune" in heads and kind_of_table(target).structural:
        raise UserError("--heads: expected ridge, gp or forest on crystal graph networks, got finetune")
    features = compute_features(library, target.inputs, partial(affordable_networks, len(target)))
    reference = _reference(library, features)
    space = distance_space(features, reference)
    names = [source.name for source in library.sources]
    counts = any(group.counts for group in features.groups)
    tried = affordable_heads(len(target), heads, foundation=knowledge is not None, counts=counts)
    problem = Problem(target, features, space, names, tried, inner, seed)
    return problem if knowledge is None else _with_knowledge(problem, knowledge), reference


def _with_knowledge(problem: Problem, knowledge: Knowledge) -> Problem:
    """Problem with foundation networks, without properties that are the target."""
    target, foundation = problem.target, knowledge.foundation
    views = view_compounds(foundation, target.compositions)
    known = knowledge.of_target(target.compositions, problem.seed)
    found = find_aliases(
        foundation, target.values, target.y, views.views[FULL].predictions, views.seen, known and known.values
    )
    if found.note:
        # A column that does not vary on the training rows is nothing to a head, whatever a candidate has there.
        blank = [view._replace(predictions=np.where(found.tasks, 0.0, view.predictions)) for view in views.views]
        views = views._replace(views=tuple(blank))
        known = known and known._replace(values=np.where(found.tasks, np.nan, known.values))
    return problem._replace(views=views, known=known, alias_note=found.note)


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


def _reference(library: Library, features: Features) -> Scaling:
    """Scaling of the largest source.

    Columns hardly varying in 45 target rows must not dominate distances.
    """
    if not library.sources:
        return fit_scaling(features.raw)
    return max(library.sources, key=lambda source: len(source.keys)).scaling


def outer_folds(target: PropertyTable, n_folds: int, seed: int) -> Folds:
    """Outer folds of a target, given or dealt, (n,).

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
    """Describe the outer folds in words."""
    if target.folds is not None and not target.dealt:
        return "given folds"
    return f"{folds.max() + 1} folds, {target.dealt or 'no material on both sides'}"


def deal_inner(problem: Problem, rows: NDArray[np.int64]) -> Folds:
    """Inner folds of some training rows, (len(rows),)."""
    return inner_folds([problem.target.keys[i] for i in rows], problem.inner, problem.seed + 1)
