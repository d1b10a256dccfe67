"""Scoring of compositions with a transferred model: one jitted program over fixed-shape padded batches.

A row's scores depend on its own slots alone, bit for bit: batches always have `BATCH` rows, and padding rows are
real compositions whose results are thrown away.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from catalogs.records import Compositions
from screen.descriptors.composition import BATCH, describe, element_tables
from screen.library import Source
from screen.networks import Network, matmul
from screen.padded import STEP, Pass, features, pad, run, seen, view
from screen.plans import HEADS, Fitted, Plan, mixture
from screen.scaling import standardise
from screen.transfer import Model

Columns = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


class Scores(NamedTuple):
    """Scores of n compositions on the fitted scale.

    mean, spread : (n,) float64; distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


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


class Scorer(NamedTuple):
    """A model made ready for its device: what is compiled (`plans`, hashable) and what is passed in (`arrays`)."""

    plans: tuple[Plan, ...]
    arrays: dict[str, Any]


def prepare(model: Model) -> Scorer:
    """Collect the parameters the stack needs, single precision, on the default device; unused networks stay behind."""
    plans = tuple(member.plan for member in model.stack.members)
    arrays = {
        "tables": element_tables(),
        "sources": [_source(source, s, plans) for s, source in enumerate(model.library.sources)],
        "members": [
            {"params": [_head(model, member, k) for k in range(len(member.params))], "scaling": member.scaling}
            for member in model.stack.members
        ],
        "weights": model.stack.weights,
        "reference": model.reference,
        "training": model.training,
        "unit": np.float32(model.unit),
    }
    return Scorer(plans, jax.tree.map(_on_device, arrays))


def _source(source: Source, number: int, plans: tuple[Plan, ...]) -> dict[str, Any] | None:
    """What the plans need of a source: padded networks, None for those no plan asks for; None for no network."""
    asked = {i for plan in plans if plan.source == number for i in plan.networks}
    if predicting := any(plan.kind == "predictions" for plan in plans):
        asked = set(range(len(source.networks)))
    if not asked:
        return None
    kept = [network if i in asked else None for i, network in enumerate(source.networks)]
    return {
        "scaling": source.scaling,
        "networks": [network and pad(network.hidden) for network in kept],
        "outputs": [_output(network) for network in source.networks] if predicting else None,
        "unit_scales": [network and scales for network, scales in zip(kept, source.unit_scales, strict=True)],
    }


def _output(network: Network) -> tuple[Any, Any]:
    """Kernel (padded width,) and bias of a network's first task."""
    kernel = network.output.kernel[:, 0]
    return np.pad(kernel, (0, -len(kernel) % STEP)), network.output.bias[0]


def _head(model: Model, member: Fitted, k: int) -> Any:
    """Parameters of a member's k-th head; an affine one on frozen features takes in scales and biases."""
    plan, params = member.plan, member.params[k]
    affine = HEADS[plan.head].affine
    if plan.kind != "frozen" or affine is None:
        return params
    source, i = model.library.sources[plan.source], plan.networks[k]
    centre, matrix, rest = affine.split(params)
    return view(source.networks[i].hidden, source.unit_scales[i], plan.depth, centre, matrix), rest


def score(scorer: Scorer, compositions: Compositions) -> Scores:
    """Scores of n compositions, already in the model's convention (reduced, cell or per-atom)."""
    slots = (compositions.elements.astype(np.int32), compositions.amounts.astype(np.float32))
    return _scores(_batched(functools.partial(_of_slots, scorer.plans, scorer.arrays), *slots))


def score_described(scorer: Scorer, raw: NDArray[np.float32]) -> Scores:
    """Scores of n rows of descriptors (n, width), computed by the model's convention."""
    return _scores(_batched(functools.partial(_of_raw, scorer.plans, scorer.arrays), raw))


def _scores(columns: list[NDArray[Any]]) -> Scores:
    if not columns:
        empty = np.empty(0)
        return Scores(empty, empty, empty, np.empty(0, np.int64))
    mean, spread, distance = (c.astype(np.float64) for c in columns[:3])
    return Scores(mean, spread, distance, columns[3].astype(np.int64))


def components(scorer: Scorer, raw: NDArray[np.float32]) -> Components:
    """What every component of a model says of n rows of descriptors (n, width)."""
    columns = _batched(functools.partial(_apart, scorer.plans, scorer.arrays), raw)
    sizes = [max(1, len(plan.networks)) for plan in scorer.plans]
    shares = np.asarray(scorer.arrays["weights"], np.float64)
    weights = np.repeat(shares / shares.sum() / sizes, sizes)
    if not columns:
        none = np.empty((len(weights), 0))
        return Components(none, none, weights, np.empty(0), np.empty(0, np.int64))
    means, spreads, distance = (c.astype(np.float64) for c in columns[:3])
    return Components(means.T, spreads.T, weights, distance, columns[3].astype(np.int64))


