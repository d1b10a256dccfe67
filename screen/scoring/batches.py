"""Predict materials in batches of fixed shape on the device.

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
from kakehashi.screen.descriptors.descriptor import compiled
from kakehashi.screen.descriptors.registry import DESCRIPTORS
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.cut import cut
from kakehashi.screen.scoring.device_model import DeviceModel, NetworkGroup
from kakehashi.screen.scoring.foundation import foundation_columns
from kakehashi.screen.scoring.programs import (
    Columns,
    GroupOutputs,
    SparseProducts,
    combine_members,
    find_neighbours,
    run_group,
    stack_components,
)


class ComponentPredictions(NamedTuple):
    """Predictions of a model's components for n materials, fitted scale.

    A component is one head on one network, or one head on descriptors.

    means, spreads : (components, n); weights : (components,), summing to one
    distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    means: NDArray[np.float64]
    spreads: NDArray[np.float64]
    weights: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


class Predictions(NamedTuple):
    """Predictions for n materials on the fitted scale.

    mean, spread : (n,) float64; distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


def predict_compositions(
    device_model: DeviceModel, compositions: Compositions, known: NDArray[np.float32] | None = None
) -> Predictions:
    """Predictions for n compositions.

    compositions : already in the model's convention (reduced, cell or per-atom)
    known : (n, k) known values of the properties of foundation networks, NaN where unknown
    """
    slots = compositions.elements.astype(np.int32), compositions.amounts.astype(np.float32)
    return _join_columns(_run_batches(combine_members, device_model, *slots, *([] if known is None else [known])))


def predict_descriptors(device_model: DeviceModel, raw: NDArray[np.float32]) -> Predictions:
    """Predictions for n rows of descriptors (n, width).

    raw : computed by the model's convention
    """
    return _join_columns(_run_batches(combine_members, device_model, raw))


def predict_batches(device_model: DeviceModel, batches: Iterable[tuple[jax.Array, jax.Array]]) -> Iterator[Columns]:
    """Predictions for batches of slots, left on the device.

    Every batch has as many rows as the device's `cut`.

    Yields mean, spread, distance and nearest row of each batch.
    """
    with ThreadPoolExecutor(2) as pool:
        for elements, amounts in batches:
            yield _run_batch(combine_members, device_model, pool, elements, amounts)


def predict_components(device_model: DeviceModel, raw: NDArray[np.float32]) -> ComponentPredictions:
    """Predictions of every component for n rows of descriptors (n, width)."""
    columns = _run_batches(stack_components, device_model, raw)
    sizes = [max(1, len(plan.networks)) for plan in device_model.plans]
    shares = np.asarray(device_model.arrays["weights"], np.float64)
    weights = np.repeat(shares / shares.sum() / sizes, sizes)
    if not columns:
        none = np.empty((len(weights), 0))
        return ComponentPredictions(none, none, weights, np.empty(0), np.empty(0, np.int64))
    means, spreads, distance = (c.astype(np.float64) for c in columns[:3])
    return ComponentPredictions(means.T, spreads.T, weights, distance, columns[3].astype(np.int64))


def measure_distances(
    device_model: DeviceModel, *inputs: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance (n,) to the nearest target row in units of `Model.unit`, and its number, without any network.

    In another program than predictions, so that last digits may differ from theirs.

    inputs : descriptors (n, width), or elements and amounts (n, slots)
    """
    columns = _run_batches(find_neighbours, device_model, *inputs)
    if not columns:
        return np.empty(0), np.empty(0, np.int64)
    return columns[0].astype(np.float64), columns[1].astype(np.int64)


def _join_columns(columns: list[NDArray[Any]]) -> Predictions:
    if not columns:
        empty = np.empty(0)
        return Predictions(empty, empty, empty, np.empty(0, np.int64))
    mean, spread, distance = (c.astype(np.float64) for c in columns[:3])
    return Predictions(mean, spread, distance, columns[3].astype(np.int64))


