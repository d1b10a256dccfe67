"""Check for semaphores between processes, which coordinate the workers of a run."""

from __future__ import annotations

import os
from typing import NamedTuple

SHM = "/dev/shm"


class MissingSemaphores(NamedTuple):
    """Reason for missing semaphores, and the command that mends it."""

    why: str
    fix: str


def find_missing() -> MissingSemaphores | None:
    """Try to make a semaphore; None where it works."""
    from multiprocessing import get_context

    try:
        get_context("spawn").Lock()
    except (OSError, ImportError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if os.path.isdir(SHM):
            return MissingSemaphores(
                f"no semaphore can be made ({what}): {SHM} cannot be written to or is full", _WRITABLE
            )
        return MissingSemaphores(f"no semaphore can be made ({what}): there is no {SHM}", _MOUNTED)
    return None


_MOUNTED = f"mkdir -p {SHM} && mount -t tmpfs -o mode=1777 tmpfs {SHM}    (as root; of a container: --shm-size 256m)"
_WRITABLE = f"mount -o remount,rw,mode=1777,size=256m {SHM}    (as root; of a container: --shm-size 256m)"
