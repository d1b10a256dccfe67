"""Random pyramid networks: widths, parameters, outputs.

The architecture follows XenonPy's random generator (Liu, Yamada & Wu, 2021): a number of hidden layers drawn
uniformly, widths `ceil(n_inputs * u)` with u uniform and sorted, so that layers never widen towards the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

HIDDEN_LAYERS = (3, 4, 5, 6)
WIDTH_RATIOS = (0.1, 0.6)
# XenonPy's and torch's LeakyReLU default.
NEGATIVE_SLOPE = 0.01

Array = NDArray[np.float32]


class Layer(NamedTuple):
    """Hidden layer `leaky_relu((x @ kernel + bias) * scale + shift)`.

    kernel : (n_in, n_out); bias : (n_out,)
    scale, shift : (n_out,) a batch normalisation in evaluation mode, or None for none
    """

    kernel: Array
    bias: Array
    scale: Array | None = None
    shift: Array | None = None


class Network(NamedTuple):
    """A trained network: hidden layers, then a linear output.

    Inputs and outputs are standardised.

    output : Layer with kernel (n_last, n_tasks)
    validation_r2 : (n_tasks,) on the rows its early stopping watched
    """

    hidden: tuple[Layer, ...]
    output: Layer
    validation_r2: NDArray[np.float64]
    epochs: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes of the hidden layers, input side first."""
        return tuple(layer.kernel.shape[1] for layer in self.hidden)


class Pyramid(nn.Module):
    """Fully connected network with LeakyReLU and linear output.

    n_tasks : outputs
    """

    widths: tuple[int, ...]
    n_tasks: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Outputs (n, n_tasks) of standardised inputs (n, n_inputs)."""
        for i, width in enumerate(self.widths):
            x = nn.leaky_relu(nn.Dense(width, name=f"hidden_{i}")(x), NEGATIVE_SLOPE)
        return nn.Dense(self.n_tasks, name="output")(x)


def draw_widths(
    rng: np.random.Generator,
    n_inputs: int,
    hidden_layers: Sequence[int] = HIDDEN_LAYERS,
    ratios: tuple[float, float] = WIDTH_RATIOS,
) -> tuple[int, ...]:
    """Draw hidden widths of one pyramid, never increasing.

    As XenonPy's ParameterGenerator does.
    """
    depth = int(rng.choice(np.asarray(hidden_layers)))
    shares = np.sort(rng.uniform(*ratios, depth))[::-1]
    return tuple(int(np.ceil(n_inputs * share)) for share in shares)


def initial_params(rng: np.random.Generator, widths: tuple[int, ...], n_inputs: int, n_tasks: int) -> Any:
    """Draw parameters: He-normal kernels (He et al., 2015).

    In the layout of `Pyramid`; biases are zero.

    Drawn with NumPy: flax's own `init` compiles a program for every new shape, seconds per network.
    """
    sizes = (n_inputs, *widths, n_tasks)
    names = (*(f"hidden_{i}" for i in range(len(widths))), "output")
    return {
        name: {
            "kernel": (rng.standard_normal((n_in, n_out)) * np.sqrt(2.0 / n_in)).astype(np.float32),
            "bias": np.zeros(n_out, np.float32),
        }
        for name, n_in, n_out in zip(names, sizes, sizes[1:], strict=False)
    }


def pad_params(params: Any, widths: tuple[int, ...], padded: tuple[int, ...], n_inputs: int | None = None) -> Any:
    """Pad a network to wider layers.

    Padded weights are zero, and so are their gradients.

    n_inputs : pads the inputs too, with columns that must be zero
    """
    out, n_in = {}, n_inputs or params["hidden_0"]["kernel"].shape[0]
    for i, (width, wide) in enumerate(zip(widths, padded, strict=True)):
        kernel, bias = params[f"hidden_{i}"]["kernel"], params[f"hidden_{i}"]["bias"]
        out[f"hidden_{i}"] = {
            "kernel": np.pad(kernel, ((0, n_in - kernel.shape[0]), (0, wide - width))),
            "bias": np.pad(bias, (0, wide - width)),
        }
        n_in = wide
    kernel = params["output"]["kernel"]
    out["output"] = {
        "kernel": np.pad(kernel, ((0, n_in - kernel.shape[0]), (0, 0))),
        "bias": np.asarray(params["output"]["bias"]),
    }
    return out


def trim_params(params: Any, widths: tuple[int, ...]) -> tuple[tuple[Layer, ...], Layer]:
    """Trim padded parameters to exact widths, in NumPy."""
    hidden, n_in = [], params["hidden_0"]["kernel"].shape[0]
    for i, width in enumerate(widths):
        kernel, bias = params[f"hidden_{i}"]["kernel"], params[f"hidden_{i}"]["bias"]
        hidden.append(Layer(np.ascontiguousarray(kernel[:n_in, :width]), np.ascontiguousarray(bias[:width])))
        n_in = width
    output = params["output"]
    return tuple(hidden), Layer(np.ascontiguousarray(output["kernel"][:n_in]), np.asarray(output["bias"]))


def activations(hidden: Sequence[Layer], x: Any) -> tuple[list[Any], list[Any]]:
    """Affine outputs and activations of every hidden layer.

    x : (n, n_inputs) standardised inputs

    The affine output is taken before batch normalisation and activation, as XenonPy's FrozenFeaturizer does.
    NumPy in, NumPy out; JAX arrays (tracers included) stay in JAX with full float32 products.
    """
    before, after = [], []
    for layer in hidden:
        z = matmul(x, layer.kernel) + layer.bias[None, :]
        before.append(z)
        if layer.scale is not None and layer.shift is not None:
            z = z * layer.scale[None, :] + layer.shift[None, :]
        x = leaky(z)
        after.append(x)
    return before, after


def leaky(z: Any) -> Any:
    """LeakyReLU, NumPy or JAX."""
    return z * ((z >= 0) + (z < 0) * np.float32(NEGATIVE_SLOPE))


def outputs(network: Network, last: Any) -> Any:
    """Standardised predictions (n, n_tasks).

    last : (n, n_last) activations of the last hidden layer
    """
    return matmul(last, network.output.kernel) + network.output.bias[None, :]


def matmul(x: Any, kernel: Any) -> Any:
    """Multiply x by kernel; in JAX never in TF32."""
    if isinstance(x, jax.Array):
        return jnp.matmul(x, kernel, precision=jax.lax.Precision.HIGHEST)
    return x @ kernel
