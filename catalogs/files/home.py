"""Where caches live: `KAKEHASHI_HOME`, else the platform's cache folder; and that nobody else writes there.

What a cache holds is believed: another's networks would be another's ranking. So a folder that is not the user's own,
or that others may write to, is refused as ssh refuses its keys, unless it is shared knowingly (`--shared-home`,
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
"""Mode of the folders made here, whatever the umask."""
PRIVATE_FILE = 0o600
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_ENTERED = stat.S_IXGRP | stat.S_IXOTH


class SharedFolder(UserError):
    """A folder of caches that somebody else may have written to."""


def cache_folder(*names: str) -> Path:
    """Return the folder for caches, created if need be, or a folder within it, which need not exist.

    Raises
    ------
    SharedFolder : it, or one on the way, is not the user's own or may be written to by others.
    UserError : it cannot be created, or a file stands in its place.
    """
    folder = _chosen()
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
    """The same, None where no folder can be had: caches only save time. SharedFolder as there."""
    try:
        return cache_folder(*names)
    except SharedFolder:
        raise
    except UserError:
        return None


def check_own(path: Path) -> None:
    """Refuse a file or folder of caches that somebody else may have written to; one that is not there passes.

    Raises
    ------
    SharedFolder : with the command that ends it.
    """
    if why := why_shared(path):
        raise SharedFolder(why)


def why_shared(path: Path) -> str:
    """What lets others write to a file or folder, and the command that ends it; "" if nothing does.

    The owner may be the user or root, who can write everywhere. A file in a folder that others cannot enter is out of
    their reach. Systems without owners are not judged.
    """
    if is_shared_knowingly() or not hasattr(os, "geteuid"):
        return ""
    try:
        found, around = path.stat(), path.parent.stat()
    except OSError:
        return ""
    if not stat.S_ISDIR(found.st_mode) and not around.st_mode & _ENTERED:
        return ""
    quoted = shlex.quote(str(path))
    what = f"the {'folder' if stat.S_ISDIR(found.st_mode) else 'file'} of caches {path}"
    either = f"; or share it knowingly with --shared-home ({SHARED}=1)"
    me = os.geteuid()
    if found.st_uid not in (me, 0):
        mend = f"chown -R {me} {quoted}, or set KAKEHASHI_HOME to a folder of your own"
        return f"{what} belongs to user {found.st_uid}, not to you ({me}): {mend}{either}"
    if found.st_mode & _WRITABLE:
        mode = stat.S_IMODE(found.st_mode)
        return f"{what} may be written to by others (mode {mode:04o}): chmod -R go-w {quoted}{either}"
    return ""


def is_shared_knowingly() -> bool:
    """Whether the user takes the folder as it is."""
    return os.environ.get(SHARED, "").strip().lower() in ("1", "true", "yes")


def share() -> None:
    """Take the folder as it is from now on, in child processes too."""
    os.environ[SHARED] = "1"


@contextmanager
def shared_knowingly() -> Iterator[None]:
    """Take the folder as it is while the block lasts, in child processes too."""
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


def _chosen() -> Path:
    chosen = os.environ.get("KAKEHASHI_HOME", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("kakehashi"))
