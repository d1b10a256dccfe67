"""Arrays of a program in one argument per kind of number.

Networks and heads of a group are some four hundred arrays. A GPU may compute a batch in less time than a host takes to
hand so many over; packed, they are two or three, and the program cuts them apart again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np


class Piece(NamedTuple):
    """Place of an array: kind of number, first number, and shape."""

    kind: str
    start: int
    shape: tuple[int, ...]


@jax.tree_util.register_pytree_node_class
class Packed:
    """Tree of arrays as one array per kind of number; a pytree of these alone.

    flat : (numbers,) by kind; pieces : of the leaves in order; structure : of the tree
    """

    def __init__(self, flat: dict[str, Any], pieces: tuple[Piece, ...], structure: Any) -> None:
        self.flat, self.pieces, self.structure = flat, pieces, structure

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Arrays, and what is static."""
        kinds = tuple(sorted(self.flat))
        return tuple(self.flat[kind] for kind in kinds), (kinds, self.pieces, self.structure)

    @classmethod
    def tree_unflatten(cls, static: Any, arrays: Any) -> Packed:
        """Inverse of `tree_flatten`."""
        kinds, pieces, structure = static
        return cls(dict(zip(kinds, arrays, strict=True)), pieces, structure)


def pack(tree: Any) -> Packed:
    """Pack the arrays of a tree; integers and floating-point numbers of the widths they have."""
    leaves, structure = jax.tree.flatten(tree)
    parts: dict[str, list[np.ndarray[Any, Any]]] = {}
    sizes: dict[str, int] = {}
    pieces = []
    for leaf in map(np.asarray, leaves):
        kind = leaf.dtype.name
        pieces.append(Piece(kind, sizes.get(kind, 0), leaf.shape))
        parts.setdefault(kind, []).append(leaf.reshape(-1))
        sizes[kind] = sizes.get(kind, 0) + leaf.size
    return Packed({kind: np.concatenate(each) for kind, each in parts.items()}, tuple(pieces), structure)


def unpack(tree: Any) -> Any:
    """Tree of a `Packed`, inside a program or outside; any other tree as it is."""
    if not isinstance(tree, Packed):
        return tree
    leaves = []
    for kind, start, shape in tree.pieces:
        size = int(np.prod(shape, dtype=np.int64))
        leaves.append(tree.flat[kind][start : start + size].reshape(shape))
    return jax.tree.unflatten(tree.structure, leaves)
