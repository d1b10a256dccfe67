"""Composition descriptors in float64 NumPy, to check `composition`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs import elements as known
from kakehashi.catalogs.records import Compositions

FloatArray = NDArray[np.float64]


def describe(compositions: Compositions, pooling: tuple[str, ...] = ("ave", "sum", "var", "max", "min")) -> FloatArray:
    """Descriptors (n, columns) float64 for amounts as given.

    Rows without elements are NaN.

    The labels are those of `composition.names`, and so are the conventions of gmean and count.
    """
    table = known.feature_table()
    used = compositions.elements >= 0
    slots = max(1, int(used.sum(axis=1).max(initial=0)))
    used, elements = used[:, :slots], compositions.elements[:, :slots]
    n = np.where(used, compositions.amounts[:, :slots], 0.0)
    total = n.sum(axis=1, keepdims=True)
    w = np.divide(n, total, out=np.full_like(n, np.nan), where=total > 0)
    E = table[np.where(used, elements, 0)]
    ave = np.einsum("rs,rsf->rf", w, E)
    blocks: list[FloatArray] = []
    for name in pooling:
        if name == "ave":
            block = ave
        elif name == "sum":
            block = np.einsum("rs,rsf->rf", n, E)
        elif name == "var":
            block = np.einsum("rs,rsf->rf", w, (E - ave[:, None]) ** 2)
        elif name == "max":
            block = np.where(used[:, :, None], E, -np.inf).max(axis=1)
        elif name == "min":
            block = np.where(used[:, :, None], E, np.inf).min(axis=1)
        elif name == "count":
            block = (n[:, :, None] * (elements[:, :, None] == np.arange(len(table)))).sum(axis=1)
        elif name == "hmean":
            with np.errstate(divide="ignore", invalid="ignore"):
                block = total / np.where(used[:, :, None], n[:, :, None] / E, 0.0).sum(axis=1)
        elif name == "gmean":
            block = _geometric_mean(E, n, w, total)
        else:
            raise ValueError(f"unknown descriptor block {name!r}")
        blocks.append(np.where(total > 0, block, np.nan))
    return np.concatenate(blocks, axis=1)


def _geometric_mean(E: FloatArray, n: FloatArray, w: FloatArray, total: FloatArray) -> FloatArray:
    """Geometric mean by logarithms, without overflow.

    The sign is the parity of negative atoms.
    """
    n = n[:, :, None]
    present = n > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.exp(np.where(present, w[:, :, None] * np.log(np.abs(E)), 0.0).sum(axis=1))
    negative = present & (E < 0)
    odd = np.where(negative, n, 0.0).sum(axis=1) % 2 == 1
    fractional = (negative & (n % 1 > 0)).any(axis=1)
    signed = np.where(odd & (size > 0), np.where(total == 1, -size, np.nan), size)
    return np.where(fractional, np.nan, signed)
