"""Everything the heads may look at for the target's compounds, computed once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import Inputs
from screen.descriptors.materials import describe
from screen.frozen import frozen_features, trunk
from screen.library import Library
from screen.networks import Network, outputs
from screen.scaling import standardise

FloatArray = NDArray[np.float64]


class Bank(NamedTuple):
    """Inputs of the heads for n compounds.

    raw : (n, width) float32 descriptors, not standardised
    layers : per source and network, the scaled frozen features of every hidden layer, (n, width) each
    predictions : (n, tasks of all sources) standardised predictions, averaged over the source's networks
    trunks : per source and network, what enters the last hidden layer, (n, width) float32
    networks : per source, the networks themselves
    """

    raw: NDArray[np.float32]
    layers: tuple[tuple[tuple[FloatArray, ...], ...], ...]
    predictions: FloatArray
    trunks: tuple[tuple[NDArray[np.float32], ...], ...]
    networks: tuple[tuple[Network, ...], ...]


def fill(library: Library, inputs: Inputs) -> Bank:
    """Descriptors, frozen features and source predictions of n compositions or molecules."""
    raw = describe(inputs, library.convention)
    layers, predictions, trunks = [], [], []
    for source in library.sources:
        x = standardise(source.scaling, raw)
        scaled, guesses = [], []
        for network, scales in zip(source.networks, source.unit_scales, strict=True):
            features = frozen_features(network.hidden, x)
            scaled.append(tuple(np.asarray(f / s, np.float64) for f, s in zip(features, scales, strict=True)))
            last = frozen_features(network.hidden, x, depth=1, activation="post")[0]
            guesses.append(outputs(network, last))
        layers.append(tuple(scaled))
        trunks.append(tuple(np.asarray(trunk(network.hidden, x)) for network in source.networks))
        predictions.append(np.mean(guesses, axis=0, dtype=np.float64))
    table = np.hstack(predictions) if predictions else np.empty((len(raw), 0))
    return Bank(raw, tuple(layers), table, tuple(trunks), tuple(source.networks for source in library.sources))