def _batched(program: Callable[..., Any], *rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Results of a program on rows in batches of `BATCH`, each of its results in one array; [] for no rows."""
    n = len(rows[0])
    parts, pending = [], []
    for start in range(0, n, BATCH):
        chosen = np.arange(start, start + BATCH)
        chosen[chosen >= n] = start
        pending.append(program(*(jnp.asarray(part[chosen]) for part in rows)))
        # One batch computes while the one before it is copied out; more would only hold memory.
        if len(pending) > 1:
            parts.append(jax.device_get(pending.pop(0)))
    parts.extend(jax.device_get(batch) for batch in pending)
    return [np.concatenate(column)[:n] for column in zip(*parts, strict=True)]


def _on_device(array: Any) -> jax.Array:
    """Integers (node numbers, feature numbers) stay integers; everything else is single precision."""
    return jnp.asarray(array, jnp.int32 if np.issubdtype(np.asarray(array).dtype, np.integer) else jnp.float32)


@functools.partial(jax.jit, static_argnums=0)
def _of_slots(plans: tuple[Plan, ...], arrays: dict[str, Any], elements: jax.Array, amounts: jax.Array) -> Columns:
    return _scored(plans, arrays, describe(elements, amounts, arrays["tables"]))


@functools.partial(jax.jit, static_argnums=0)
def _of_raw(plans: tuple[Plan, ...], arrays: dict[str, Any], raw: jax.Array) -> Columns:
    return _scored(plans, arrays, raw)


@functools.partial(jax.jit, static_argnums=0)
def _apart(plans: tuple[Plan, ...], arrays: dict[str, Any], raw: jax.Array) -> Columns:
    """Means and spreads (B, components) of every component, distance and nearest training row."""
    found = _components(plans, arrays, raw)
    means, spreads = (jnp.concatenate([pair[k] for pair in found]).T for k in range(2))
    distance, nearest = _nearest(standardise(arrays["reference"], raw), arrays["training"])
    return means, spreads, distance / arrays["unit"], nearest


def _scored(plans: tuple[Plan, ...], arrays: dict[str, Any], raw: jax.Array) -> Columns:
    pooled = [mixture(means, spreads, jnp.ones(len(means))) for means, spreads in _components(plans, arrays, raw)]
    mean, spread = mixture(jnp.stack([m for m, _ in pooled]), jnp.stack([s for _, s in pooled]), arrays["weights"])
    distance, nearest = _nearest(standardise(arrays["reference"], raw), arrays["training"])
    return mean, spread, distance / arrays["unit"], nearest


def _components(
    plans: tuple[Plan, ...], arrays: dict[str, Any], raw: jax.Array
) -> list[tuple[jax.Array, jax.Array]]:
    """Means and spreads (networks, B) of every plan."""
    passes = [_passes(source, raw) for source in arrays["sources"]]
    predicting = any(plan.kind == "predictions" for plan in plans)
    predictions = _predictions(arrays["sources"], passes) if predicting else None
    found = []
    for plan, member in zip(plans, arrays["members"], strict=True):
        head, params = HEADS[plan.head], member["params"]
        if plan.kind == "frozen" and head.affine is not None:
            pairs = [
                head.affine.finish(rest, *seen(passes[plan.source][i], views))
                for i, (views, rest) in zip(plan.networks, params, strict=True)
            ]
        elif plan.kind in ("frozen", "finetuned"):
            source = arrays["sources"][plan.source]
            designs = [_design(plan, source, i, passes[plan.source][i]) for i in plan.networks]
            pairs = [head.predict(p, x) for p, x in zip(params, designs, strict=True)]
        else:
            x = standardise(member["scaling"], raw)
            if plan.kind == "predictions":
                x = jnp.hstack([x, plan.gain * predictions])
            pairs = [head.predict(params[0], x)]
        found.append((jnp.stack([m for m, _ in pairs]), jnp.stack([s for _, s in pairs])))
    return found


def _passes(source: Any, raw: jax.Array) -> dict[int, Pass]:
    """The networks of a source that are asked for, run once each, by number."""
    if source is None:
        return {}
    x = standardise(source["scaling"], raw)
    return {i: run(hidden, x) for i, hidden in enumerate(source["networks"]) if hidden is not None}


def _predictions(sources: list[Any], passes: list[dict[int, Pass]]) -> jax.Array:
    """Predictions of the sources (B, n_sources), averaged over the networks of each."""
    columns = []
    for source, done in zip(sources, passes, strict=True):
        guesses = [matmul(done[i].inputs[-1], kernel) + bias for i, (kernel, bias) in enumerate(source["outputs"])]
        columns.append(jnp.mean(jnp.stack(guesses), axis=0))
    return jnp.stack(columns, axis=1)


def _design(plan: Plan, source: Any, i: int, done: Pass) -> jax.Array:
    """Inputs (B, p) of a head on network i that is not affine."""
    scales = source["unit_scales"][i]
    if plan.kind == "frozen":
        return features(done, source["networks"][i], scales, plan.depth)
    x: jax.Array = done.inputs[-2]
    return x[:, : len(scales[-2])] if len(scales) > 1 else x


def _nearest(x: jax.Array, training: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Distance (B,) to and index (B,) of the nearest training row."""
    squared = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(training**2, axis=1)[None, :]
    index = jnp.argmin(squared - 2 * matmul(x, training.T), axis=1)
    # Recomputed from the difference: the expanded form loses the small distances to rounding.
    return jnp.sqrt(jnp.sum((x - training[index]) ** 2, axis=1)), index
