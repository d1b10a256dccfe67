"""Whether kept networks still compute what they computed when they were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kakehashi.catalogs.models import library as shelf
from kakehashi.screen.cache.keep import UNREADABLE
from kakehashi.screen.cache.machine import machine_kind
from kakehashi.screen.networks.kept import networks_of
from kakehashi.screen.transfer.predictions import predictions_of

# Allowed between kinds of machines, in standard deviations of the property: XLA and BLAS add in another order there.
TOLERANCE = 1e-3


class Verified(NamedTuple):
    """What became of a kept prediction.

    outcome : "bitwise", "close" (another kind of machine), "unchecked" (holds no prediction), "differs" or "damaged"
    difference : largest, in standard deviations of the property; NaN where nothing was compared
    """

    key: str
    outcome: str
    difference: float
    text: str

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with the entry."""
        return self.outcome in ("bitwise", "close", "unchecked")


def verify(key: str, path: Path) -> Verified:
    """Check an entry's checksums, then compute the predictions kept with it again, from the descriptors on."""
    return check(key, shelf.read(path, key))


def check(key: str, found: shelf.StoredEntry) -> Verified:
    """Compute the predictions kept with an entry again."""
    if found.arrays is None or found.card is None:
        return Verified(key, "damaged", float("nan"), found.warning or "it is gone")
    if found.card.get("kind") != "networks":
        transferred = found.card.get("kind") == "model"
        what = "a transferred model" if transferred else "networks of an earlier version, which are not used any more"
        return Verified(key, "unchecked", float("nan"), f"{what}: its checksums are right")
    try:
        library = networks_of(found.arrays)
        (source,) = library.sources
        if source.evidence is None:
            return Verified(key, "unchecked", float("nan"), "its checksums are right; it holds no prediction")
        kept = source.evidence.predictions
        again = predictions_of(source, source.evidence.probe, library.convention)
        if again.shape != kept.shape:
            raise ValueError(f"predictions of shape {kept.shape} for networks that give {again.shape}")
    except UNREADABLE as error:
        return Verified(key, "damaged", float("nan"), f"holds no networks this version can read: {error}")
    count = f"{kept.size:,} predictions of {len(source.networks)} networks"
    if again.tobytes() == kept.tobytes():
        return Verified(key, "bitwise", 0.0, f"{count} computed again, bit by bit")
    difference = float(np.max(np.abs(again.astype(np.float64) - kept)))
    elsewhere = _other_machine(found.card.get("machine", {}))
    size = f"largest difference {difference:.1e} standard deviations"
    if elsewhere and difference <= TOLERANCE:
        return Verified(key, "close", difference, f"{count} computed again: {size}, written on {elsewhere}")
    where = (
        f"written on {elsewhere}, where {TOLERANCE:g} is allowed" if elsewhere else "on the kind of machine it is of"
    )
    return Verified(key, "differs", difference, f"{count} computed again: {size}, {where}")


def _other_machine(written: dict[str, Any]) -> str:
    """What of the machine that wrote an entry is not the same here, "" where all is."""
    here = machine_kind()
    return ", ".join(f"{name} {written.get(name)!s}" for name in here if written.get(name) != here[name])
