"""Memory that this process may still use.

It follows from the machine's free memory and the limits of the control groups.
"""

from __future__ import annotations

from pathlib import Path

from kakehashi.catalogs.processors import CGROUPS, MEMBERSHIPS, group_folders

MACHINE = Path("/proc/meminfo")
# Limits of version 1 control groups beyond this stand for none.
_NONE = 1 << 60
# Files of both versions: limit, what is used, and the name of what is cached.
_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def available_bytes(machine: Path = MACHINE, memberships: Path = MEMBERSHIPS, root: Path = CGROUPS) -> int | None:
    """Bytes that are free, of the machine and of every control group; None where the system does not tell.

    Parameters
    ----------
    machine : file of lines such as `MemAvailable:  1024 kB`
    memberships, root : as in `kakehashi.catalogs.processors.quotas`
    """
    free = []
    for folder in group_folders(memberships, root, "memory"):
        for limited, used, cached in _FILES:
            limit = _number(folder / limited)
            if limit is not None and limit < _NONE:
                # Files that were read count as used, and are given up when memory is wanted.
                free.append(limit - (_number(folder / used) or 0) + (_named(folder / "memory.stat", cached) or 0))
    whole = _named(machine, "MemAvailable:")
    free += [] if whole is None else [whole * 1024]
    return max(0, min(free)) if free else None


def _named(path: Path, name: str) -> int | None:
    """Number on the line that begins with a name."""
    for line in _text(path).splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdecimal():
            return int(words[1])
    return None


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
