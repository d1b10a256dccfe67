"""Held-out evidence of crystal graph networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Crystals
from kakehashi.screen.networks.crystal.features import graphs_of, look
from kakehashi.screen.networks.crystal.network import CrystalNetwork
from kakehashi.screen.networks.evidence import METRICS, PROBED, Evidence, errors


def collect(
    networks: Sequence[CrystalNetwork],
    watched: Sequence[NDArray[np.int64]],
    predicted: NDArray[np.float32],
    y: NDArray[np.float64],
    scale: float,
    crystals: Crystals,
) -> Evidence:
    """Errors of every network on its held-out crystals.

    Parameters
    ----------
    watched : per network, rows of these crystals.
    predicted, y : (networks, n, 1) and (n,) standardised predictions and values.
    scale : standard deviation of the fitted values.
    crystals : all n.
    """
    scores = np.full((len(networks), 1, len(METRICS)), np.nan)
    for i, rows in enumerate(watched):
        scores[i, 0] = errors(y[rows] * scale, predicted[i, rows, 0].astype(np.float64) * scale)
    probe = crystals.take(np.unique(np.linspace(0, len(y) - 1, PROBED).astype(np.int64)))
    counts = np.array([[len(rows)] for rows in watched], np.int64)
    return Evidence(counts, scores, probe, predictions(networks, probe))


def predictions(networks: Sequence[CrystalNetwork], crystals: Crystals) -> NDArray[np.float32]:
    """Standardised predictions (n, m, 1) of m networks for structures."""
    return np.ascontiguousarray(look(networks, graphs_of(crystals)).predictions.transpose(1, 0, 2))
