"""The `kakehashi version` command."""

from __future__ import annotations

from importlib import metadata

from kakehashi.catalogs.cli.flags import JsonFlags
from kakehashi.catalogs.cli.flatten import flatten_flags
from kakehashi.catalogs.shown import as_json, say


def version_line() -> str:
    """Name and version of the installed package."""
    return f"kakehashi {metadata.version('kakehashi')}"


@flatten_flags
def version(*, call: JsonFlags) -> None:
    """Print the version."""
    say(as_json({"version": metadata.version("kakehashi")}) if call.json else version_line())
