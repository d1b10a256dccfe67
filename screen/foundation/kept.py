"""Foundation networks as entries of the model library.

Weights have half precision; they are widened when read. No value of any table is kept.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.cache.keep import unpacked
from kakehashi.screen.cache.packing import content_hash, pack
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.foundation.forward import predictions
from kakehashi.screen.foundation.inputs import inputs_of
from kakehashi.screen.foundation.record import Foundation, FoundationNetwork, FoundationTask, NormLayer

KIND = "foundation"
# Formulas whose predictions are stored, so that they can be verified.
PROBED = 8


class StoredFoundation(NamedTuple):
    """A foundation, and predictions to repeat.

    probe : `PROBED` formulas at most
    predictions : (PROBED, sets, k) float32, standardised
    """

    foundation: Foundation
    probe: Compositions
    predictions: NDArray[np.float32]


RECORDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (StoredFoundation, Foundation, FoundationTask, FoundationNetwork, NormLayer, Scaling, Compositions)
}


def with_probe(foundation: Foundation, compositions: Compositions) -> StoredFoundation:
    """Foundation with predictions of some formulas, evenly chosen."""
    chosen = np.unique(np.linspace(0, len(compositions.elements) - 1, PROBED).astype(np.int64))
    probe = compositions.take(chosen)
    return StoredFoundation(foundation, probe, recompute(foundation, probe))


def recompute(foundation: Foundation, probe: Compositions) -> NDArray[np.float32]:
    """Predictions (n, sets, k) of all sets, from the descriptors on."""
    x = inputs_of(foundation.scaling, probe)
    return np.stack([predictions(networks, x) for networks in foundation.sets], axis=1)


def packed(stored: StoredFoundation) -> shelf.Arrays:
    """Pack a foundation whose weights half precision holds."""
    foundation = stored.foundation
    full, folds = jax.tree.map(lambda a: np.asarray(a, np.float16), (foundation.full, foundation.folds))
    return pack(stored._replace(foundation=foundation._replace(full=full, folds=folds)))


def stored_of(arrays: shelf.Arrays) -> StoredFoundation:
    """Unpack an entry of the library.

    Raises
    ------
    UNREADABLE : arrays that hold something else.
    """
    stored: StoredFoundation = unpacked(arrays, StoredFoundation, RECORDS)
    return stored


def keep_foundation(key: str, stored: StoredFoundation, card: dict[str, Any], folder: Path | None = None) -> Path:
    """Keep a foundation for good; its folder.

    folder : of the entries, None for the model library

    Raises
    ------
    UserError : it cannot be written (code 1).
    """
    failed = shelf.store(key, packed(stored), card, replace=True, folder=folder)
    if failed:
        raise UserError(f"foundation {stored.foundation.name}: {failed}", code=1)
    path = (folder or shelf.models_folder()) / key
    if folder is None:
        shelf.keep(path)
    return path


def find_foundation(name: str) -> Foundation:
    """Read foundation networks by name: the newest trained here, else those of the package.

    Raises
    ------
    UserError : none of that name, or they are damaged (code 6).
    """
    entries = _entries(shelf.folders().values())
    found = sorted(
        (entry for entry in entries if entry.name == name),
        key=lambda entry: (entry.path.parent != shelf.SHIPPED, entry.date),
    )
    if not found:
        known = ", ".join(sorted({entry.name for entry in entries}))
        raise UserError(
            f"no foundation networks called {name!r} (known: {known or 'none'}); train some with"
            " `kakehashi models train --foundation DIR`"
        )
    return read_foundation(found[-1].path)


@functools.cache
def shipped_foundation() -> Foundation | None:
    """Read the foundation networks of the package, None where it carries none."""
    newest = _newest_shipped()
    return None if newest is None else read_foundation(newest.path)


def shipped_key(foundation: Foundation) -> str:
    """Key of foundation networks that come with the package, "" of others."""
    newest, shipped = _newest_shipped(), shipped_foundation()
    if newest is None or shipped is None:
        return ""
    same = foundation is shipped or content_hash(foundation) == content_hash(shipped)
    return newest.path.name if same else ""


def read_foundation(path: Path) -> Foundation:
    """Read and verify the entry of a folder; UserError (code 6) for a damaged one."""
    entry = shelf.read(path, path.name)
    if entry.arrays is None:
        raise UserError(entry.warning or f"{path} is gone", code=6)
    return stored_of(entry.arrays).foundation


class _Entry(NamedTuple):
    name: str
    date: str
    path: Path


def _newest_shipped() -> _Entry | None:
    shipped = _entries(shelf.SHIPPED.iterdir()) if shelf.SHIPPED.is_dir() else []
    return max(shipped, key=lambda entry: entry.date, default=None)


def _entries(folders: Iterable[Path]) -> list[_Entry]:
    """List the entries that are foundation networks."""
    entries = []
    for path in folders:
        try:
            card = json.loads((path / shelf.CARD).read_bytes())
            if card["kind"] == KIND:
                entries.append(_Entry(str(card["name"]), str(card["date"]), path))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # `models list` says what is wrong with it
    return entries
