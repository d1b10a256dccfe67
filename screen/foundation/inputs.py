"""Inputs of foundation networks: scaled descriptors and roots of element shares."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions
from kakehashi.screen.descriptors.element_roots import ROOT_SCALE, element_roots
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.descriptors.registry import DEFAULT_CONVENTION
from kakehashi.screen.descriptors.scaling import Scaling, fit_scaling, signed_logarithm, standardise

CONVENTION = DEFAULT_CONVENTION


def foundation_scaling(raw: NDArray[np.float32]) -> Scaling:
    """Scaling of the signed logarithms of descriptors (n, 290)."""
    return fit_scaling(signed_logarithm(raw))


def foundation_inputs(scaling: Scaling, raw: Any, roots: Any) -> Any:
    """Inputs (n, 290 + 94) of the networks, NumPy or JAX as given.

    raw : (n, 290) descriptors of reduced formulas; roots : (n, 94) as `element_roots`
    """
    stack = jnp.hstack if isinstance(raw, jax.Array) else np.hstack
    return stack([standardise(scaling, signed_logarithm(raw)), roots * np.float32(ROOT_SCALE)]).astype(np.float32)


def inputs_of(scaling: Scaling, compositions: Compositions) -> NDArray[np.float32]:
    """Inputs (n, 384) of compositions, from the descriptors on."""
    raw = describe(compositions, CONVENTION)
    inputs: NDArray[np.float32] = foundation_inputs(scaling, raw, element_roots(compositions))
    return inputs
