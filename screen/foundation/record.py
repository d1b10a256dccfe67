"""Records of foundation networks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.descriptors.scaling import Scaling

# Parts into which formulas are dealt by their hash.
FOLDS = 5


class FoundationTask(NamedTuple):
    """A property that the networks learned.

    table, column : file or embedded table of its values, and the column in it; source : citation
    transform : "identity", "ln", "signed log" or "share"
    width : divisor inside the signed logarithm, else 1
    centre, scale : of the transformed values
    rows : number of formulas with a value
    alias : number of its group of tasks that are one quantity
    """

    name: str
    table: str
    column: str
    quantity: str
    unit: str
    transform: str
    centre: float
    scale: float
    width: float
    rows: int
    source: str
    licence: str
    alias: int


class NormLayer(NamedTuple):
    """Hidden layer `silu(layer_norm(x @ kernel) * gain + shift)`.

    kernel : (n_in, n_out); gain, shift : (n_out,)
    """

    kernel: Any
    gain: Any
    shift: Any


class FoundationNetwork(NamedTuple):
    """Hidden layers, and linear outputs from the last.

    kernel : (n_last, k); bias : (k,)
    """

    hidden: tuple[NormLayer, ...]
    kernel: Any
    bias: Any


class Foundation(NamedTuple):
    """Networks of k tasks that saw all formulas, and others that saw no formula of a fold.

    scaling : of the signed logarithms of descriptors
    full : networks that saw every formula
    folds : per hash fold, networks that never saw it
    scales : of `full`, then of each fold: standard deviations (width,) of the last hidden layers, on training rows
    formulas : (n,) sorted uint64 hashes of the reduced formulas that were seen
    errors : (k, 5) mean absolute errors of a fold's networks, averaged, on the formulas of the fold, standardised
    training_errors : (k, 5) the same on their training rows; NaN where there is no row
    convention : of the amounts behind the descriptors
    """

    name: str
    tasks: tuple[FoundationTask, ...]
    scaling: Scaling
    full: tuple[FoundationNetwork, ...]
    folds: tuple[tuple[FoundationNetwork, ...], ...]
    scales: tuple[NDArray[np.float32], ...]
    formulas: NDArray[np.uint64]
    errors: NDArray[np.float64]
    training_errors: NDArray[np.float64]
    convention: str

    def __repr__(self) -> str:
        names = ", ".join(task.name for task in self.tasks[:6])
        more = f" and {len(self.tasks) - 6} more" if self.tasks[6:] else ""
        count = sum(len(networks) for networks in self.sets)
        return (
            f"Foundation {self.name}: {count} networks of {len(self.tasks)} properties, {len(self.formulas):,} formulas"
            f" ({self.convention})\n  {names}{more}"
        )

    @property
    def sets(self) -> tuple[tuple[FoundationNetwork, ...], ...]:
        """Sets of networks in the order of `scales`."""
        return (self.full, *self.folds)
