"""Neighbours of the sites of crystal structures.

Xie & Grossman (2018) connect every atom with its 12 nearest neighbours within 8 Å (the defaults of their published
code, which takes the first 12 of a list sorted by distance). Where the 12th and the 13th are equally far, which one is
taken depends on the order of the sites: in body-centred cubic iron (8 + 6 neighbours) 4 of the second 6 would be
chosen by chance, and a rotated or enlarged cell would be another graph. Here the shell of the 12th neighbour is taken
whole: all sites no further than the 12th plus `TIE`. An atom with fewer than 12 within 8 Å keeps those it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Crystals, FloatArray, ragged

NEAREST, RADIUS = 12, 8.0
# Å. Above the rounding of coordinates with six decimals (1e-5), below the distortions of real structures.
TIE = 1e-3
# Å. Atoms closer than this are an error: the shortest bond, of H2, has 0.74.
TOO_CLOSE = 0.5

Ints = NDArray[np.int64]


class Graphs(NamedTuple):
    """Atoms and edges of n crystal graphs, one after the other.

    atoms, edges : (n + 1,) int64 offsets; elements : (atoms,) int16 into the 94 tabulated elements
    centre, neighbour : (edges,) int32 atoms of an edge, counted from the first of their crystal; sorted by centre
    distance : (edges,) float32 in Å
    """

    atoms: Ints
    edges: Ints
    elements: NDArray[np.int16]
    centre: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    distance: NDArray[np.float32]

    def take(self, rows: NDArray[np.integer]) -> Graphs:
        """The given graphs."""
        atoms, edges = ragged(self.atoms, rows), ragged(self.edges, rows)
        return Graphs(
            _offsets(np.diff(self.atoms)[rows]),
            _offsets(np.diff(self.edges)[rows]),
            self.elements[atoms],
            self.centre[edges],
            self.neighbour[edges],
            self.distance[edges],
        )


class Connected(NamedTuple):
    """Graphs of the structures that have one, and n reasons.

    A reason is "" where a structure has a graph.
    """

    graphs: Graphs
    reasons: NDArray[np.object_]


def connect(crystals: Crystals, nearest: int = NEAREST, radius: float = RADIUS) -> Connected:
    """Connect neighbours to graphs of n structures.

    A structure whose atoms overlap or have no neighbours has a reason instead.
    """
    n = len(crystals.lattices)
    reasons = np.full(n, "", dtype=object)
    centres, neighbours, distances, sizes = [], [], [], []
    for i in range(n):
        centre, neighbour, distance = _within(crystals, i, radius)
        chosen = _nearest(centre, distance, crystals.sites[i + 1] - crystals.sites[i], nearest)
        alone = np.setdiff1d(np.arange(crystals.sites[i + 1] - crystals.sites[i]), centre)
        if len(distance) and distance.min() < TOO_CLOSE:
            reasons[i] = f"two atoms are {distance.min():.2f} Å apart"
        elif len(alone):
            reasons[i] = f"{len(alone)} of its atoms have no neighbour within {radius:g} Å"
        else:
            centres.append(centre[chosen])
            neighbours.append(neighbour[chosen])
            distances.append(distance[chosen])
            sizes.append(len(chosen))
    good = np.flatnonzero(reasons == "")
    atoms = ragged(crystals.sites, good)
    graphs = Graphs(
        _offsets(np.diff(crystals.sites)[good]),
        _offsets(np.array(sizes, np.int64)),
        crystals.elements[atoms],
        np.concatenate([np.empty(0, np.int64), *centres]).astype(np.int32),
        np.concatenate([np.empty(0, np.int64), *neighbours]).astype(np.int32),
        np.concatenate([np.empty(0), *distances]).astype(np.float32),
    )
    return Connected(graphs, reasons)


def pairs_within(crystals: Crystals, radius: float, budget: int) -> Iterator[tuple[Ints, FloatArray]]:
    """Structure and distance of ordered pairs of sites, in chunks.

    budget : pairs per chunk, at least
    """
    rows: list[Ints] = []
    distances: list[FloatArray] = []
    held = 0
    for i in range(len(crystals.lattices)):
        distance = _within(crystals, i, radius)[2]
        rows.append(np.full(len(distance), i))
        distances.append(distance)
        held += len(distance)
        if held >= budget:
            yield np.concatenate(rows), np.concatenate(distances)
            rows, distances, held = [], [], 0
    if rows:
        yield np.concatenate(rows), np.concatenate(distances)


def _nearest(centre: Ints, distance: FloatArray, sites: int, nearest: int) -> Ints:
    """Indices of each site's nearest neighbours, last shell whole.

    Sorted by site and distance.
    """
    order = np.lexsort((distance, centre))
    counts = np.bincount(centre, minlength=sites)
    starts = np.cumsum(counts) - counts
    last = np.minimum(counts, nearest) - 1
    reach = np.full(sites, -np.inf)
    some = counts > 0
    reach[some] = distance[order][(starts + last)[some]] + TIE
    return order[distance[order] <= reach[centre[order]]]


def _within(crystals: Crystals, i: int, radius: float) -> tuple[Ints, Ints, FloatArray]:
    """Centre, neighbour and distance of pairs within the radius.

    A site is no neighbour of itself.
    """
    from pymatgen.optimization.neighbors import find_points_in_spheres

    cell = slice(crystals.sites[i], crystals.sites[i + 1])
    lattice = np.ascontiguousarray(crystals.lattices[i])
    # Inside the cell: the search loses pairs of sites that are many cells away.
    places = np.ascontiguousarray((crystals.positions[cell] % 1.0) @ lattice)
    pbc = np.ones(3, dtype=np.int64)
    centre, neighbour, image, distance = find_points_in_spheres(
        places, places, r=float(radius), pbc=pbc, lattice=lattice, tol=1e-8
    )
    different = (centre != neighbour) | (image != 0).any(axis=1)
    return centre[different], neighbour[different], distance[different]


def _offsets(sizes: NDArray[np.integer]) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
