"""Networks of an unfinished training, each kept as it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from kakehashi.catalogs.models import library as shelf
from kakehashi.screen.cache.keep import UNREADABLE, unpacked
from kakehashi.screen.cache.packing import content_hash, pack
from kakehashi.screen.foundation.record import FoundationNetwork, NormLayer

RECORDS: dict[str, type] = {kind.__name__: kind for kind in (FoundationNetwork, NormLayer)}


class Part(NamedTuple):
    """A network of a set, and whether it was there already.

    warning : why a kept one could not be read, or a new one not kept
    """

    network: FoundationNetwork
    reused: bool
    warning: str = ""


def trained_or_kept(folder: Path, run: str, place: tuple[int, int], train: Callable[[], FoundationNetwork]) -> Part:
    """Read a network of a run, or train and keep it.

    run : hash of what decides the networks; place : number of the set, and of the network in it
    """
    key = content_hash({"run": run, "place": place})
    entry = shelf.read(folder / key, key)
    warning = entry.warning
    if entry.arrays is not None:
        try:
            return Part(unpacked(entry.arrays, FoundationNetwork, RECORDS), True)
        except UNREADABLE as error:
            warning = f"{folder / key} cannot be read ({error}): trained again"
    network = train()
    card = {"kind": "foundation part", "run": run, "set": place[0], "number": place[1]}
    failed = shelf.store(key, pack(network), card, replace=bool(warning), folder=folder)
    return Part(network, False, "; ".join(text for text in (warning, failed) if text))


def remove_parts(folder: Path) -> None:
    """Remove the networks of a training that has ended, and the folder of such folders if it is empty."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()
