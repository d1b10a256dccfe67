"""Scoring of compositions with a transferred model: jitted programs over fixed-shape padded batches.

A row's scores depend on its own slots alone, bit for bit: batches always have `BATCH` rows, and padding rows are
real compositions whose results are thrown away.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from catalogs.records import Compositions
from screen.descriptors.composition import BATCH, describe, element_tables
from screen.library import Source
from screen.networks import Network, matmul
from screen.padded import STEP, Pass, features, gathered, pad, run, seen, view
from screen.plans import HEADS, Fitted, Plan, mixture
from screen.scaling import standardise
from screen.transfer import Model

# Networks per program. In one program for all of them the compiler runs first layers first and last layers last, and
# every layer has left the processor's cache before the next one reads it.
GROUP = 10

Pair = tuple[Any, Any]
Columns = tuple[jax.Array, jax.Array, jax.Array, jax.Array]
# By network and head, mean and spread; the networks' predictions; by network and depth, features.
Answers = tuple[list[list[Pair]], list[jax.Array], list[list[jax.Array]]]
# Members whose heads look at more than one network of one source.
_POOLED = ("direct", "predictions", "stacked")


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


class Group(NamedTuple):
    """Networks of one source that run in one program.

    networks : their numbers; by network, heads : members of the stack that have a head on it; shown : depths at which
    its features go into heads on several sources
    """

    source: int
    networks: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    shown: tuple[tuple[int, ...], ...]


class Scorer(NamedTuple):
    """A model made ready for its device: what is compiled (`plans`, `groups`, hashable), and what is passed in."""

    plans: tuple[Plan, ...]
    groups: tuple[Group, ...]
    arrays: dict[str, Any]


def prepare(model: Model) -> Scorer:
    """Collect the parameters the stack needs, single precision, on the default device; unused networks stay behind."""
    plans = tuple(member.plan for member in model.stack.members)
    predicting = any(plan.kind == "predictions" for plan in plans)
    groups, parts = [], []
    for s, source in enumerate(model.library.sources):
        numbers = range(len(source.networks))
        heads = [tuple(m for m, plan in enumerate(plans) if plan.source == s and i in plan.networks) for i in numbers]
        # Depths of the features that heads on several sources look at.
        shown = [
            tuple(sorted({plan.depth for plan in plans if plan.kind == "stacked" and i in plan.networks}))
            for i in numbers
        ]
        asked = [i for i in numbers if heads[i] or shown[i] or predicting]
        for start in range(0, len(asked), GROUP):
            chosen = asked[start : start + GROUP]
            groups.append(Group(s, tuple(chosen), tuple(heads[i] for i in chosen), tuple(shown[i] for i in chosen)))
            networks = [_network(model, source, i, heads[i], predicting) for i in chosen]
            parts.append({"scaling": source.scaling, "networks": networks})
    arrays = {
        "groups": parts,
        "tables": element_tables(),
        # Heads on networks are with their networks.
        "members": [
            {"params": list(member.params), "scaling": member.scaling} if plan.kind in _POOLED else None
            for plan, member in zip(plans, model.stack.members, strict=True)
        ],
        "weights": model.stack.weights,
        "reference": model.reference,
        "training": model.training,
        "unit": np.float32(model.unit),
    }
    return Scorer(plans, tuple(groups), jax.tree.map(_on_device, arrays))


def _network(model: Model, source: Source, i: int, members: tuple[int, ...], predicting: bool) -> dict[str, Any]:
    """Network i of a source, padded, with its heads and, for predictions, its outputs."""
    network, scales = source.networks[i], source.unit_scales[i]
    kernel = network.output.kernel
    inputs, hidden = gathered(network.hidden)
    return {
        "inputs": inputs,
        "hidden": pad(hidden),
        "unit_scales": scales,
        "heads": [_head(network, scales, model.stack.members[m], i) for m in members],
        "output": (np.pad(kernel, ((0, -len(kernel) % STEP), (0, 0))), network.output.bias) if predicting else None,
    }


def _head(network: Network, scales: Sequence[Any], member: Fitted, i: int) -> Any:
    """Parameters of a member's head on network i; an affine one on frozen features takes in scales and biases."""
    plan = member.plan
    params, affine = member.params[plan.networks.index(i)], HEADS[plan.head].affine
    if plan.kind != "frozen" or affine is None:
        return params
    centre, matrix, rest = affine.split(params)
    return view(network.hidden, scales, plan.depth, centre, matrix), rest


def score(scorer: Scorer, compositions: Compositions) -> Scores:
    """Scores of n compositions, already in the model's convention (reduced, cell or per-atom)."""
    slots = compositions.elements.astype(np.int32), compositions.amounts.astype(np.float32)

    def program(elements: jax.Array, amounts: jax.Array) -> Columns:
        return _batch(_pool, scorer, _describe(elements, amounts, scorer.arrays["tables"]))

    return _scores(_batched(program, *slots))


def score_described(scorer: Scorer, raw: NDArray[np.float32]) -> Scores:
    """Scores of n rows of descriptors (n, width), computed by the model's convention."""
    return _scores(_batched(functools.partial(_batch, _pool, scorer), raw))


def components(scorer: Scorer, raw: NDArray[np.float32]) -> Components:
    """What every component of a model says of n rows of descriptors (n, width)."""
    columns = _batched(functools.partial(_batch, _apart, scorer), raw)
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


def _batched(program: Callable[..., Columns], *rows: NDArray[Any]) -> list[NDArray[Any]]:
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


