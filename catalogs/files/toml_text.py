"""Files of TOML, read with errors that name them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from kakehashi.catalogs.records import UserError


def read_toml(path: Path, flag: str = "") -> dict[str, Any]:
    """Read a TOML file.

    flag : that named it, for messages

    Raises
    ------
    UserError : unreadable, or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{f'{flag}: ' if flag else ''}cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{f'{flag} ' if flag else ''}{path}: not valid TOML: {error}") from None
