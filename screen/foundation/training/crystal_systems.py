"""Crystal systems of formulas: shares of their entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.reading.column_names import fold

SYSTEMS = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")
# The last space group of each system (International Tables for Crystallography, volume A).
LAST_GROUPS = (2, 15, 74, 142, 167, 194, 230)
_NAMES = frozenset(
    {"spacegroup", "spacegroupnumber", "spacegroupno", "sg", "sgnumber", "sgnum", "spg", "spgnum", "spgnumber"}
)


def is_space_group(name: str) -> bool:
    """Tell whether a column's name means space groups.

    >>> is_space_group("spg_num"), is_space_group("Space Group Number"), is_space_group("spacing")
    (True, True, False)
    """
    return fold(name) in _NAMES


def system_of(groups: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the crystal system of space groups (n,), -1 for what is none.

    >>> system_of(np.array([1, 3, 225, 231, np.nan])).tolist()
    [0, 1, 6, -1, -1]
    """
    valid = (groups == np.floor(groups)) & (groups >= 1) & (groups <= LAST_GROUPS[-1])
    systems = np.searchsorted(np.array(LAST_GROUPS), np.where(valid, groups, 1))
    return np.where(valid, systems, -1).astype(np.int64)


def system_shares(keys: Sequence[str], systems: NDArray[np.int64]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Share of every system among the rows of a formula.

    keys : (n,) formulas; systems : (n,) numbers from 0

    Returns the m distinct formulas, by first appearance, and (m, 7) shares.

    >>> system_shares(["TiO2", "MgO", "TiO2"], np.array([3, 6, 2]))[1][0].tolist()
    [0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0]
    """
    place: dict[str, int] = {}
    group = np.array([place.setdefault(key, len(place)) for key in keys], np.int64)
    counts = np.zeros((len(place), len(SYSTEMS)))
    np.add.at(counts, (group, systems), 1.0)
    return tuple(place), counts / counts.sum(axis=1, keepdims=True)
