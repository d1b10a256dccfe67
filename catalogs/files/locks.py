"""Folder locks: one process at a time."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from filelock import BaseFileLock as Lock
from filelock import FileLock, Timeout

from kakehashi.catalogs.records import UserError

# Errors of flock without locks: no lock service, not implemented, not supported.
_NONE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}

__all__ = ["Lock", "Timeout", "lacks_locks", "take"]


def take(path: Path) -> Lock:
    """Lock a file for this process; create it if absent.

    Raises
    ------
    Timeout : another process holds the lock.
    UserError : the file system has no locks, so that two runs could write into one folder.
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
    """Test whether an error means a file system without locks."""
    return isinstance(error, NotImplementedError) or (isinstance(error, OSError) and error.errno in _NONE)
