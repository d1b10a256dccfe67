"""Results of the polymer study, before drawing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.networks.source import Library
from kakehashi.screen.validation.folds import Folds

CEILING = "same-physics ceiling"


class Role(NamedTuple):
    """A source property and its table.

    what : the property in words; spec : FILE:COLUMN or the name of an embedded table
    unit : where the table's own says too little
    large : too large a file to read whole
    extensive : grows with the size of the molecule or unit
    """

    what: str
    spec: str
    unit: str = ""
    large: bool = False
    extensive: bool = False


class Draws(NamedTuple):
    """Errors of one source over all draws of 19.

    Each draw is judged by cross-validation inside the 19 and on all the others.

    cv, test : (draws, networks) MAE of the paper's forest on each network
    cv_r, test_r : (draws,) correlations of the network with the least cv
    averaged : (draws,) held-out MAE of the mean of all networks' forests
    ridge : (draws,) of ridge heads instead
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
        """Network the paper's rule chooses in each draw, (draws,)."""
        return np.asarray(np.argmin(self.cv, axis=1), np.intp)


class DrawnSplit(NamedTuple):
    """One draw of 19 materials.

    rows : (19,); held : all others; folds : (19,) inside the 19
    """

    rows: NDArray[np.int64]
    held: NDArray[np.int64]
    folds: Folds


class PolymerResult(NamedTuple):
    """Data of all figures.

    direct : the paper's forest on descriptors, and ridge heads on them
    parity : values of the first source's held-out materials and its networks' predictions
    """

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