def _run_batches(finish: Callable[..., Any], device_model: DeviceModel, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
    """Run `finish` on rows batch by batch.

    Joins the results; [] for no rows.

    finish : `combine_members`, `stack_components` or, for neighbours alone, `find_neighbours`

    given : descriptors (n, width), or elements and amounts (n, slots) that they are computed from
    """
    n, own = len(inputs[0]), cut()
    size = sparse.ROWS if device_model.sparse else own.described if len(inputs) == 1 else own.rows
    results, pending = [], []
    # Threads let the first batch compile the groups of networks in parallel.
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, n, size):
            # A slice is no copy; the last batch is padded with its first row.
            chosen: Any = slice(start, start + size)
            if start + size > n:
                chosen = np.where(np.arange(size) < n - start, np.arange(start, start + size), start)
            pending.append(_run_batch(finish, device_model, pool, *(array[chosen] for array in inputs)))
            # One batch computes while the previous one is copied out; more would only take memory.
            if len(pending) > 1:
                results.append(jax.device_get(pending.pop(0)))
        results.extend(jax.device_get(batch) for batch in pending)
    return [np.concatenate(column)[:n] for column in zip(*results, strict=True)]


def _prepare(device_model: DeviceModel, raw: NDArray[Any] | jax.Array) -> dict[int, Any]:
    """What heads on blocks see of raw descriptors, by member, computed on the host."""
    prepared = {}
    for m, (plan, member) in enumerate(zip(device_model.plans, device_model.arrays["members"], strict=True)):
        blocked = HEADS[plan.head].blocked
        if blocked is not None:
            prepared[m] = blocked.prepare(member["params"][0], raw)
    return prepared


def _run_batch(
    finish: Callable[..., Any],
    device_model: DeviceModel,
    pool: ThreadPoolExecutor,
    *inputs: NDArray[Any] | jax.Array,
) -> Any:
    """Run one batch.

    Every group of networks is a program of its own.
    """
    arrays = device_model.arrays
    raw = inputs[0]
    columns = None
    if len(inputs) > 1:
        elements, amounts = (jnp.asarray(slots) for slots in inputs[:2])
        raw = compiled(DESCRIPTORS[device_model.descriptor].describe)(elements, amounts, arrays["tables"])
    if finish is find_neighbours:
        return _measure(device_model, raw)
    if arrays["foundation"] is not None:
        if len(inputs) < 2:
            raise ValueError("foundation networks need slots of elements and amounts")
        known = jnp.asarray(inputs[2]) if len(inputs) > 2 else None
        columns = foundation_columns(
            arrays["foundation"], jnp.asarray(raw), elements, amounts, known, precision=device_model.precision
        )
    rows = sparse.drop_zeros(np.asarray(raw)) if device_model.sparse else None
    x = jnp.asarray(raw) if rows is None else None

    def answers(group: NetworkGroup, group_arrays: dict[str, Any]) -> GroupOutputs:
        firsts = None if rows is None else sparse.first_products(group_arrays, rows)
        outputs: GroupOutputs = run_group(
            device_model.plans, group.heads, group.shown, group_arrays, x, firsts, precision=device_model.precision
        )
        return outputs

    outputs = pool.map(answers, device_model.groups, arrays["groups"])
    products = None
    if rows is not None:
        products = SparseProducts(
            [sparse.centred_products(block, rows) for block in arrays["blocks"]],
            sparse.find_nearest(arrays["reference"], arrays["training"], rows),
        )
    shared = {name: value for name, value in arrays.items() if name not in ("groups", "tables", "foundation")}
    shared["columns"] = columns
    shared["prepared"] = _prepare(device_model, raw)
    return finish(device_model.plans, device_model.groups, device_model.blocks, shared, x, products, list(outputs))


def _measure(device_model: DeviceModel, raw: Any) -> tuple[Any, Any]:
    """Distance (B,) to the nearest target row, and its number."""
    arrays = device_model.arrays
    if device_model.sparse:
        rows = sparse.drop_zeros(np.asarray(raw))
        distance, nearest = sparse.find_nearest(arrays["reference"], arrays["training"], rows)
        return distance / np.asarray(arrays["unit"]), nearest
    near = {name: arrays[name] for name in ("reference", "training", "unit")}
    neighbours: tuple[Any, Any] = find_neighbours(near, jnp.asarray(raw))
    return neighbours
