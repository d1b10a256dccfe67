"""Crystal graphs packed into arrays of fixed sizes.

One compiled program then serves them all.

Crystals are packed in the order given until the next one does not fit. A crystal's features do not depend on its
neighbours in a batch: padding atoms and edges are masked, and sums go over a crystal's own, in their own order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.descriptors.neighbours import Graphs
from kakehashi.screen.networks.crystal.network import Batch


class Room(NamedTuple):
    """Capacity of a batch, one of each free for padding."""

    crystals: int
    atoms: int
    edges: int


# Room of the program that predicts.
USUAL = Room(65, 1025, 16_385)


class Packed(NamedTuple):
    """A batch, and the rows of its crystals."""

    batch: Batch
    rows: NDArray[np.int64]


def pack(graphs: Graphs, rows: NDArray[np.int64], room: Room) -> Iterator[Packed]:
    """Batches of the given rows, in their order.

    Raises
    ------
    ValueError : a crystal larger than the room.
    """
    atoms, edges = np.diff(graphs.atoms)[rows], np.diff(graphs.edges)[rows]
    if len(rows) and (atoms.max() >= room.atoms or edges.max() >= room.edges):
        raise ValueError(f"expected crystals of fewer than {room.atoms} atoms and {room.edges} edges")
    start = held_atoms = held_edges = 0
    for i in range(len(rows)):
        full = i - start == room.crystals - 1
        if full or held_atoms + atoms[i] >= room.atoms or held_edges + edges[i] >= room.edges:
            yield _packed(graphs, rows[start:i], room)
            start, held_atoms, held_edges = i, 0, 0
        held_atoms += atoms[i]
        held_edges += edges[i]
    if start < len(rows):
        yield _packed(graphs, rows[start:], room)


def by_size(graphs: Graphs, usual: Room = USUAL) -> Iterator[tuple[Room, NDArray[np.int64]]]:
    """Rows by the room they need.

    A crystal's room depends on its own size alone.
    """
    sizes = np.maximum(np.diff(graphs.atoms) / (usual.atoms - 1), np.diff(graphs.edges) / (usual.edges - 1))
    doublings = np.ceil(np.log2(np.maximum(sizes, 1.0))).astype(np.int64)
    for power in np.unique(doublings):
        atoms, edges = ((room - 1) * 2 ** int(power) + 1 for room in usual[1:])
        yield Room(usual.crystals, atoms, edges), np.flatnonzero(doublings == power)


def _packed(graphs: Graphs, rows: NDArray[np.int64], room: Room) -> Packed:
    chosen = graphs.take(rows)
    atoms, edges = len(chosen.elements), len(chosen.distance)
    first = np.repeat(chosen.atoms[:-1], np.diff(chosen.edges))
    batch = Batch(
        elements=_filled(chosen.elements, room.atoms, 0, np.int32),
        crystal=_filled(
            np.repeat(np.arange(len(rows)), np.diff(chosen.atoms)), room.atoms, room.crystals - 1, np.int32
        ),
        centre=_filled(chosen.centre + first, room.edges, room.atoms - 1, np.int32),
        neighbour=_filled(chosen.neighbour + first, room.edges, room.atoms - 1, np.int32),
        distance=_filled(chosen.distance, room.edges, 1.0, np.float32),
        real_atom=_filled(np.ones(atoms), room.atoms, 0.0, np.float32),
        real_edge=_filled(np.ones(edges), room.edges, 0.0, np.float32),
    )
    return Packed(batch, rows)


def _filled(values: NDArray[np.generic], size: int, filling: float, kind: type) -> NDArray[np.generic]:
    out: NDArray[np.generic] = np.full(size, filling, kind)
    out[: len(values)] = values
    return out
