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
from kakehashi.screen.descriptors.composition import BATCH, describe
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.device_model import DeviceModel, NetworkGroup
from kakehashi.screen.scoring.programs import (
    Columns,
    GroupOutputs,
    SparseProducts,
    combine_members,
    run_group,
    stack_components,
)


class ComponentPredictions(NamedTuple):
    """What every component of a model (a head on a network, or on descriptors) predicts of n materials, fitted scale.

    means, spreads : (components, n); weights : (components,), summing to one
    distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    means: NDArray[np.float64]
    spreads: NDArray[np.float64]
    weights: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


class Predictions(NamedTuple):
    """Scores of n compositions on the fitted scale.

    mean, spread : (n,) float64; distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


def predict_compositions(device_model: DeviceModel, compositions: Compositions) -> Predictions:
    """Scores of n compositions, already in the model's convention (reduced, cell or per-atom)."""
    slots = compositions.elements.astype(np.int32), compositions.amounts.astype(np.float32)
    return _scores(_batched(combine_members, device_model, *slots))


def predict_descriptors(device_model: DeviceModel, raw: NDArray[np.float32]) -> Predictions:
    """Scores of n rows of descriptors (n, width), computed by the model's convention."""
    return _scores(_batched(combine_members, device_model, raw))


def predict_batches(device_model: DeviceModel, batches: Iterable[tuple[jax.Array, jax.Array]]) -> Iterator[Columns]:
    """Mean, spread, distance and nearest row of batches of `BATCH` rows of slots, all left on the device."""
    with ThreadPoolExecutor(2) as pool:
        for elements, amounts in batches:
            yield _batch(combine_members, device_model, pool, elements, amounts)


def predict_components(device_model: DeviceModel, raw: NDArray[np.float32]) -> ComponentPredictions:
    """What every component of a model says of n rows of descriptors (n, width)."""
    columns = _batched(stack_components, device_model, raw)
    sizes = [max(1, len(plan.networks)) for plan in device_model.plans]
    shares = np.asarray(device_model.arrays["weights"], np.float64)
    weights = np.repeat(shares / shares.sum() / sizes, sizes)
    if not columns:
        none = np.empty((len(weights), 0))
        return ComponentPredictions(none, none, weights, np.empty(0), np.empty(0, np.int64))
    means, spreads, distance = (c.astype(np.float64) for c in columns[:3])
    return ComponentPredictions(means.T, spreads.T, weights, distance, columns[3].astype(np.int64))


def _scores(columns: list[NDArray[Any]]) -> Predictions:
    if not columns:
        empty = np.empty(0)
        return Predictions(empty, empty, empty, np.empty(0, np.int64))
    mean, spread, distance = (c.astype(np.float64) for c in columns[:3])
    return Predictions(mean, spread, distance, columns[3].astype(np.int64))


def _batched(finish: Callable[..., Columns], device_model: DeviceModel, *given: NDArray[Any]) -> list[NDArray[Any]]:
    """What `finish` (`pooled` or `apart`) makes of rows in batches, each result in one array; [] for no rows.

    given : descriptors (n, width), or elements and amounts (n, slots) that they are computed from
    """
    n, size = len(given[0]), sparse.ROWS if device_model.sparse else BATCH
    parts, pending = [], []
    # In threads, so that the first batch compiles the groups of networks side by side.
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, n, size):
            # A slice copies nothing; the last batch is filled up with its first row.
            chosen: Any = slice(start, start + size)
            if start + size > n:
                chosen = np.where(np.arange(size) < n - start, np.arange(start, start + size), start)
            pending.append(_batch(finish, device_model, pool, *(part[chosen] for part in given)))
            # One batch computes while the one before it is copied out; more would only hold memory.
            if len(pending) > 1:
                parts.append(jax.device_get(pending.pop(0)))
        parts.extend(jax.device_get(batch) for batch in pending)
    return [np.concatenate(column)[:n] for column in zip(*parts, strict=True)]


def _batch(
    finish: Callable[..., Columns],
    device_model: DeviceModel,
    pool: ThreadPoolExecutor,
    *given: NDArray[Any] | jax.Array,
) -> Columns:
    """One batch; every group of networks is a program of its own."""
    arrays = device_model.arrays
    raw = _describe(*given, arrays["tables"]) if len(given) > 1 else given[0]
    rows = sparse.rows(np.asarray(raw)) if device_model.sparse else None
    x = jnp.asarray(raw) if rows is None else None

    def answers(group: NetworkGroup, part: dict[str, Any]) -> GroupOutputs:
        firsts = None if rows is None else sparse.first_products(part, rows)
        found: GroupOutputs = run_group(device_model.plans, group.heads, group.shown, part, x, firsts)
        return found

    found = pool.map(answers, device_model.groups, arrays["groups"])
    known = None
    if rows is not None:
        known = SparseProducts(
            [sparse.centred_products(block, rows) for block in arrays["blocks"]],
            sparse.nearest(arrays["reference"], arrays["training"], rows),
        )
    shared = {name: value for name, value in arrays.items() if name not in ("groups", "tables")}
    return finish(device_model.plans, device_model.groups, device_model.blocks, shared, x, known, list(found))


_describe = jax.jit(describe)
