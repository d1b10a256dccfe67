"""Paths as people write them: `~` is the home folder wherever a path is given, not only where a shell expands it.

On POSIX the name of a file is bytes, not text; those that are no UTF-8 come as texts with surrogates.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kakehashi.catalogs.records import UserError


def local(text: str | Path) -> str:
    """A path of this machine as text, with `~` and `~NAME` at its beginning expanded; `./~` is a file of that name.

    Raises
    ------
    UserError : there is no such user.
    """
    given = os.fspath(text)
    found = os.path.expanduser(given)
    if given.startswith("~") and found == given:
        name = given.partition("/")[0]
        raise UserError(f"{given}: there is no user {name[1:]!r} whose home folder {name} would be; write ./{given}")
    return found


def path_of(text: str | Path) -> Path:
    """The same as a path."""
    return Path(local(text))


def as_text(path: str | Path) -> str:
    """A path as text of UTF-8, for what is written down; other bytes become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def for_arrow(path: str | Path) -> Any:
    """A path as arrow opens it; where its bytes are no UTF-8, an open file of arrow's own."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        import pyarrow as pa

        return pa.OSFile(os.fsencode(path))
    return path
