"""Where a result of long work is kept."""

from __future__ import annotations

from typing import NamedTuple


class Checkpoint(NamedTuple):
    """Where a result of long work is kept: the hash of all that decides it, and whether it was read from there.

    warning : why it could not be read or kept, else ""
    """

    key: str
    reused: bool
    warning: str = ""
