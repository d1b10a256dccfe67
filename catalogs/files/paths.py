"""Paths as people write them.

`~` is the home folder, and names may hold bytes that are no UTF-8.

On POSIX a file name is bytes; Python shows those that are no UTF-8 as surrogates.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kakehashi.catalogs.records import UserError


def local(text: str | Path) -> str:
    """Expand a leading `~` or `~NAME` in a path.

    `./~` is a file of that name.

    Raises
    ------
    UserError : no such user.

    >>> local("./~")
    './~'
    """
    path = os.fspath(text)
    expanded = os.path.expanduser(path)
    if path.startswith("~") and expanded == path:
        name = path.partition("/")[0]
        raise UserError(f"{path}: there is no user {name[1:]!r} whose home folder {name} would be; write ./{path}")
    return expanded


def path_of(text: str | Path) -> Path:
    """Return `local` as a path."""
    return Path(local(text))


def as_text(path: str | Path) -> str:
    """Return a path as UTF-8; other bytes become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def for_arrow(path: str | Path) -> Any:
    """Return a path, or an open file, for arrow.

    Arrow opens no path whose bytes are no UTF-8.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        import pyarrow as pa

        return pa.OSFile(os.fsencode(path))
    return path
