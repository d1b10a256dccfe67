"""What the study of polymers found, before it is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.networks.source import Library
from kakehashi.screen.validation.folds import Folds

CEILING = "same-physics ceiling"


class Role(NamedTuple):
    """A source property: what it is, and where it comes from.

    unit : where the table's own says too little
    large : too large a file to read whole; extensive : grows with the size of the molecule or unit
    """

    what: str
    spec: str
    unit: str = ""
    large: bool = False
    extensive: bool = False


class Draws(NamedTuple):
    """One source over all draws of 19, each judged by cross-validation inside them and on all the others.

    cv, test : (draws, networks) MAE of the paper's forest on each network
    cv_r, test_r : (draws,) correlations of the network with the least cv
    averaged : (draws,) held-out MAE of the mean of all networks' forests; ridge : of ridge heads instead
    first : of the first draw's best network, cross-validated (19,) and held-out predictions
    """

    cv: FloatArray
    test: FloatArray
    cv_r: FloatArray
    test_r: FloatArray
    averaged: FloatArray
    ridge: FloatArray
    first: tuple[FloatArray, FloatArray]

    @property
    def best(self) -> NDArray[np.intp]:
        """(draws,) which network the paper's rule chooses."""
        return np.asarray(np.argmin(self.cv, axis=1), np.intp)


class DrawnSplit(NamedTuple):
    """The rows drawn (19,), all others, and the folds inside the 19."""

    rows: NDArray[np.int64]
    held: NDArray[np.int64]
    folds: Folds


class PolymerResult(NamedTuple):
    """Everything the figures draw; direct : the paper's forest on descriptors, ridge heads on them."""

    target: PropertyTable
    roles: tuple[Role, ...]
    sources: list[PropertyTable]
    library: Library
    splits: list[DrawnSplit]
    found: list[Draws]
    direct: Draws
    parity: tuple[FloatArray, FloatArray]

    @property
    def genuine(self) -> list[tuple[Role, Draws]]:
        """Every source but the ceiling, which no figure may choose."""
        return [(role, one) for role, one in zip(self.roles, self.found, strict=True) if role.what != CEILING]
