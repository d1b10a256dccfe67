"""Products of mostly-zero descriptors with a model, over the entries that are not zero.

A row of zeros is standardised to some z0, and any other row to z0 + s with s zero wherever the row is, so that

    (z0 + s - c) @ W  =  s @ W + (z0 - c) @ W,

whose last term is known beforehand. Of a fingerprint's 2,048 counts some 40 are not zero. A row's sums run over its
entries in the order of the columns: nothing in them depends on what else is in the batch.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kakehashi.screen.descriptors.scaling import Scaling, standardise
from kakehashi.screen.networks.pyramid import Layer

# Share of zeros above which sums run over the other entries, and rows per batch: fewer would leave the device idle
# between programs, more would pad the last batch with more rows whose results are thrown away.
MOSTLY, ROWS = 0.9, 512

Array = NDArray[np.float32]


def standardised_zeros(scaling: Scaling) -> Array:
    """Standardised row of zeros, (width,)."""
    z: Array = standardise(scaling, np.zeros((1, len(scaling.mean)), np.float32))[0]
    return z


def is_worthwhile(scaling: Scaling, standardised: NDArray[np.floating]) -> bool:
    """True if descriptors are mostly zero, on a CPU.

    standardised : (n, width)
    """
    return jax.default_backend() == "cpu" and bool(np.mean(standardised == standardised_zeros(scaling)) > MOSTLY)


def drop_zeros(raw: Array) -> csr_matrix:
    """Sparse rows of descriptors (n, width)."""
    n, width = raw.shape
    mask = raw != 0
    places = np.flatnonzero(mask)
    ends = np.concatenate([[0], np.cumsum(np.count_nonzero(mask, axis=1))])
    columns = (places % width).astype(np.int32)
    return csr_matrix((raw.reshape(-1)[places], columns, ends.astype(np.int32)), shape=(n, width))


def shift_rows(scaling: Scaling, rows: csr_matrix) -> csr_matrix:
    """Standardised rows less a standardised row of zeros."""
    at = rows.indices
    mean, scale = (np.asarray(part) for part in scaling)
    z = standardise(Scaling(mean[at], scale[at]), rows.data[None, :])[0]
    return csr_matrix((z - standardised_zeros(Scaling(mean, scale))[at], at, rows.indptr), shape=rows.shape)


def zero_products(scaling: Scaling, inputs: NDArray[np.int64], first: Layer) -> Array:
    """Product (padded width,) of a row of zeros with a first layer."""
    return np.asarray(standardised_zeros(scaling)[inputs].astype(np.float64) @ first.kernel, np.float32)


def first_products(part: dict[str, Any], rows: csr_matrix) -> list[Array]:
    """Products (n, padded width) with first layers, less the constant."""
    s = shift_rows(part["scaling"], rows)
    return [s[:, np.asarray(n["inputs"])] @ np.asarray(n["hidden"][0].kernel) for n in part["networks"]]


def fold_block(block: dict[str, Any]) -> dict[str, Any]:
    """Block of heads on descriptors with its constant parts.

    block : scaling, centre (width,), matrix (width, k)
    """
    lean = standardised_zeros(block["scaling"]) - block["centre"]
    return {**block, "constant": lean @ block["matrix"], "lean": 2 * lean, "base": np.sum(lean**2)}


def centred_products(block: dict[str, Any], rows: csr_matrix) -> tuple[Array, Array]:
    """Products (n, k) with a block, less the constant, and squares (n,).

    Distances are from the block's centre.
    """
    s = shift_rows(block["scaling"], rows)
    wide = s.data.astype(np.float64)
    more = csr_matrix((wide * (wide + np.asarray(block["lean"])[s.indices]), s.indices, s.indptr), shape=s.shape)
    squares = more @ np.ones(s.shape[1]) + np.float64(block["base"])
    return s @ np.asarray(block["matrix"]), squares.astype(np.float32)


def prepare_neighbours(scaling: Scaling, training: NDArray[np.floating]) -> dict[str, Any]:
    """Standardised training rows (n, width) in the form `find_nearest` takes."""
    zero = standardised_zeros(scaling)
    differences = csr_matrix(np.asarray(training, np.float32) - zero)
    wide = np.asarray(training, np.float64)
    return {
        "data": differences.data,
        "columns": differences.indices,
        "ends": differences.indptr,
        "matrix": np.ascontiguousarray(-2 * training.T),
        "offset": np.sum(wide**2, axis=1) - 2 * wide @ zero.astype(np.float64),
    }


def find_nearest(scaling: Scaling, known: dict[str, Any], rows: csr_matrix) -> tuple[Array, NDArray[np.int64]]:
    """Distance (n,) to the nearest training row, and its index."""
    s = shift_rows(scaling, rows)
    apart = s @ np.asarray(known["matrix"])
    apart += np.asarray(known["offset"])
    index = np.argmin(apart, axis=1)
    parts = tuple(np.asarray(known[name]) for name in ("data", "columns", "ends"))
    # From the difference, because rounding spoils small distances in the expanded form.
    difference = s - csr_matrix(parts, shape=(apart.shape[1], s.shape[1]))[index]
    return np.sqrt(difference.power(2) @ np.ones(s.shape[1])).astype(np.float32), index
