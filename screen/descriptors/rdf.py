"""Radial distribution functions of crystals, as in XenonPy.

With dr = r_max / n_bins, column k counts the pairs of sites, all ordered pairs of a site of the cell and any other
site, whose distance lies in the bin from k dr to (k + 1) dr, and divides by the volume of the shell and by the number
density of the cell. Of XenonPy's conventions two are odd:

- "sum" (the default, for parity): the counts of all sites of the cell are added up and not divided by their number,
  so that the function does not tend to 1 but to the number of sites, and a supercell of two cells has it twice;
- "mean" divides by the number of sites: a property of the crystal, whatever cell it is given in.

Columns are named by the upper edge of their bin, as in XenonPy. The 200 columns of its default end at 20 Å; with
n_bins = 150 and r_max = 15 there are 150 with the same bins.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Crystals, UserError
from kakehashi.screen.descriptors.neighbours import pairs_within

Sites = Literal["sum", "mean"]
R_MAX, N_BINS = 20.0, 200
# Pairs at a time: their distances and bins fill 100 MB.
_PAIRS = 4_000_000


def names(r_max: float = R_MAX, n_bins: int = N_BINS) -> tuple[str, ...]:
    """Column labels: upper edges of the bins, in Å.

    >>> names(r_max=0.2, n_bins=2)
    ('0.1', '0.2')
    """
    return tuple(str(float(edge)) for edge in _edges(r_max, n_bins)[1:])


def rdf(crystals: Crystals, r_max: float = R_MAX, n_bins: int = N_BINS, sites: Sites = "sum") -> NDArray[np.float64]:
    """(n, n_bins) radial distribution functions of n structures.

    Raises
    ------
    UserError : an unknown convention, or a range or number of bins that is not positive.
    """
    if sites not in ("sum", "mean"):
        raise UserError(f"expected sites sum or mean, got {sites!r}")
    if not r_max > 0 or n_bins < 1:
        raise UserError(f"expected a positive range and number of bins, got {r_max} and {n_bins}")
    edges = _edges(r_max, n_bins)
    counts = np.zeros((len(crystals.lattices), n_bins))
    for rows, distance in pairs_within(crystals, r_max, _PAIRS):
        # As numpy.histogram, whose last bin is closed.
        bins = np.searchsorted(edges, distance, side="right") - 1
        bins[distance == edges[-1]] = n_bins - 1
        inside = bins < n_bins
        counts += np.bincount(rows[inside] * n_bins + bins[inside], minlength=counts.size).reshape(counts.shape)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    number = np.diff(crystals.sites)
    density = number / np.abs(np.linalg.det(crystals.lattices))
    distribution: NDArray[np.float64] = counts / shells[None, :] / density[:, None]
    if sites == "mean":
        distribution /= number[:, None]
    return distribution


def _edges(r_max: float, n_bins: int) -> NDArray[np.float64]:
    step = r_max / n_bins
    # arange of steps, as in XenonPy: edges such as 0.30000000000000004 decide where a distance on them falls.
    edges: NDArray[np.float64] = np.arange(0, r_max + step, step)[: n_bins + 1]
    return edges
