"""Where caches live: `KAKEHASHI_HOME`, else the platform's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

from catalogs.records import UserError


def cache_folder() -> Path:
    """Return the folder for caches, created if need be.

    Raises
    ------
    UserError
        If it cannot be created, or a file stands in its place.
    """
    chosen = os.environ.get("KAKEHASHI_HOME", "").strip()
    if chosen:
        folder = Path(chosen).expanduser()
    else:
        from platformdirs import user_cache_dir

        folder = Path(user_cache_dir("kakehashi"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create the cache folder {folder} ({error.strerror}); "
            "set KAKEHASHI_HOME to a folder that can be written",
            code=1,
        ) from error
    return folder
