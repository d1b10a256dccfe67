"""Pre-trained networks laid out for the device, and what heads see of their hidden layers.

Widths are rounded up with zeros, so that the layers of many networks share compiled kernels: a hundred networks
compile in about half the time. Heads that are `Affine` need no features. With u the product of a hidden layer's
input and kernel, b its bias, s the unit scales and c the head's centre, a centred feature is

    (u + b) / s - c  =  u / s + (b / s - c),

so that u itself enters the head's matrix, and nothing is scaled, centred or joined in passes over memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.networks.precision import Product
from kakehashi.screen.networks.pyramid import Layer, leaky, matmul

# Sixteen single-precision numbers fill the widest registers.
STEP = 16


class ForwardPass(NamedTuple):
    """Products and inputs of a network's layers, B rows.

    products : (B, padded width) input times kernel, before the bias; shallow first
    inputs : (B, padded width) what enters each hidden layer, then the output layer
    """

    products: list[jax.Array]
    inputs: list[jax.Array]


class View(NamedTuple):
    """Terms by which one hidden layer enters an affine head.

    inverse, shift : (padded width,) centred features are u * inverse + shift; zero for dropped and padded units
    matrix : (padded width, k) the layer's rows of the head's matrix, divided by the unit scales
    """

    inverse: NDArray[np.float64]
    shift: NDArray[np.float64]
    matrix: NDArray[np.float64]


class Views(NamedTuple):
    """Terms by which a network enters an affine head.

    layers : shallow first; constant : (k,) constant part of the products
    """

    layers: tuple[View, ...]
    constant: NDArray[np.float64]


def select_inputs(hidden: Sequence[Layer], always: bool = False) -> tuple[NDArray[np.int64] | None, Sequence[Layer]]:
    """Inputs a network uses, and the network on these alone.

    None where it uses most of its inputs.

    The numbers are filled up to a multiple of 64 with an input of weight zero, so that networks share kernels; with
    `always` there are never other numbers than those, and never None.
    """
    first = hidden[0].kernel
    used = np.flatnonzero(first.any(axis=1))
    if always:
        return used, (hidden[0]._replace(kernel=first[used]), *hidden[1:])
    if len(hidden) == 1 or 2 * len(used) > len(first):
        return None, hidden
    more = -len(used) % 64
    kernel = np.pad(first[used], ((0, more), (0, 0)))
    return np.pad(used, (0, more)), (hidden[0]._replace(kernel=kernel), *hidden[1:])


def pad_layers(hidden: Sequence[Layer]) -> tuple[Layer, ...]:
    """Hidden layers padded to widths that are multiples of `STEP`.

    The inputs of the first layer stay.
    """
    out, n_in = [], hidden[0].kernel.shape[0]
    for kernel, *rest in hidden:
        more = -kernel.shape[1] % STEP
        wide = [None if part is None else np.pad(part, (0, more)) for part in rest]
        out.append(Layer(np.pad(kernel, ((0, n_in - len(kernel)), (0, more))), *wide))  # type: ignore[arg-type]
        n_in = kernel.shape[1] + more
    return tuple(out)


def make_views(
    hidden: Sequence[Layer],
    scales: Sequence[NDArray[Any]],
    depth: int,
    centre: NDArray[np.float64],
    matrix: NDArray[np.float64],
) -> Views:
    """Views of the last `depth` hidden layers (0: all).

    centre, matrix : the head's, over the features side by side, not padded yet
    """
    chosen = list(zip(hidden, scales, strict=True))[-depth:]
    edges = np.cumsum([len(s) for _, s in chosen])[:-1]
    views, constant = [], np.zeros(matrix.shape[1])
    for (layer, s), c, part in zip(chosen, np.split(centre, edges), np.split(matrix, edges), strict=True):
        inverse = 1.0 / np.asarray(s, np.float64)
        shift = layer.bias * inverse - c
        constant += shift @ part
        more = -len(s) % STEP
        wide = np.pad(part * inverse[:, None], ((0, more), (0, 0)))
        views.append(View(np.pad(inverse, (0, more)), np.pad(shift, (0, more)), wide))
    return Views(tuple(views), constant)


def run_layers(hidden: Sequence[Layer], x: Any, first: Any = None, product: Product = matmul) -> ForwardPass:
    """Forward pass of padded hidden layers.

    x : (B, n_inputs) standardised descriptors

    first : products of the first layer, where they are known; x is not used then
    product : of inputs and kernels
    """
    products: list[Any] = []
    inputs = [x]
    for layer in hidden:
        u = product(inputs[-1], layer.kernel) if first is None or products else first
        z = u + layer.bias[None, :]
        if layer.scale is not None and layer.shift is not None:
            z = z * layer.scale[None, :] + layer.shift[None, :]
        products.append(u)
        inputs.append(leaky(z))
    return ForwardPass(products, inputs)


def affine_products(done: ForwardPass, views: Views) -> tuple[Any, Any]:
    """Products (B, k) with an affine head, and squared distances (B,).

    Distances are from the head's centre.
    """
    products: Any = views.constant[None, :]
    squares: Any = 0.0
    for u, (inverse, shift, matrix) in zip(done.products[-len(views.layers) :], views.layers, strict=True):
        products = products + matmul(u, matrix)
        centred = u * inverse[None, :] + shift[None, :]
        # Sixteen partial sums: summed to one number per row, the compiler would write the squares out first.
        squares = squares + jnp.sum((centred**2).reshape(len(u), -1, STEP), axis=1)
    return products, jnp.sum(squares, axis=1)


def hidden_features(done: ForwardPass, hidden: Sequence[Layer], scales: Sequence[Any], depth: int) -> Any:
    """Scaled features (B, p) of the last `depth` layers (0: all).

    Side by side, for heads that are not affine.
    """
    layers = list(zip(done.products, hidden, scales, strict=True))[-depth:]
    return jnp.concatenate([(u + layer.bias[None, :])[:, : len(s)] / s[None, :] for u, layer, s in layers], axis=1)
