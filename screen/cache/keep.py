"""Cache of trained networks and models, by content hash.

All entries pass here: their keys share the facts about the machine, and an unreadable one is built again,
with a warning.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax

from kakehashi.catalogs.models import library as shelf
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.cache.machine import PACKAGES
from kakehashi.screen.cache.packing import unpack
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.device import current

# Errors of arrays that another version or program packed.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, MemoryError)

Records = Mapping[str, type]


def find(key: str, kind: type, records: Records) -> tuple[shelf.StoredEntry, Any, str]:
    """Look up an entry: what was found, its value, a warning.

    The value is None where it has to be computed.
    """
    entry = shelf.find(key)
    if entry.arrays is None:
        return entry, None, entry.warning
    try:
        value = unpacked(entry.arrays, kind, records)
    except UNREADABLE as error:
        return entry, None, f"{shelf.models_folder() / key} cannot be read ({error}): not used, built again"
    return entry, value, ""


def unpacked(arrays: shelf.Arrays, kind: type, records: Records) -> Any:
    """Unpack a value of a kind.

    Raises one of `UNREADABLE` where an entry holds something else.
    """
    value = unpack(arrays, records)
    if not isinstance(value, kind):
        raise ValueError(f"holds a {type(value).__name__}")
    return value


def keep(key: str, arrays: shelf.Arrays, card: dict[str, Any], entry: shelf.StoredEntry, warning: str) -> Checkpoint:
    """Store arrays and card under a key.

    An entry of another version is left alone, with a warning.

    entry, warning : what `find` returned
    """
    if entry.replaceable:
        failed = shelf.store(key, arrays, card, replace=bool(warning))
        warning = "; ".join(
            text for text in (warning, failed and f"{card['property']}: {card['kind']} {failed}") if text
        )
    return Checkpoint(key, False, warning)


def machine_facts() -> dict[str, Any]:
    """Versions, device and settings that decide last bits; part of every key."""
    return {
        "packages": {name: version(name) for name in PACKAGES},
        "device": (current().platform, current().device_kind, platform.system(), platform.machine()),
        "jax": (bool(jax.config.jax_enable_x64), str(jax.config.jax_default_matmul_precision)),  # type: ignore[attr-defined]
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "batch": BATCH,
    }
