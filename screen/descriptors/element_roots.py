"""Roots of the shares of elements in compositions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.records import Compositions

N_ELEMENTS = len(SYMBOLS)
# Brings roots of element shares to about the size of standardised inputs.
ROOT_SCALE = 3.0


def element_roots(compositions: Compositions) -> NDArray[np.float32]:
    """Root of every element's share, (n, 94) float32.

    Roots, because the first twentieth of an element (a dopant) matters more than the last one.
    """
    slots = compositions.elements
    shares = compositions.amounts / compositions.amounts.sum(axis=1, keepdims=True)
    roots = np.zeros((len(slots), N_ELEMENTS), np.float32)
    row, slot = np.nonzero(slots >= 0)
    roots[row, slots[row, slot]] = np.sqrt(shares[row, slot])
    return roots
