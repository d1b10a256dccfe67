"""Cache folder, and the check that nobody else writes there.

It is `KAKEHASHI_HOME` or the platform's.

Caches are trusted: another's networks would be another's ranking. A folder that the user does not own, or that others
may write to, is refused as ssh refuses its keys, unless it is shared knowingly (`--shared-home`,
`KAKEHASHI_SHARED_HOME=1`).
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kakehashi.catalogs.records import UserError

SHARED = "KAKEHASHI_SHARED_HOME"
PRIVATE = 0o700
"""Permissions of new cache folders, whatever the umask."""
PRIVATE_FILE = 0o600
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_ENTERED = stat.S_IXGRP | stat.S_IXOTH


class SharedFolder(UserError):
    """Cache folder that somebody else may have written to."""


def cache_folder(*names: str) -> Path:
    """Return the cache folder, or a folder inside it.

    The cache folder is created if need be; one inside it may be absent.

    Raises
    ------
    SharedFolder : a folder on the path belongs to another user, or others may write to it.
    UserError : the cache folder cannot be created, or is a file.
    """
    folder = cache_path()
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create the cache folder {folder} ({error.strerror}); "
            "set KAKEHASHI_HOME to a folder that can be written",
            code=1,
        ) from error
    check_own(folder)
    for name in names:
        folder = folder / name
        check_own(folder)
    return folder


def cache_folder_or_none(*names: str) -> Path | None:
    """Return `cache_folder`, None where it cannot be created.

    Caches only save time.

    Raises
    ------
    SharedFolder : as `cache_folder`.
    """
    try:
        return cache_folder(*names)
    except SharedFolder:
        raise
    except UserError:
        return None


def check_own(path: Path) -> None:
    """Refuse a cached file or folder that others can write.

    An absent one passes.

    Raises
    ------
    SharedFolder : with the command that mends it.
    """
    if why := why_shared(path):
        raise SharedFolder(why)


def why_shared(path: Path) -> str:
    """Say why others can write to a path, "" if not.

    The command that mends it is part of the text.

    The owner may be the user, or root, who can write everywhere. A file passes in a folder that others cannot enter.
    Systems without owners are not checked.
    """
    if is_shared_knowingly() or not hasattr(os, "geteuid"):
        return ""
    try:
        status, parent = path.stat(), path.parent.stat()
    except OSError:
        return ""
    if not stat.S_ISDIR(status.st_mode) and not parent.st_mode & _ENTERED:
        return ""
    quoted = shlex.quote(str(path))
    subject = f"the {'folder' if stat.S_ISDIR(status.st_mode) else 'file'} of caches {path}"
    sharing = f"; or share it knowingly with --shared-home ({SHARED}=1)"
    user = os.geteuid()
    if status.st_uid not in (user, 0):
        remedy = f"chown -R {user} {quoted}, or set KAKEHASHI_HOME to a folder of your own"
        return f"{subject} belongs to user {status.st_uid}, not to you ({user}): {remedy}{sharing}"
    if status.st_mode & _WRITABLE:
        mode = stat.S_IMODE(status.st_mode)
        return f"{subject} may be written to by others (mode {mode:04o}): chmod -R go-w {quoted}{sharing}"
    return ""


def is_shared_knowingly() -> bool:
    """Test whether the user accepts a shared cache folder."""
    return os.environ.get(SHARED, "").strip().lower() in ("1", "true", "yes")


def share() -> None:
    """Accept a shared cache folder, in child processes too."""
    os.environ[SHARED] = "1"


@contextmanager
def shared_knowingly() -> Iterator[None]:
    """Accept a shared cache folder during the block.

    Child processes accept it too.
    """
    former = os.environ.get(SHARED)
    share()
    try:
        yield
    finally:
        if former is None:
            with suppress(KeyError):
                del os.environ[SHARED]
        else:
            os.environ[SHARED] = former


def cache_path() -> Path:
    """Return the path of the cache folder, which may be absent and is not checked."""
    chosen = os.environ.get("KAKEHASHI_HOME", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("kakehashi"))
