"""Paths as people write them: `~` is the home folder wherever a path is given, not only where a shell expands it."""

from __future__ import annotations

import os
from pathlib import Path

from catalogs.records import UserError


def local(text: str | Path) -> str:
    """A path of this machine as text, with `~` and `~NAME` at its beginning expanded; `./~` is a file of that name.

    Raises
    ------
    UserError : there is no such user, or the path is no UTF-8, which Parquet and reports cannot name.
    """
    given = os.fspath(text)
    found = os.path.expanduser(given)
    if given.startswith("~") and found == given:
        name = given.partition("/")[0]
        raise UserError(f"{given}: there is no user {name[1:]!r} whose home folder {name} would be; write ./{given}")
    check_text(found)
    return found


def path_of(text: str | Path) -> Path:
    """The same as a path."""
    return Path(local(text))


def check_text(path: str) -> None:
    """Refuse a path whose bytes are no UTF-8 text; UserError says which byte, and what to do."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        odd = path[error.start]
        byte = f"0x{ord(odd) - 0xDC00:02X}" if "\udc80" <= odd <= "\udcff" else "a surrogate"
        whole = path.encode("utf-8", "backslashreplace").decode().replace("\\udc", "\\x")
        raise UserError(
            f"expected a path in UTF-8, got {byte} at character {error.start + 1} of '{whole}': rename that file or"
            " folder (convmv -f latin1 -t utf8 does), or go into the folder and give what is in it by relative names"
        ) from None
