"""Scoring of compositions with a transferred model: one jitted program over fixed-shape padded batches.

A row's scores depend on its own slots alone, bit for bit: batches always have `BATCH` rows, and padding rows are
real compositions whose results are thrown away.
"""

from __future__ import annotations

import functools
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


class Scores(NamedTuple):
    """Scores of n compositions on the fitted scale.

    mean, spread : (n,) float64; distance : (n,) in units of `Model.unit`; nearest : (n,) row of the target
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
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
    n = len(compositions.elements)
    parts, pending = [], []
    for start in range(0, n, BATCH):
        rows = np.arange(start, start + BATCH)
        rows[rows >= n] = start
        elements = jnp.asarray(compositions.elements[rows], jnp.int32)
        amounts = jnp.asarray(compositions.amounts[rows], jnp.float32)
        pending.append(_program(scorer.plans, scorer.arrays, elements, amounts))
        # One batch computes while the one before it is copied out; more would only hold memory.
        if len(pending) > 1:
            parts.append(jax.device_get(pending.pop(0)))
    parts.extend(jax.device_get(batch) for batch in pending)
    if not parts:
        empty = np.empty(0)
        return Scores(empty, empty, empty, np.empty(0, np.int64))
    columns = [np.concatenate([part[i] for part in parts])[:n] for i in range(4)]
    mean, spread, distance = (c.astype(np.float64) for c in columns[:3])
    return Scores(mean, spread, distance, columns[3].astype(np.int64))


def _on_device(array: Any) -> jax.Array:
    """Integers (node numbers, feature numbers) stay integers; everything else is single precision."""
    return jnp.asarray(array, jnp.int32 if np.issubdtype(np.asarray(array).dtype, np.integer) else jnp.float32)


@functools.partial(jax.jit, static_argnums=0)
def _program(
    plans: tuple[Plan, ...], arrays: dict[str, Any], elements: jax.Array, amounts: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    raw = describe(elements, amounts, arrays["tables"])
    passes = [_passes(source, raw) for source in arrays["sources"]]
    predicting = any(plan.kind == "predictions" for plan in plans)
    predictions = _predictions(arrays["sources"], passes) if predicting else None
    means, spreads = [], []
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
        pooled = mixture(jnp.stack([m for m, _ in pairs]), jnp.stack([s for _, s in pairs]), jnp.ones(len(pairs)))
        means.append(pooled[0])
        spreads.append(pooled[1])
    mean, spread = mixture(jnp.stack(means), jnp.stack(spreads), arrays["weights"])
    distance, nearest = _nearest(standardise(arrays["reference"], raw), arrays["training"])
    return mean, spread, distance / arrays["unit"], nearest


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
