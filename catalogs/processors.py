"""Number of usable processors.

It follows from the affinity of this process and the limits of its control groups.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIPS = Path("/proc/self/cgroup")


def available() -> int:
    """Count the usable processors, at least 1.

    A batch system, a container or `taskset` grants a few of a machine's processors; more threads than these would only
    wait for each other.
    """
    return max(1, min([_affinity(), *(ceil(share) for share in quotas(MEMBERSHIPS, CGROUPS))]))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quotas(memberships: Path, root: Path) -> list[float]:
    """Read the limits of control groups, in processors.

    Both versions of control groups are read, and groups without a limit left out. A container may see its own group as
    the root: where a path is absent, the groups above it count.

    Parameters
    ----------
    memberships : file of lines `number:controllers:path`, such as /proc/self/cgroup
    root : mount point of the control groups
    """
    found = [_unified(folder) if unified else _former(folder) for unified, folder in _folders(memberships, root, "cpu")]
    return [share for share in found if share is not None]


def group_folders(memberships: Path, root: Path, controller: str) -> list[Path]:
    """Folders of the control groups that a controller such as `cpu` or `memory` limits this process by."""
    return [folder for _, folder in _folders(memberships, root, controller)]


def _folders(memberships: Path, root: Path, controller: str) -> list[tuple[bool, Path]]:
    """Folders of both versions of control groups, each with whether it is version 2."""
    try:
        lines = memberships.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            folders += [(True, folder) for folder in _upwards(root, path)]
        elif controller in controllers.split(","):
            names = dict.fromkeys((controllers, controller))
            folders += [(False, folder) for name in names for folder in _upwards(root / name, path)]
    return folders


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """Yield the folders of a group and its parents."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    for depth in range(len(parts), -1, -1):
        yield root.joinpath(*parts[:depth])


def _unified(folder: Path) -> float | None:
    """Read the limit of a version 2 group.

    `cpu.max` holds `quota period` in microseconds, or `max period`.
    """
    words = _words(folder / "cpu.max")
    return _share(words[0], words[1]) if len(words) == 2 else None


def _former(folder: Path) -> float | None:
    """Read the limit of a version 1 group, -1 for none."""
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
