"""Compiled programs that predict a batch: one per group of networks, one for the heads.

Descriptors come as they are (`raw`) or, where they are mostly zero, as products computed before (`SparseProducts`).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kakehashi.screen.descriptors.scaling import standardise
from kakehashi.screen.device_names import EXACT, Precision
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.networks.precision import network_product
from kakehashi.screen.networks.pyramid import matmul
from kakehashi.screen.scoring import foundation
from kakehashi.screen.scoring.device_model import NetworkGroup
from kakehashi.screen.scoring.packed import Packed, unpack
from kakehashi.screen.scoring.padded import ForwardPass, affine_products, hidden_features, run_layers
from kakehashi.screen.transfer.plan import Plan, mixture

MeanAndSpread = tuple[Any, Any]
Columns = tuple[jax.Array, jax.Array, jax.Array, jax.Array]
# Outputs of a group: mean and spread by network and head, predictions by network, features by network and depth.
GroupOutputs = tuple[list[list[MeanAndSpread]], list[jax.Array], list[list[jax.Array]]]


class SparseProducts(NamedTuple):
    """Products of sparse descriptors, computed before any program runs.

    blocks : products (B, k) and squares (B,) of every block; neighbours : distance to and number of the nearest row
    """

    blocks: list[MeanAndSpread]
    neighbours: MeanAndSpread


@functools.partial(jax.jit, static_argnums=(0, 1, 2), static_argnames="precision")
def run_group(
    plans: tuple[Plan, ...],
    heads: tuple[tuple[int, ...], ...],
    shown: tuple[tuple[int, ...], ...],
    part: dict[str, Any] | Packed,
    raw: jax.Array | None,
    firsts: Any = None,
    *,
    precision: Precision = EXACT,
) -> GroupOutputs:
    """Mean and spread (B,) of every head in a group.

    Also the predictions and features of the networks, where a head needs them.

    part : arrays of the group, packed or not
    firsts : by network, products of the first layer less its constant, where descriptors are sparse; no `raw` then
    precision : of the products of hidden layers
    """
    arrays, product = unpack(part), network_product(precision)
    x = None if raw is None else standardise(arrays["scaling"], raw)
    pairs, guesses, layers = [], [], []
    for k, (members, depths, network) in enumerate(zip(heads, shown, arrays["networks"], strict=True)):
        if x is None:
            done = run_layers(network["hidden"], None, firsts[k] + network["constant"][None, :], product)
        else:
            own = x if network["inputs"] is None else x[:, network["inputs"]]
            done = run_layers(network["hidden"], own, product=product)
        pairs.append(
            [_predict_head(plans[m], network, p, done) for m, p in zip(members, network["heads"], strict=True)]
        )
        if network["output"] is not None:
            kernel, bias = network["output"]
            guesses.append(matmul(done.inputs[-1], kernel) + bias[None, :])
        layers.append([hidden_features(done, network["hidden"], network["unit_scales"], depth) for depth in depths])
    return pairs, guesses, layers


def _predict_head(plan: Plan, network: dict[str, Any], params: Any, done: ForwardPass) -> MeanAndSpread:
    """Mean and spread (B,) of one head on one network."""
    head, scales = HEADS[plan.head], network["unit_scales"]
    if plan.kind == "frozen" and head.affine is not None:
        views, rest = params
        return head.affine.finish(rest, *affine_products(done, views))
    if plan.kind == "frozen":
        return head.predict(params, hidden_features(done, network["hidden"], scales, plan.depth))
    entering = done.inputs[-2]
    return head.predict(params, entering[:, : len(scales[-2])] if len(scales) > 1 else entering)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def combine_members(
    plans: tuple[Plan, ...],
    groups: tuple[NetworkGroup, ...],
    blocks: tuple[int, ...],
    arrays: dict[str, Any],
    raw: jax.Array | None,
    known: SparseProducts | None,
    outputs: list[GroupOutputs],
) -> Columns:
    """Mean and spread (B,) of the weighted mixture of all members.

    Then distance to and number of the nearest target row.
    """
    pairs = _predict_members(plans, groups, blocks, arrays, raw, known, outputs)
    each = [mixture(means, spreads, jnp.ones(len(means))) for means, spreads in pairs]
    mean, spread = mixture(
        jnp.stack([mean for mean, _ in each]), jnp.stack([spread for _, spread in each]), arrays["weights"]
    )
    return mean, spread, *_find_neighbours(arrays, raw, known)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def stack_components(
    plans: tuple[Plan, ...],
    groups: tuple[NetworkGroup, ...],
    blocks: tuple[int, ...],
    arrays: dict[str, Any],
    raw: jax.Array | None,
    known: SparseProducts | None,
    outputs: list[GroupOutputs],
) -> Columns:
    """Means and spreads (B, components) of all components.

    Then distance to and number of the nearest target row.
    """
    pairs = _predict_members(plans, groups, blocks, arrays, raw, known, outputs)
    means, spreads = (jnp.concatenate([pair[k] for pair in pairs]).T for k in range(2))
    return means, spreads, *_find_neighbours(arrays, raw, known)


def _predict_members(
    plans: tuple[Plan, ...],
    groups: tuple[NetworkGroup, ...],
    blocks: tuple[int, ...],
    arrays: dict[str, Any],
    raw: jax.Array | None,
    known: SparseProducts | None,
    outputs: list[GroupOutputs],
) -> list[MeanAndSpread]:
    """Means and spreads (components, B) of every member."""
    pairs: list[list[MeanAndSpread]] = [[] for _ in plans]
    guesses: dict[int, list[jax.Array]] = {}
    # Features of the sources in turn, by number of the network and depth.
    side: dict[tuple[int, int], list[jax.Array]] = {}
    for group, (answers, values, layers) in zip(groups, outputs, strict=True):
        guesses.setdefault(group.source, []).extend(values)
        for i, members, depths, answer, seen_at in zip(
            group.networks, group.heads, group.shown, answers, layers, strict=True
        ):
            for m, pair in zip(members, answer, strict=True):
                pairs[m].append(pair)
            for depth, x in zip(depths, seen_at, strict=True):
                side.setdefault((i, depth), []).append(x)
    predictions = [jnp.mean(jnp.stack(values), axis=0) for _, values in sorted(guesses.items()) if values]
    if known is None:
        products = [_centred_products(block, raw) for block in arrays["blocks"]]
    else:
        products = [(p + b["constant"][None, :], s) for (p, s), b in zip(known.blocks, arrays["blocks"], strict=True)]
    for m, (plan, member) in enumerate(zip(plans, arrays["members"], strict=True)):
        if member is None:
            continue
        head, extra = HEADS[plan.head], [plan.gain * values for values in predictions if plan.kind == "predictions"]
        if head.blocked is not None:
            (params,) = member["params"]
            pairs[m].append(head.blocked.finish(params, arrays["prepared"][m]))
            continue
        if plan.kind == "foundation":
            pairs[m].append(_predict_on_foundation(plan, member, blocks[m], products, raw, arrays["columns"]))
            continue
        if head.affine is not None and plan.kind != "stacked":
            pairs[m].append(head.affine.finish(member["rest"], *_add_columns(member, products[blocks[m]], extra)))
            continue
        if plan.kind == "stacked":
            designs = [jnp.hstack(side[i, plan.depth]) for i in plan.networks]
        else:
            designs = [jnp.hstack([standardise(member["scaling"], raw), *extra])]
        pairs[m] += [head.predict(p, x) for p, x in zip(member["params"], designs, strict=True)]
    return [(jnp.stack([mean for mean, _ in values]), jnp.stack([spread for _, spread in values])) for values in pairs]


def _predict_on_foundation(
    plan: Plan,
    member: dict[str, Any],
    number: int,
    products: list[MeanAndSpread],
    raw: jax.Array | None,
    columns: foundation.Columns,
) -> MeanAndSpread:
    """Mean and spread (B,) of a head on blocks of foundation networks."""
    head = HEADS[plan.head]
    if head.affine is None:
        named = {"descriptors": raw, **columns}
        (params,) = member["params"]
        return head.predict(
            params, standardise(member["scaling"], jnp.hstack([jnp.asarray(named[name]) for name in plan.blocks]))
        )
    extra = [foundation.scaled_columns(plan, member["columns"], columns)]
    own = products[number] if number >= 0 else foundation.no_products(columns, member["matrix"].shape[1])
    return head.affine.finish(member["rest"], *_add_columns(member, own, extra))


def _centred_products(block: dict[str, Any], raw: jax.Array | None) -> MeanAndSpread:
    """Products (B, k) of centred descriptors with a block, and squares (B,)."""
    x = standardise(block["scaling"], raw) - block["centre"][None, :]
    return matmul(x, block["matrix"]), jnp.sum(x**2, axis=1)


def _add_columns(member: dict[str, Any], products: MeanAndSpread, extra: list[jax.Array]) -> MeanAndSpread:
    """Products and squares of a block, with `extra` columns (B, tasks)."""
    inner, squares = member["factor"] * products[0], products[1]
    if not extra:
        return inner, squares
    more = jnp.hstack(extra) - member["centre"][None, :]
    return inner + matmul(more, member["matrix"]), squares + jnp.sum(more**2, axis=1)


@jax.jit
def find_neighbours(arrays: dict[str, Any], raw: jax.Array) -> MeanAndSpread:
    """Distance (B,) to the nearest target row, and its number, of descriptors alone.

    arrays : reference, training and unit
    """
    return _find_neighbours(arrays, raw, None)


def _find_neighbours(arrays: dict[str, Any], raw: jax.Array | None, known: SparseProducts | None) -> MeanAndSpread:
    """Distance (B,) to the nearest target row, and its number.

    In units of `Model.unit`.
    """
    if known is None:
        distance, nearest = _find_nearest(standardise(arrays["reference"], raw), arrays["training"])
    else:
        distance, nearest = known.neighbours
    return distance / arrays["unit"], nearest


def _find_nearest(x: jax.Array, training: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Distance (B,) to the nearest training row, and its index."""
    squared = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(training**2, axis=1)[None, :]
    index = jnp.argmin(squared - 2 * matmul(x, training.T), axis=1)
    # Recomputed from the difference: the expanded form loses the small distances to rounding.
    return jnp.sqrt(jnp.sum((x - training[index]) ** 2, axis=1)), index
