"""The `kakehashi version` command."""

from __future__ import annotations

from importlib import metadata

from kakehashi.catalogs.shown import say


def version_line() -> str:
    """Name and version of the installed package."""
    return f"kakehashi {metadata.version('kakehashi')}"


def version() -> None:
    """Print the version."""
    say(version_line())
