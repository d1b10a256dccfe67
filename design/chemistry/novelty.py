"""Novelty of proposals: how unlike the known polymers they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.descriptors.likeness import likeness
from kakehashi.screen.descriptors.repeat_unit import compute

# Counts of environments of radius 3 in the endless chain, per repeat unit.
_COUNTS = "ecfp6@ring"
LEAST = 0.001
"""Novelty of a new chain whose environments are those of a known one: only the same chain has 0."""


class KnownPolymers:
    """Known polymers, which proposals are compared with.

    keys : canonical repeat units of `catalogs.molecules.polymers`

    Examples
    --------
    >>> KnownPolymers(["*CC*", "*CC(*)C"]).nearest(["*CC*"])
    (['*CC*'], array([0.]))
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(dict.fromkeys(key for key in keys if key))
        self._counts = _counted(self.keys)

    def nearest(self, keys: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
        """Most similar known polymer of each key, and the novelty (n,), 0 for the same chain and at most 1.

        One minus the sum of minima over the sum of maxima of the counts; "" and 1 where no polymer is known.
        """
        if not self.keys:
            return [""] * len(keys), np.ones(len(keys))
        known = {key: place for place, key in enumerate(self.keys)}
        names, novelty = [], np.zeros(len(keys))
        for row, (key, counts) in enumerate(zip(keys, _counted(keys), strict=True)):
            if key in known:
                names.append(key)
                continue
            alike = likeness(counts, self._counts)
            names.append(self.keys[int(np.argmax(alike))])
            novelty[row] = max(LEAST, 1.0 - float(alike.max()))
        return names, novelty


def _counted(keys: Sequence[str]) -> NDArray[np.float64]:
    return np.asarray(compute(list(keys), _COUNTS), np.float64)
