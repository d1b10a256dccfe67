"""Networks that learn a target together with its sources.

Where a target has tens of rows, networks that never saw it and linear heads are the safer choice
(`screen.transfer.fit`).
Where it has more, its values should shape the networks themselves, beside those of the sources they overlap with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions, PropertyTable, UserError
from kakehashi.screen.descriptors.compositions import COMPOSITION
from kakehashi.screen.descriptors.element_roots import N_ELEMENTS, ROOT_SCALE, element_roots
from kakehashi.screen.descriptors.materials import describe, kind_of_table
from kakehashi.screen.descriptors.scaling import signed_logarithm
from kakehashi.screen.networks.joint.train import Array, Course, FloatArray, Joint, predict, train
from kakehashi.screen.networks.source import exclude_keys
from kakehashi.screen.networks.tables import Joined, join
from kakehashi.screen.validation.folds import Folds, splits_of

# On the sources; then with the target among them; and on a target without sources, whose rows are few.
FIRST = Course(epochs=12)
TOGETHER = Course(epochs=32, rest=8_000)
ALONE = Course(epochs=60, batch=256)


class Recipe(NamedTuple):
    """Number, seed and courses of joint networks."""

    networks: int = 2
    seed: int = 0
    first: Course = FIRST
    together: Course = TOGETHER
    alone: Course = ALONE


class JointModel(NamedTuple):
    """Networks that learned a target, and their lower bound."""

    target: str
    joint: Joint
    bottom: float

    def predict(self, compositions: Compositions) -> FloatArray:
        """Means (n,) over the networks, fitted scale."""
        return np.asarray(self.each(compositions).mean(axis=0))

    def each(self, compositions: Compositions) -> FloatArray:
        """(networks, n) predictions of every network."""
        return np.asarray(np.maximum(predict(self.joint, inputs(compositions), self.target), self.bottom))


def inputs(compositions: Compositions, convention: str = "reduced") -> Array:
    """Inputs (n, 290 + 94) of joint networks.

    Descriptors as signed logarithms, then the root of every element's share.
    """
    described = describe(compositions, convention)
    roots = ROOT_SCALE * element_roots(compositions)
    return np.hstack([signed_logarithm(described), roots]).astype(np.float32)


def learn_sources(
    sources: Sequence[PropertyTable],
    recipe: Recipe,
    *,
    exclude: Collection[str],
    progress: Callable[[int], None] | None = None,
) -> Joint:
    """Train on all sources, the start for any target.

    The formulas to exclude are left out.

    progress : called with 1 after each network.
    """
    _check_kind(sources)
    rows = sources_without(sources, exclude)
    return _train(recipe.seed, sources, rows, recipe.networks, recipe.first, None, None, progress)


def learn_target(
    target: PropertyTable,
    sources: Sequence[PropertyTable],
    recipe: Recipe,
    *,
    first: Joint | None = None,
    exclude: Collection[str] = (),
    rows: NDArray[np.int64] | None = None,
) -> JointModel:
    """Train networks on a target, with sources or alone.

    Parameters
    ----------
    sources : tables whose names differ from the target's.
    first : networks to go on from, as `learn_sources` gives them.
    exclude : formulas that are held out: removed from every source (the target's own rows are the caller's choice).
    rows : of the target, by default all.
    """
    tables = [target, *sources]
    _check_kind(tables)
    used = np.arange(len(target)) if rows is None else rows
    joined = with_target(target, sources, exclude, used)
    course = recipe.together if sources else recipe.alone
    joint = _train(recipe.seed + 1, tables, joined, recipe.networks, course, target.name, first, None)
    # A gap, a modulus: what is never negative in training is not predicted to be.
    return JointModel(target.name, joint, 0.0 if target.y[used].min() >= 0 else -np.inf)


def out_of_fold(
    target: PropertyTable,
    sources: Sequence[PropertyTable],
    recipe: Recipe,
    folds: Folds,
    *,
    first: Joint | None = None,
    progress: Callable[[int], None] | None = None,
) -> FloatArray:
    """Out-of-fold predictions (n,) of a target.

    Networks learned neither the rows of a fold nor, in any source, their formulas.

    first : networks of the sources without any of the target's formulas.
    progress : called with 1 after each fold.
    """
    predicted = np.full(len(target), np.nan)
    for rows, held in splits_of(folds):
        formulas = [target.keys[i] for i in held]
        model = learn_target(target, sources, recipe, first=first, exclude=formulas, rows=rows)
        predicted[held] = model.predict(target.compositions.take(held))
        if progress:
            progress(1)
    return predicted


def sources_without(sources: Sequence[PropertyTable], exclude: Collection[str]) -> Joined:
    """Join sources, without the formulas to exclude."""
    return join(sources, [exclude_keys(table, exclude) for table in sources])


def with_target(
    target: PropertyTable, sources: Sequence[PropertyTable], exclude: Collection[str], rows: NDArray[np.int64]
) -> Joined:
    """Join rows of the target with its sources.

    The formulas to exclude are left out of the sources.
    """
    source_rows: list[NDArray[np.int64]] = [exclude_keys(table, exclude) for table in sources]
    return join([target, *sources], [rows, *source_rows])


def _check_kind(tables: Sequence[PropertyTable]) -> None:
    """Refuse tables of anything but compositions."""
    other = [table.name for table in tables if kind_of_table(table) is not COMPOSITION]
    if other:
        raise UserError(
            f"networks that learn a target with its sources see compositions: {other[0]} has more than those"
        )


def _train(
    seed: int,
    tables: Sequence[PropertyTable],
    rows: Joined,
    networks: int,
    course: Course,
    target: str | None,
    start: Joint | None,
    progress: Callable[[int], None] | None,
) -> Joint:
    names = [table.name for table in tables]
    if len(set(names)) < len(names):
        raise ValueError(f"expected tables of different names, got {names}")
    return train(
        seed, names, inputs(rows.compositions), rows.y,
        networks=networks, course=course, target=target, start=start, plain=N_ELEMENTS, progress=progress,
    )  # fmt: skip
