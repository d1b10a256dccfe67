"""Standardisation of descriptors and targets.

Fitted on the source rows and stored with the model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

# Inputs further out than this many standard deviations carry no more information about where the
# source data end; unclamped, one 400-atom formula dominates every linear combination.
CLAMP = 6.0


class Scaling(NamedTuple):
    """Means and scales of columns.

    A column that never varies has scale inf, so that it standardises to zero.

    mean, scale : (width,) float32
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]


def fit_scaling(x: NDArray[np.floating]) -> Scaling:
    """Fit means and standard deviations of columns (n, width).

    >>> fit_scaling(np.array([[1.0, 2.0], [3.0, 2.0]])).scale.tolist()
    [1.0, inf]
    """
    wide = np.asarray(x, dtype=np.float64)
    mean, scale = wide.mean(axis=0), wide.std(axis=0)
    # Relative, so that rounding noise in a constant column does not count as variation.
    scale = np.where(scale > 1e-6 * np.maximum(1e-6, np.abs(mean)), scale, np.inf)
    return Scaling(mean.astype(np.float32), scale.astype(np.float32))


def standardise(scaling: Scaling, x: Any) -> Any:
    """Standardise x (n, width), clamped to ±`CLAMP`.

    NumPy or JAX as given.
    """
    z = (x - scaling.mean[None, :]) / scaling.scale[None, :]
    return jnp.clip(z, -CLAMP, CLAMP) if isinstance(z, jax.Array) else np.clip(z, -CLAMP, CLAMP)


def signed_logarithm(x: Any) -> Any:
    """Signed logarithms `sign(x) ln(1 + |x|)`, NumPy or JAX as given.

    >>> signed_logarithm(np.array([0.0, np.e - 1, 1 - np.e])).tolist()
    [0.0, 1.0, -1.0]
    """
    ops: Any = jnp if isinstance(x, jax.Array) else np
    return ops.sign(x) * ops.log1p(ops.abs(x))
