"""Frozen features: hidden layers of a pre-trained network.

XenonPy's FrozenFeaturizer takes the affine output of a hidden layer, before batch normalisation and activation,
and concatenates the last `depth` layers, shallow first. Both choices are kept as defaults; "post" takes the
activations instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.networks.pyramid import Layer, activations

Activation = Literal["pre", "post"]
# All hidden layers.
ALL = 0
# Units that hardly vary on the source carry rounding noise, which standardising would blow up.
NEAR_DEAD = 1e-3


def frozen_features(hidden: Sequence[Layer], x: Any, depth: int = ALL, activation: Activation = "pre") -> list[Any]:
    """Features of the last `depth` hidden layers (0: all).

    One (n, width) array per layer, shallow first.

    x : (n, n_inputs) standardised inputs, NumPy or JAX.

    Raises
    ------
    ValueError : depth negative or larger than the number of hidden layers.
    """
    if not 0 <= depth <= len(hidden):
        raise ValueError(f"expected a depth from 0 (all) to {len(hidden)}, got {depth}")
    before, after = activations(hidden, x)
    layers = before if activation == "pre" else after
    return layers[-depth:] if depth else layers


def trunk(hidden: Sequence[Layer], x: Any) -> Any:
    """Input (n, width) of the last hidden layer.

    The part of a network that fine-tuning leaves as it is.
    """
    return activations(hidden[:-1], x)[1][-1] if len(hidden) > 1 else x


def unit_scales(layers: Sequence[NDArray[Any]]) -> tuple[NDArray[np.float32], ...]:
    """Standard deviation of every unit, by layer.

    Measured on source rows; inf for near-dead units.

    A unit counts as near-dead below `NEAR_DEAD` times the median of its layer; dividing by inf drops it.
    """
    scales = []
    for layer in layers:
        spread = np.asarray(layer, np.float64).std(axis=0)
        alive = spread > NEAR_DEAD * max(float(np.median(spread)), 1e-12)
        scales.append(np.where(alive, spread, np.inf).astype(np.float32))
    return tuple(scales)
