"""Results of the refractive index study, before drawing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.networks.source import Library
from kakehashi.screen.studies.fits import Fit
from kakehashi.screen.studies.refractive.coverage import ElementCoverage, Excess, SplitError
from kakehashi.screen.transfer.fit import Model


class Direction(NamedTuple):
    """Transfer from one source to one target table.

    own : fit of the source's networks on its own held-out materials
    alone : (n,) their predictions of the target, none of which they saw
    forests, direct_forests : fits of the paper's random forest per drawn test set, on the last hidden layer of one
        network and on the descriptors
    by_networks, by_stack : errors inside and outside the source's elements, of the networks alone and of the stack
    excess : how much more the networks err than the stack does, on either side
    """

    source: PropertyTable
    target: PropertyTable
    library: Library
    own: Fit
    alone: FloatArray
    forests: tuple[Fit, ...]
    direct_forests: tuple[Fit, ...]
    model: Model
    coverage: ElementCoverage
    by_networks: SplitError
    by_stack: SplitError
    excess: Excess


class RefractiveResult(NamedTuple):
    """Data of all figures.

    there, back : from inorganic to each organic table, and from each to inorganic
    place : (m, 2) map of descriptors; kind : (m,) index of each point's table
    """

    inorganic: PropertyTable
    organic: list[PropertyTable]
    there: list[Direction]
    back: list[Direction]
    place: FloatArray
    kind: NDArray[np.int64]
