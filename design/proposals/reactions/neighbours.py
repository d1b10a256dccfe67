"""Neighbours of building blocks by structural similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.proposals.reactions.derivations import IntArray
from kakehashi.design.proposals.reactions.space import Space

NEIGHBOURS = 10


class Neighbours:
    """Most similar blocks of the same group, in both directions.

    j is i's neighbour where i is j's.

    near : (pairs,) blocks; start : (blocks + 1,) where each block's neighbours begin; sorted within a block
    """

    def __init__(self, space: Space, number: int = NEIGHBOURS) -> None:
        pairs: set[tuple[int, int]] = set()
        for first, count in zip(space.first, space.count, strict=True):
            if count < 2:
                continue
            closest = _closest([space.blocks[i].molecule.smiles for i in range(first, first + count)], number)
            for i, row in enumerate(closest):
                pairs |= {(first + i, first + int(j)) for j in row} | {(first + int(j), first + i) for j in row}
        ordered = np.array(sorted(pairs), np.int64).reshape(-1, 2)
        self.near = ordered[:, 1]
        self.start = np.searchsorted(ordered[:, 0], np.arange(len(space.blocks) + 1))
        self.degree = np.diff(self.start)
        self._pairs = pairs

    def linked(self, a: IntArray, b: IntArray) -> NDArray[np.bool_]:
        """Mask (n,) of the pairs of blocks that are neighbours."""
        return np.array([(int(i), int(j)) in self._pairs for i, j in zip(a, b, strict=True)], bool)


def _closest(smiles: list[str], number: int) -> IntArray:
    """Indices (n, at most `number`) of the nearest others.

    By Tanimoto similarity of Morgan fingerprints of radius 2.
    """
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    bits = np.array([make.GetFingerprintAsNumPy(Chem.MolFromSmiles(text)) for text in smiles], np.float32)
    shared = bits @ bits.T
    on = bits.sum(axis=1)
    similarity = shared / np.maximum(on[:, None] + on[None, :] - shared, 1.0)
    np.fill_diagonal(similarity, -1.0)
    return np.argsort(-similarity, axis=1, kind="stable")[:, : min(number, len(smiles) - 1)]
