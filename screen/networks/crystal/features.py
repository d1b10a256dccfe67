"""Frozen features of crystal graph networks.

The pooled crystal and the hidden layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Crystals, UserError
from kakehashi.screen.descriptors.neighbours import Graphs, connect
from kakehashi.screen.networks.crystal.network import CrystalNetwork
from kakehashi.screen.networks.crystal.train import predict


class Seen(NamedTuple):
    """Features and predictions of n crystals.

    layers : per network, pooled crystals and hidden layer, (n, width) each; predictions : (networks, n, 1)
    """

    layers: tuple[tuple[NDArray[np.float32], ...], ...]
    predictions: NDArray[np.float32]


def look(networks: Sequence[CrystalNetwork], graphs: Graphs) -> Seen:
    """Features and standardised predictions of n graphs."""
    outputs = predict(networks, graphs)
    return Seen(tuple((out.pooled, out.hidden) for out in outputs), np.stack([out.prediction for out in outputs]))


def graphs_of(crystals: Crystals) -> Graphs:
    """Graphs of structures that are known to have one.

    Raises
    ------
    UserError : a structure that has none, with the reason.
    """
    connected = connect(crystals)
    if any(connected.reasons):
        row = int(np.flatnonzero(connected.reasons != "")[0])
        raise UserError(f"structure {row + 1} has no crystal graph: {connected.reasons[row]}")
    return connected.graphs
