"""Processors this process may use: its affinity, and the share of time its control groups give it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def available() -> int:
    """Processors to use at once, at least 1: no more than affinity and the limits of control groups allow.

    A batch system, a container or `taskset` gives a few of a machine's processors; more threads than these would only
    wait for each other.
    """
    return max(1, min([_allowed(), *(ceil(share) for share in quotas(OWN, CGROUPS))]))


def _allowed() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quotas(own: Path, root: Path) -> list[float]:
    """Processors' worth of time each control group above this process allows; groups without a limit are left out.

    Both versions of control groups are read. Where the path is not there, as in a container that sees its own group
    as the root, the groups above it are.

    Parameters
    ----------
    own : lines `number:controllers:path`, as of /proc/self/cgroup
    root : where the groups are mounted
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found += [_unified(folder) for folder in _upwards(root, path)]
        elif "cpu" in controllers.split(","):
            found += [
                _former(folder)
                for name in dict.fromkeys((controllers, "cpu"))
                for folder in _upwards(root / name, path)
            ]
    return [share for share in found if share is not None]


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """The folder of a group and those of the groups around it, up to the root."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    for depth in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:depth])


def _unified(folder: Path) -> float | None:
    """The limit in a version 2 group's `cpu.max`: `quota period` in microseconds, or `max period`."""
    words = _words(folder / "cpu.max")
    return _share(words[0], words[1]) if len(words) == 2 else None


def _former(folder: Path) -> float | None:
    """The limit of a version 1 group; a quota of -1 is none."""
    quota, period = (_words(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return _share(quota[0], period[0]) if len(quota) == len(period) == 1 else None


def _share(quota: str, period: str) -> float | None:
    if not (quota.isdecimal() and period.isdecimal() and int(quota) and int(period)):
        return None
    return int(quota) / int(period)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeError):
        return []
