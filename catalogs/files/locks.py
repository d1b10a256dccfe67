"""Locks of folders: one process at a time, and a plain word where a file system has none."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from filelock import BaseFileLock as Lock
from filelock import FileLock, Timeout

from kakehashi.catalogs.records import UserError

# What flock answers where locks are not to be had: no lock service, none implemented, none supported.
_NONE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}

__all__ = ["Lock", "Timeout", "lacks_locks", "take"]


def take(path: Path) -> Lock:
    """Lock a file, created if need be, for this process.

    Raises
    ------
    Timeout : another process holds it.
    UserError : the file system has no locks; without one, two runs could write into one folder.
    """
    # Where there is no flock, a lock that is a file alone would outlive a process that is killed.
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise
    except (OSError, NotImplementedError) as error:
        if not lacks_locks(error):
            raise
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "flock is not implemented"
        raise UserError(
            f"{path.parent}: files cannot be locked there ({why}): use a folder on a local disk, such as"
            " --out /tmp/run, or KAKEHASHI_HOME for what is kept between runs, and copy the results afterwards; on NFS"
            " the lock service (rpc.statd, lockd) is down or the mount lacks local_lock=flock"
        ) from error
    return lock


def lacks_locks(error: Exception) -> bool:
    """Whether an error of a lock says that the file system has none."""
    return isinstance(error, NotImplementedError) or (isinstance(error, OSError) and error.errno in _NONE)
