"""Verify that stored networks still give their stored predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kakehashi.catalogs.models import library as shelf
from kakehashi.screen.cache.keep import UNREADABLE
from kakehashi.screen.cache.machine import machine_kind
from kakehashi.screen.foundation.kept import KIND as FOUNDATION
from kakehashi.screen.foundation.kept import recompute, stored_of
from kakehashi.screen.networks.kept import networks_of
from kakehashi.screen.transfer.predictions import predictions_of

# Allowed between kinds of machines, in standard deviations of the property: XLA and BLAS add in another order there.
TOLERANCE = 1e-3


class Verified(NamedTuple):
    """Outcome of verifying one entry of the library.

    outcome : "bitwise", "close" (another kind of machine), "unchecked" (holds no prediction), "differs" or "damaged"
    difference : largest, in standard deviations of the property; NaN where nothing was compared
    """

    key: str
    outcome: str
    difference: float
    text: str

    @property
    def sound(self) -> bool:
        """Nothing is wrong with the entry."""
        return self.outcome in ("bitwise", "close", "unchecked")


def verify(key: str, path: Path) -> Verified:
    """Check an entry's checksums and its stored predictions."""
    return verify_arrays(key, shelf.read(path, key))


def verify_arrays(key: str, entry: shelf.StoredEntry) -> Verified:
    """Recompute an entry's stored predictions, from the descriptors on."""
    if entry.arrays is None or entry.card is None:
        return Verified(key, "damaged", float("nan"), entry.warning or "it is gone")
    foundation = entry.card.get("kind") == FOUNDATION
    if not foundation and entry.card.get("kind") != "networks":
        transferred = entry.card.get("kind") == "model"
        what = "a transferred model" if transferred else "networks of an earlier version, which are not used any more"
        return Verified(key, "unchecked", float("nan"), f"{what}: its checksums are right")
    try:
        if foundation:
            stored = stored_of(entry.arrays)
            predictions, recomputed = stored.predictions, recompute(stored.foundation, stored.probe)
            networks = sum(map(len, stored.foundation.sets))
        else:
            library = networks_of(entry.arrays)
            (source,) = library.sources
            if source.evidence is None:
                return Verified(key, "unchecked", float("nan"), "its checksums are right; it holds no prediction")
            predictions = source.evidence.predictions
            recomputed = predictions_of(source, source.evidence.probe, library.convention)
            networks = len(source.networks)
        if recomputed.shape != predictions.shape:
            raise ValueError(f"predictions of shape {predictions.shape} for networks that give {recomputed.shape}")
    except UNREADABLE as error:
        return Verified(key, "damaged", float("nan"), f"holds no networks this version can read: {error}")
    count = f"{predictions.size:,} predictions of {networks} networks"
    if recomputed.tobytes() == predictions.tobytes():
        return Verified(key, "bitwise", 0.0, f"{count} computed again, bit by bit")
    difference = float(np.max(np.abs(recomputed.astype(np.float64) - predictions)))
    elsewhere = _other_machine(entry.card.get("machine", {}))
    size = f"largest difference {difference:.1e} standard deviations"
    if elsewhere and difference <= TOLERANCE:
        return Verified(key, "close", difference, f"{count} computed again: {size}, written on {elsewhere}")
    where = (
        f"written on {elsewhere}, where {TOLERANCE:g} is allowed" if elsewhere else "on the kind of machine it is of"
    )
    return Verified(key, "differs", difference, f"{count} computed again: {size}, {where}")


def _other_machine(written: dict[str, Any]) -> str:
    """List how this machine differs from the one that wrote an entry.

    Empty where nothing differs.
    """
    here = machine_kind()
    return ", ".join(f"{name} {written.get(name)!s}" for name in here if written.get(name) != here[name])
