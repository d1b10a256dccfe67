"""Hidden layers and predictions of a set of networks.

NumPy inputs pass through one compiled program in padded batches, so that the bits of a row depend on nothing but the
row; JAX arrays, tracers included, are computed as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.foundation.record import FoundationNetwork, NormLayer
from kakehashi.screen.networks.precision import Product
from kakehashi.screen.networks.pyramid import matmul

# Keeps the normalisation of a layer that is constant finite.
EPSILON = 1e-5


class Outputs(NamedTuple):
    """What m networks of k tasks give for n rows.

    layer : (n, m * n_last) last hidden layers, side by side
    predictions : (n, k) mean over the networks, standardised
    """

    layer: Any
    predictions: Any


def outputs(networks: Sequence[FoundationNetwork], x: Any, product: Product = matmul) -> Outputs:
    """Hidden layers and predictions at inputs x (n, 384), in one pass.

    product : of inputs and kernels of hidden layers, where x is a JAX array
    """
    if isinstance(x, jax.Array):
        return _forward(tuple(networks), x, product)
    held = jax.tree.map(jnp.asarray, tuple(networks))
    layer = np.empty((len(x), sum(len(network.kernel) for network in networks)), np.float32)
    predicted = np.empty((len(x), len(networks[0].bias)), np.float32)
    for start in range(0, len(x), BATCH):
        rows = x[start : start + BATCH]
        batch = np.zeros((BATCH, x.shape[1]), np.float32)
        batch[: len(rows)] = rows
        got = _forward_jit(held, batch)
        layer[start : start + len(rows)] = np.asarray(got.layer)[: len(rows)]
        predicted[start : start + len(rows)] = np.asarray(got.predictions)[: len(rows)]
    return Outputs(layer, predicted)


def hidden_layer(networks: Sequence[FoundationNetwork], x: Any) -> Any:
    """Last hidden layers (n, m * n_last) of m networks, side by side."""
    return outputs(networks, x).layer


def predictions(networks: Sequence[FoundationNetwork], x: Any) -> Any:
    """Standardised predictions (n, k), mean over the networks."""
    return outputs(networks, x).predictions


def normalised(layer: NormLayer, x: jax.Array, product: Product = matmul) -> jax.Array:
    """One hidden layer (Ba, Kiros and Hinton, 2016)."""
    z = product(x, layer.kernel)
    z = z - z.mean(axis=1, keepdims=True)
    z = z * jax.lax.rsqrt(jnp.square(z).mean(axis=1, keepdims=True) + EPSILON)
    return jax.nn.silu(z * layer.gain[None, :] + layer.shift[None, :])


def noisy_layer(network: FoundationNetwork, x: jax.Array, key: jax.Array, *, noise: float, dropout: float) -> jax.Array:
    """Last hidden layer (n, n_last) in training: noise on inputs (n, 384), dropout behind every layer.

    noise : standard deviation
    """
    share = round(256 * (1 - dropout))  # of the 256 values of a random byte
    last = x + noise * jax.random.normal(jax.random.fold_in(key, len(network.hidden)), x.shape)
    for i, layer in enumerate(network.hidden):
        last = normalised(layer, last)
        if share < 256:
            kept = jax.random.bits(jax.random.fold_in(key, i), last.shape, "uint8") < share
            last = jnp.where(kept, last * (256 / share), 0.0)
    return last


def linear(network: FoundationNetwork, last: jax.Array) -> jax.Array:
    """Standardised predictions (n, k) from the last hidden layer."""
    return jnp.asarray(matmul(last, network.kernel) + network.bias[None, :])


def _forward(networks: tuple[FoundationNetwork, ...], x: jax.Array, product: Product = matmul) -> Outputs:
    layers, predicted = [], []
    for network in networks:
        last = x
        for layer in network.hidden:
            last = normalised(layer, last, product)
        layers.append(last)
        predicted.append(linear(network, last))
    return Outputs(jnp.concatenate(layers, axis=1), sum(predicted[1:], predicted[0]) / len(networks))


_forward_jit = jax.jit(_forward)
