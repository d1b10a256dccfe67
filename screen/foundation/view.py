"""What foundation networks see in the compounds of a target."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import formula_text, reduce
from kakehashi.catalogs.records import Compositions, FloatArray
from kakehashi.screen.descriptors.element_roots import element_roots
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.foundation.folds import hash_folds, was_seen
from kakehashi.screen.foundation.forward import outputs
from kakehashi.screen.foundation.inputs import foundation_inputs
from kakehashi.screen.foundation.record import Foundation, FoundationNetwork

# The set of networks that saw every formula; fold k is set k + 1.
FULL = 0


class FoundationView(NamedTuple):
    """Columns that one set of networks gives for n compounds.

    name, networks : of the foundation, and the set
    inputs : (n, 384) what the networks see; shares : (n, 94) roots of the shares of elements; all views share them
    layer : (n, width) last hidden layers, scaled
    predictions : (n, k) standardised predictions of the properties
    """

    name: str
    networks: tuple[FoundationNetwork, ...]
    inputs: NDArray[np.float32]
    shares: NDArray[np.float32]
    layer: NDArray[np.floating]
    predictions: FloatArray


class FoundationViews(NamedTuple):
    """Views of the same compounds by every set of networks.

    views : by all formulas, then by each fold
    folds : (n,) hash fold of each compound
    seen : (n,) whether the networks of all formulas saw it
    """

    views: tuple[FoundationView, ...]
    folds: NDArray[np.int64]
    seen: NDArray[np.bool_]


def view_compounds(foundation: Foundation, compositions: Compositions) -> FoundationViews:
    """View compounds with every set of networks."""
    reduced = reduce(compositions)
    roots = element_roots(reduced)
    x = foundation_inputs(foundation.scaling, describe(reduced, foundation.convention), roots)
    views = []
    for networks, scales in zip(foundation.sets, foundation.scales, strict=True):
        seen = outputs(networks, x)
        predictions = np.asarray(seen.predictions, np.float64)
        views.append(FoundationView(foundation.name, networks, x, roots, seen.layer / scales, predictions))
    keys = formula_text(reduced)
    return FoundationViews(tuple(views), hash_folds(keys), was_seen(foundation, keys))
