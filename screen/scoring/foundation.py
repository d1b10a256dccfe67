"""Columns of foundation networks for a batch, computed on the device."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from kakehashi.screen.descriptors.element_roots import N_ELEMENTS
from kakehashi.screen.descriptors.scaling import Scaling, standardise
from kakehashi.screen.device_names import EXACT, Precision
from kakehashi.screen.foundation.forward import outputs
from kakehashi.screen.foundation.inputs import foundation_inputs
from kakehashi.screen.foundation.record import Foundation, FoundationNetwork
from kakehashi.screen.networks.precision import network_product, round_kernel
from kakehashi.screen.transfer.plan import Plan

Columns = dict[str, jax.Array]


def foundation_arrays(foundation: Foundation, precision: Precision = EXACT) -> dict[str, Any]:
    """Networks that saw every formula, with their scalings.

    precision : of their hidden layers
    """
    networks = tuple(_round_network(network, precision) for network in foundation.full)
    return {"networks": networks, "scaling": foundation.scaling, "scales": foundation.scales[0]}


def _round_network(network: FoundationNetwork, precision: Precision) -> FoundationNetwork:
    hidden = (layer._replace(kernel=round_kernel(precision, layer.kernel)) for layer in network.hidden)
    return network._replace(hidden=tuple(hidden))


@functools.partial(jax.jit, static_argnames="precision")
def foundation_columns(
    part: dict[str, Any],
    raw: jax.Array,
    elements: jax.Array,
    amounts: jax.Array,
    known: jax.Array | None,
    *,
    precision: Precision = EXACT,
) -> Columns:
    """Blocks of columns by name, (B, width) each.

    raw : (B, 290) descriptors; elements, amounts : (B, slots)
    known : (B, k) known values that stand in for predictions, NaN where there is none
    """
    roots = element_roots_on_device(elements, amounts)
    inputs = foundation_inputs(part["scaling"], raw, roots)
    layer, predictions = outputs(part["networks"], inputs, network_product(precision))
    if known is not None:
        predictions = jnp.where(jnp.isfinite(known), known, predictions)
    return {"inputs": inputs, "shares": roots, "layer": layer / part["scales"][None, :], "predictions": predictions}


def element_roots_on_device(elements: jax.Array, amounts: jax.Array) -> jax.Array:
    """Root of every element's share, (B, 94), as `element_roots`."""
    shares = amounts / jnp.sum(amounts, axis=1, keepdims=True)
    # Unused slots (-1) fall into a column of their own, which is dropped.
    place = jnp.where(elements >= 0, elements, N_ELEMENTS)
    rows = jnp.arange(len(elements))[:, None]
    roots = jnp.zeros((len(elements), N_ELEMENTS + 1), jnp.float32)
    return roots.at[rows, place].set(jnp.sqrt(shares))[:, :N_ELEMENTS]


def own_blocks(plan: Plan) -> tuple[str, ...]:
    """Blocks of a plan that foundation networks give."""
    return tuple(name for name in plan.blocks if name != "descriptors")


def split_scaling(scaling: Scaling, width: int) -> tuple[Scaling, Scaling]:
    """Scaling of the first columns and of the others."""
    return (
        Scaling(scaling.mean[:width], scaling.scale[:width]),
        Scaling(scaling.mean[width:], scaling.scale[width:]),
    )


def scaled_columns(plan: Plan, scaling: Scaling, columns: Columns) -> jax.Array:
    """Blocks of a plan beside the descriptors, standardised, (B, width)."""
    joined = jnp.hstack([columns[name] for name in own_blocks(plan)])
    return jnp.asarray(standardise(scaling, joined))


def no_products(columns: Columns, rows: int) -> tuple[jax.Array, jax.Array]:
    """Products and squares of a head without descriptors: zeros."""
    batch = len(columns["layer"])
    return jnp.zeros((batch, rows), jnp.float32), jnp.zeros(batch, jnp.float32)