def _batch(finish: Callable[..., Columns], scorer: Scorer, raw: jax.Array) -> Columns:
    """What `finish` (`_pool` or `_apart`) makes of one batch; every group of networks is a program of its own."""
    shared = {name: value for name, value in scorer.arrays.items() if name != "groups"}

    def answers(group: Group, part: dict[str, Any]) -> Answers:
        found: Answers = _run(scorer.plans, group.heads, group.shown, part, raw)
        return found

    # In threads, so that the first batch compiles the groups side by side.
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(answers, scorer.groups, scorer.arrays["groups"]))
    return finish(scorer.plans, scorer.groups, shared, raw, found)


_describe = jax.jit(describe)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _run(
    plans: tuple[Plan, ...],
    heads: tuple[tuple[int, ...], ...],
    shown: tuple[tuple[int, ...], ...],
    part: dict[str, Any],
    raw: jax.Array,
) -> Answers:
    """Mean and spread (B,) of every head on every network; the networks' predictions and features where asked for."""
    x = standardise(part["scaling"], raw)
    pairs, guesses, layers = [], [], []
    for members, depths, network in zip(heads, shown, part["networks"], strict=True):
        done = run(network["hidden"], x if network["inputs"] is None else x[:, network["inputs"]])
        pairs.append([_ask(plans[m], network, p, done) for m, p in zip(members, network["heads"], strict=True)])
        if network["output"] is not None:
            kernel, bias = network["output"]
            guesses.append(matmul(done.inputs[-1], kernel) + bias[None, :])
        layers.append([features(done, network["hidden"], network["unit_scales"], depth) for depth in depths])
    return pairs, guesses, layers


def _ask(plan: Plan, network: dict[str, Any], params: Any, done: Pass) -> Pair:
    """Mean and spread of one head on one network."""
    head, scales = HEADS[plan.head], network["unit_scales"]
    if plan.kind == "frozen" and head.affine is not None:
        views, rest = params
        return head.affine.finish(rest, *seen(done, views))
    if plan.kind == "frozen":
        return head.predict(params, features(done, network["hidden"], scales, plan.depth))
    entering = done.inputs[-2]
    return head.predict(params, entering[:, : len(scales[-2])] if len(scales) > 1 else entering)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _pool(
    plans: tuple[Plan, ...], groups: tuple[Group, ...], arrays: dict[str, Any], raw: jax.Array, found: list[Answers]
) -> Columns:
    """Mean and spread (B,) of the mixture of all members; distance to and number of the nearest target row."""
    pairs = _members(plans, groups, arrays, raw, found)
    pooled = [mixture(means, spreads, jnp.ones(len(means))) for means, spreads in pairs]
    mean, spread = mixture(
        jnp.stack([mean for mean, _ in pooled]), jnp.stack([spread for _, spread in pooled]), arrays["weights"]
    )
    distance, nearest = _nearest(standardise(arrays["reference"], raw), arrays["training"])
    return mean, spread, distance / arrays["unit"], nearest


@functools.partial(jax.jit, static_argnums=(0, 1))
def _apart(
    plans: tuple[Plan, ...], groups: tuple[Group, ...], arrays: dict[str, Any], raw: jax.Array, found: list[Answers]
) -> Columns:
    """Means and spreads (B, components) of the components; distance to and number of the nearest target row."""
    pairs = _members(plans, groups, arrays, raw, found)
    means, spreads = (jnp.concatenate([pair[k] for pair in pairs]).T for k in range(2))
    distance, nearest = _nearest(standardise(arrays["reference"], raw), arrays["training"])
    return means, spreads, distance / arrays["unit"], nearest


def _members(
    plans: tuple[Plan, ...], groups: tuple[Group, ...], arrays: dict[str, Any], raw: jax.Array, found: list[Answers]
) -> list[Pair]:
    """Means and spreads (components, B) of every member: heads on networks as found, heads on descriptors."""
    pairs: list[list[Pair]] = [[] for _ in plans]
    guesses: dict[int, list[jax.Array]] = {}
    # By number of the network and depth, the features of the sources in turn.
    side: dict[tuple[int, int], list[jax.Array]] = {}
    for group, (answers, own, layers) in zip(groups, found, strict=True):
        guesses.setdefault(group.source, []).extend(own)
        for i, members, depths, answer, seen_at in zip(
            group.networks, group.heads, group.shown, answers, layers, strict=True
        ):
            for m, pair in zip(members, answer, strict=True):
                pairs[m].append(pair)
            for depth, x in zip(depths, seen_at, strict=True):
                side.setdefault((i, depth), []).append(x)
    predictions = [jnp.mean(jnp.stack(own), axis=0) for _, own in sorted(guesses.items()) if own]
    for m, (plan, member) in enumerate(zip(plans, arrays["members"], strict=True)):
        if member is None:
            continue
        if plan.kind == "stacked":
            designs = [jnp.hstack(side[i, plan.depth]) for i in plan.networks]
        else:
            x = standardise(member["scaling"], raw)
            designs = [x if plan.kind == "direct" else jnp.hstack([x, *(plan.gain * own for own in predictions)])]
        pairs[m] += [HEADS[plan.head].predict(p, x) for p, x in zip(member["params"], designs, strict=True)]
    return [(jnp.stack([mean for mean, _ in own]), jnp.stack([spread for _, spread in own])) for own in pairs]


def _nearest(x: jax.Array, training: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Distance (B,) to and index (B,) of the nearest training row."""
    squared = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(training**2, axis=1)[None, :]
    index = jnp.argmin(squared - 2 * matmul(x, training.T), axis=1)
    # Recomputed from the difference: the expanded form loses the small distances to rounding.
    return jnp.sqrt(jnp.sum((x - training[index]) ** 2, axis=1)), index
