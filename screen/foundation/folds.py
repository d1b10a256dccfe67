"""Folds of formulas by a stable hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.foundation.record import FOLDS, Foundation


def formula_hash(keys: Iterable[str]) -> NDArray[np.uint64]:
    """Hash reduced formulas, (n,) uint64.

    Eight bytes of BLAKE2b, the lowest first: the same on every machine.

    >>> formula_hash(["TiO2"]).tolist()
    [3706282886877696232]
    """
    digests = b"".join(hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def hash_folds(keys: Iterable[str]) -> NDArray[np.int64]:
    """Deal reduced formulas to folds, (n,) int64 from 0 to 4."""
    return (formula_hash(keys) % np.uint64(FOLDS)).astype(np.int64)


def was_seen(foundation: Foundation, keys: Iterable[str]) -> NDArray[np.bool_]:
    """Tell which reduced formulas the networks of all formulas saw, (n,)."""
    return np.isin(formula_hash(keys), foundation.formulas)
