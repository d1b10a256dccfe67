"""Precision of the products of networks in scoring.

    exact     single precision throughout
    balanced  several products of parts of each number, almost single precision, on units that multiply fast
    fast      bfloat16 numbers, products summed in single precision

Networks alone are meant: descriptors, heads, distances, means and spreads are in single precision whatever is asked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import UserError
from kakehashi.screen.device import current
from kakehashi.screen.device_names import EXACT, Precision
from kakehashi.screen.networks.pyramid import matmul

Product = Callable[[Any, Any], Any]

# Products that count as balanced, best first.
PRESETS = ("TF32_TF32_F32_X3", "BF16_BF16_F32_X6", "BF16_BF16_F32_X3")


def check_precision(precision: str) -> None:
    """Refuse an unknown precision, or one the device does not have."""
    if precision not in get_args(Precision):
        raise UserError(f"--precision: expected {', '.join(get_args(Precision))}, got {precision!r}")
    if precision == "balanced":
        describe_products("balanced")


def describe_products(precision: Precision) -> str:
    """Kind of product that a precision stands for on the current device.

    >>> describe_products("fast")
    'BF16_BF16_F32'
    """
    if precision == "fast":
        return "BF16_BF16_F32"
    if precision == EXACT:
        return "F32_F32_F32"
    device = current()
    preset = _find_preset(device)
    if preset is None:
        raise UserError(
            f"--precision balanced: expected a device with one of the products {', '.join(PRESETS)}, as GPUs have;"
            f" {device.device_kind} has none: take exact, or fast for bfloat16"
        )
    return preset


def network_product(precision: Precision) -> Product:
    """Product of inputs (n, k) and a kernel (k, m), in single precision; JAX arrays."""
    if precision == EXACT:
        return matmul
    if precision == "fast":
        return _multiply_short
    preset = jax.lax.DotAlgorithmPreset[describe_products(precision)]
    return functools.partial(jnp.matmul, precision=preset, preferred_element_type=jnp.float32)


def round_kernel(precision: Precision, kernel: NDArray[Any]) -> NDArray[Any]:
    """Kernel as a precision keeps it on the device: half the bytes where `fast`."""
    return kernel.astype(jnp.bfloat16) if precision == "fast" else kernel


def _multiply_short(x: Any, kernel: Any) -> Any:
    short = jnp.bfloat16
    return jnp.matmul(x.astype(short), kernel.astype(short), preferred_element_type=jnp.float32)


@functools.cache
def _find_preset(device: jax.Device) -> str | None:
    """First preset that a device has, None without one.

    A CPU takes the names of some, and computes in single precision.
    """
    if device.platform == "cpu":
        return None
    square = jax.device_put(np.eye(16, dtype=np.float32), device)
    for name in PRESETS:
        try:
            jnp.matmul(square, square, precision=jax.lax.DotAlgorithmPreset[name]).block_until_ready()
        except (ValueError, NotImplementedError, jax.errors.JaxRuntimeError):
            continue
        return name
    return None
