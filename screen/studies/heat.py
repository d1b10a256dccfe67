"""Heat maps of descriptors or hidden units beside a property."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.records import FloatArray


class OrderedMap(NamedTuple):
    """A matrix ordered for drawing.

    x : (n, p) ranks of each column in [0, 1], rows by falling value, columns clustered
    y : (n,) these values
    """

    x: FloatArray
    y: FloatArray


def order_map(x: FloatArray, y: FloatArray) -> OrderedMap:
    """Order a matrix (n, p) for drawing.

    Columns that never vary are left out, the others ordered by average linkage of their Euclidean distances, as in
    XenonPy's DescriptorHeatmap.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.stats import rankdata

    x = x[:, np.ptp(x, axis=0) > 0]
    order = np.argsort(-y, kind="stable")
    ranked = (rankdata(x[order], axis=0) - 1) / max(1, len(x) - 1)
    if ranked.shape[1] > 2:
        ranked = ranked[:, leaves_list(linkage(ranked.T, "average"))]
    return OrderedMap(np.asarray(ranked, np.float64), y[order])
