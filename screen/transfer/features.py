"""Features of the target's compounds for the heads, computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Crystals, FloatArray, Inputs
from kakehashi.screen.descriptors.kind import ColumnGroup
from kakehashi.screen.descriptors.materials import describe, kind_of
from kakehashi.screen.descriptors.scaling import Scaling, standardise
from kakehashi.screen.foundation.view import FoundationView
from kakehashi.screen.networks.crystal.network import is_structural
from kakehashi.screen.networks.features import frozen_features, trunk
from kakehashi.screen.networks.pyramid import outputs
from kakehashi.screen.networks.source import Library


class Features(NamedTuple):
    """Inputs of the heads for n compounds.

    raw : (n, width) float32 descriptors, not standardised
    layers : per source and network, the scaled frozen features of every hidden layer, (n, width) each
    predictions : (n, tasks of all sources) standardised predictions, averaged over the source's networks
    trunks : per source and network, the input of the last hidden layer, (n, width) float32; empty of crystal graphs
    networks : per source, the networks themselves, `Network`s or `CrystalNetwork`s
    foundation : columns of one set of foundation networks, if any
    groups : blocks of the descriptors
    """

    raw: NDArray[np.float32]
    layers: tuple[tuple[tuple[FloatArray, ...], ...], ...]
    predictions: FloatArray
    trunks: tuple[tuple[NDArray[np.float32], ...], ...]
    networks: tuple[tuple[Any, ...], ...]
    foundation: FoundationView | None = None
    groups: tuple[ColumnGroup, ...] = ()


def compute_features(
    library: Library, inputs: Inputs, networks: Callable[[int], int] = lambda there: there
) -> Features:
    """Compute descriptors, frozen features and source predictions.

    inputs : n compositions, molecules or structures
    networks : of so many of a source, how many serve as frozen features, the first ones; all give the predictions

    Raises
    ------
    ValueError : networks on structures that are given something else.
    """
    raw = describe(inputs, library.convention)
    layers, predictions, trunks = [], [], []
    graphs = None
    for source in library.sources:
        if is_structural(source.networks):
            from kakehashi.screen.networks.crystal.features import graphs_of, look

            if not isinstance(inputs, Crystals):
                raise ValueError(f"source {source.name} needs structures")
            graphs = graphs_of(inputs) if graphs is None else graphs
            seen = look(source.networks, graphs)
            pairs = zip(seen.layers, source.unit_scales, strict=True)
            layers.append([_scaled(features, scales) for features, scales in pairs])
            trunks.append(tuple(np.empty((len(raw), 0), np.float32) for _ in source.networks))
            predictions.append(seen.predictions.mean(axis=0, dtype=np.float64))
            continue
        x = standardise(source.scaling, raw)
        scaled, guesses = [], []
        serving = networks(len(source.networks))
        for k, (network, scales) in enumerate(zip(source.networks, source.unit_scales, strict=True)):
            if k < serving:
                scaled.append(_scaled(frozen_features(network.hidden, x), scales))
            last = frozen_features(network.hidden, x, depth=1, activation="post")[0]
            guesses.append(outputs(network, last))
        layers.append(scaled)
        trunks.append(tuple(np.asarray(trunk(network.hidden, x)) for network in source.networks[:serving]))
        predictions.append(np.mean(guesses, axis=0, dtype=np.float64))
    table = np.hstack(predictions) if predictions else np.empty((len(raw), 0))
    kept = tuple(source.networks[: len(own)] for source, own in zip(library.sources, layers, strict=True))
    return Features(
        raw, tuple(tuple(own) for own in layers), table, tuple(trunks), kept,
        groups=kind_of(inputs).groups(library.convention),
    )  # fmt: skip


def distance_space(features: Features, reference: Scaling) -> NDArray[np.float32]:
    """Place n materials in the space of distances, (n, width).

    The standardised descriptors; of structures, whose descriptors are those of their composition, beside them the
    pooled crystals of all networks, which weigh as much in a distance as the descriptors do.
    """
    x = np.asarray(standardise(reference, features.raw))
    pairs = zip(features.networks, features.layers, strict=True)
    pooled = [own[0] for networks, layers in pairs if is_structural(networks) for own in layers]
    if not pooled:
        return x
    crystals = np.hstack(pooled)
    return np.hstack([x, crystals * np.sqrt(x.shape[1] / crystals.shape[1])]).astype(np.float32)


def _scaled(layers: Sequence[Any], scales: Sequence[NDArray[np.float32]]) -> tuple[FloatArray, ...]:
    return tuple(np.asarray(f / s, np.float64) for f, s in zip(layers, scales, strict=True))
