"""Bound on the library of trained models.

Entries used least recently go first. Those with a file `KEPT` were asked for (`models train`, `models import`): they
neither count nor go.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from kakehashi.catalogs.files.durable import TEMPORARY
from kakehashi.catalogs.records import UserError

VARIABLE = "KAKEHASHI_CACHE_GB"
DEFAULT_GB = 5.0
KEPT = "kept"


def size_limit() -> float:
    """Return the bytes entries may take: `KAKEHASHI_CACHE_GB` or 5 GB.

    Raises UserError if the variable is no size.
    """
    text = os.environ.get(VARIABLE, "").strip()
    try:
        size = float(text) if text else DEFAULT_GB
    except ValueError:
        size = math.nan
    if not size >= 0:
        raise UserError(f"{VARIABLE}: expected a number of gigabytes, 0 or more, got {text!r}")
    return size * 1e9


def mark_used(entry: Path) -> None:
    """Note that an entry was read."""
    with suppress(OSError):
        os.utime(entry)


def evict(folder: Path, limit: float, *, keep: str) -> None:
    """Remove entries used least recently, down to `limit` bytes.

    keep : the entry that is never removed

    An entry loses its name before its files go: who reads it finds it whole or not at all.
    """
    entries = []
    for entry in folder.iterdir():
        if not entry.name.startswith(TEMPORARY) and not (entry / KEPT).exists():
            with suppress(OSError):  # another process removes it
                entries.append((entry.stat().st_mtime_ns, _size(entry), entry))
    total = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= limit:
            return
        if entry.name != keep:
            aside = folder / f"{TEMPORARY}{entry.name}-{os.getpid()}-{secrets.token_hex(4)}-old"
            with suppress(OSError):
                os.rename(entry, aside)
                shutil.rmtree(aside, ignore_errors=True)
            total -= size


def _size(entry: Path) -> int:
    return sum(path.stat().st_size for path in entry.rglob("*")) if entry.is_dir() else entry.stat().st_size
