"""Scoring of materials with a transferred model: compiled programs over fixed-shape padded batches.

A row's scores depend on its own slots alone, bit for bit: batches always have the same number of rows, and padding rows
are real materials whose results are thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.descriptors.descriptor import compiled
from kakehashi.screen.descriptors.registry import DESCRIPTORS
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.prepare import Group, Scorer
from kakehashi.screen.scoring.programs import Answers, Columns, Known, apart, pooled, run_group


class Components(NamedTuple):
    """What every component of a model (a head on a network, or on descriptors) predicts of n materials, fitted scale.

    means, spreads : (components, n); weights : (components,), summing to one
    distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    means: NDArray[np.float64]
    spreads: NDArray[np.float64]
    weights: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


class Scores(NamedTuple):
    """Scores of n compositions on the fitted scale.

    mean, spread : (n,) float64; distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


def score(scorer: Scorer, compositions: Compositions) -> Scores:
    """Scores of n compositions, already in the model's convention (reduced, cell or per-atom)."""
    slots = compositions.elements.astype(np.int32), compositions.amounts.astype(np.float32)
    return _scores(_batched(pooled, scorer, *slots))


def score_described(scorer: Scorer, raw: NDArray[np.float32]) -> Scores:
    """Scores of n rows of descriptors (n, width), computed by the model's convention."""
    return _scores(_batched(pooled, scorer, raw))


def on_device(scorer: Scorer, batches: Iterable[tuple[jax.Array, jax.Array]]) -> Iterator[Columns]:
    """Mean, spread, distance and nearest row of batches of `BATCH` rows of slots, all left on the device."""
    with ThreadPoolExecutor(2) as pool:
        for elements, amounts in batches:
            yield _batch(pooled, scorer, pool, elements, amounts)


def components(scorer: Scorer, raw: NDArray[np.float32]) -> Components:
    """What every component of a model says of n rows of descriptors (n, width)."""
    columns = _batched(apart, scorer, raw)
    sizes = [max(1, len(plan.networks)) for plan in scorer.plans]
    shares = np.asarray(scorer.arrays["weights"], np.float64)
    weights = np.repeat(shares / shares.sum() / sizes, sizes)
    if not columns:
        none = np.empty((len(weights), 0))
        return Components(none, none, weights, np.empty(0), np.empty(0, np.int64))
    means, spreads, distance = (c.astype(np.float64) for c in columns[:3])
    return Components(means.T, spreads.T, weights, distance, columns[3].astype(np.int64))


def _scores(columns: list[NDArray[Any]]) -> Scores:
    if not columns:
        empty = np.empty(0)
        return Scores(empty, empty, empty, np.empty(0, np.int64))
    mean, spread, distance = (c.astype(np.float64) for c in columns[:3])
    return Scores(mean, spread, distance, columns[3].astype(np.int64))


def _batched(finish: Callable[..., Columns], scorer: Scorer, *given: NDArray[Any]) -> list[NDArray[Any]]:
    """What `finish` (`pooled` or `apart`) makes of rows in batches, each result in one array; [] for no rows.

    given : descriptors (n, width), or elements and amounts (n, slots) that they are computed from
    """
    n, size = len(given[0]), sparse.ROWS if scorer.sparse else BATCH
    parts, pending = [], []
    # In threads, so that the first batch compiles the groups of networks side by side.
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, n, size):
            # A slice copies nothing; the last batch is filled up with its first row.
            chosen: Any = slice(start, start + size)
            if start + size > n:
                chosen = np.where(np.arange(size) < n - start, np.arange(start, start + size), start)
            pending.append(_batch(finish, scorer, pool, *(part[chosen] for part in given)))
            # One batch computes while the one before it is copied out; more would only hold memory.
            if len(pending) > 1:
                parts.append(jax.device_get(pending.pop(0)))
        parts.extend(jax.device_get(batch) for batch in pending)
    return [np.concatenate(column)[:n] for column in zip(*parts, strict=True)]


def _batch(
    finish: Callable[..., Columns], scorer: Scorer, pool: ThreadPoolExecutor, *given: NDArray[Any] | jax.Array
) -> Columns:
    """One batch; every group of networks is a program of its own."""
    arrays = scorer.arrays
    raw = given[0]
    if len(given) > 1:
        elements, amounts = given
        raw = compiled(DESCRIPTORS[scorer.descriptor].describe)(elements, amounts, arrays["tables"])
    rows = sparse.rows(np.asarray(raw)) if scorer.sparse else None
    x = jnp.asarray(raw) if rows is None else None

    def answers(group: Group, part: dict[str, Any]) -> Answers:
        firsts = None if rows is None else sparse.first_products(part, rows)
        found: Answers = run_group(scorer.plans, group.heads, group.shown, part, x, firsts)
        return found

    found = pool.map(answers, scorer.groups, arrays["groups"])
    known = None
    if rows is not None:
        known = Known(
            [sparse.centred_products(block, rows) for block in arrays["blocks"]],
            sparse.nearest(arrays["reference"], arrays["training"], rows),
        )
    shared = {name: value for name, value in arrays.items() if name not in ("groups", "tables")}
    return finish(scorer.plans, scorer.groups, scorer.blocks, shared, x, known, list(found))
