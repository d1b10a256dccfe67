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
from screen.frozen import frozen_features, trunk
from screen.networks import Network, matmul, outputs
from screen.plans import HEADS, Plan, mixture
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
    """Collect the parameters the stack needs, single precision, on the default device; unused sources stay behind."""
    plans = tuple(member.plan for member in model.stack.members)
    everyone = any(plan.kind in ("predictions", "stacked") for plan in plans)
    needed = {plan.source for plan in plans if plan.kind in ("frozen", "finetuned")}
    sources = [
        {
            "scaling": source.scaling,
            # validation_r2 and epochs are records, not parameters.
            "networks": [(network.hidden, network.output) for network in source.networks],
            "unit_scales": source.unit_scales,
        }
        if everyone or s in needed
        else None
        for s, source in enumerate(model.library.sources)
    ]
    members = [{"params": list(m.params), "scaling": m.scaling} for m in model.stack.members]
    arrays = {
        "tables": element_tables(),
        "sources": sources,
        "members": members,
        "weights": model.stack.weights,
        "reference": model.reference,
        "training": model.training,
        "unit": np.float32(model.unit),
    }
    return Scorer(plans, jax.tree.map(_on_device, arrays))


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
    layers, trunks, predictions = _sources(arrays["sources"], raw)
    means, spreads = [], []
    for plan, member in zip(plans, arrays["members"], strict=True):
        if plan.kind == "frozen":
            designs = [_side_by_side(layers[plan.source][i], plan.depth) for i in plan.networks]
        elif plan.kind == "stacked":
            designs = [jnp.hstack([_side_by_side(own[i], plan.depth) for own in layers]) for i in plan.networks]
        elif plan.kind == "finetuned":
            designs = [trunks[plan.source][i] for i in plan.networks]
        else:
            x = standardise(member["scaling"], raw)
            designs = [x if plan.kind == "direct" else jnp.hstack([x, plan.gain * predictions])]
        pairs = [HEADS[plan.head].predict(p, x) for p, x in zip(member["params"], designs, strict=True)]
        pooled = mixture(jnp.stack([m for m, _ in pairs]), jnp.stack([s for _, s in pairs]), jnp.ones(len(pairs)))
        means.append(pooled[0])
        spreads.append(pooled[1])
    mean, spread = mixture(jnp.stack(means), jnp.stack(spreads), arrays["weights"])
    distance, nearest = _nearest(standardise(arrays["reference"], raw), arrays["training"])
    return mean, spread, distance / arrays["unit"], nearest


def _sources(
    sources: list[Any], raw: jax.Array
) -> tuple[list[list[list[jax.Array]]], list[list[jax.Array]], jax.Array]:
    """What `Bank` holds: scaled frozen features per source, network and layer; trunks; source predictions."""
    layers: list[list[list[jax.Array]]] = []
    trunks: list[list[jax.Array]] = []
    predictions = []
    for source in sources:
        if source is None:
            layers.append([])
            trunks.append([])
            continue
        x = standardise(source["scaling"], raw)
        own, guesses = [], []
        trunks.append([trunk(hidden, x) for hidden, _ in source["networks"]])
        for (hidden, output), scales in zip(source["networks"], source["unit_scales"], strict=True):
            features = frozen_features(hidden, x)
            last = frozen_features(hidden, x, depth=1, activation="post")[0]
            own.append([f / s[None, :] for f, s in zip(features, scales, strict=True)])
            guesses.append(outputs(Network(hidden, output, np.empty(0), 0), last))
        layers.append(own)
        predictions.append(jnp.mean(jnp.stack(guesses), axis=0))
    return layers, trunks, jnp.hstack(predictions) if predictions else jnp.empty((len(raw), 0))


def _side_by_side(layers: list[jax.Array], depth: int) -> jax.Array:
    chosen = layers[-depth:] if depth else layers
    return jnp.concatenate(chosen, axis=1)


def _nearest(x: jax.Array, training: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Distance (B,) to and index (B,) of the nearest training row."""
    squared = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(training**2, axis=1)[None, :]
    index = jnp.argmin(squared - 2 * matmul(x, training.T), axis=1)
    # Recomputed from the difference: the expanded form loses the small distances to rounding.
    return jnp.sqrt(jnp.sum((x - training[index]) ** 2, axis=1)), index
