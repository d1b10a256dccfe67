"""Where a result of long work is kept."""

from __future__ import annotations

from typing import NamedTuple


class Checkpoint(NamedTuple):
    """Cache entry of a result.

    key : hash of all that decides the result; reused : whether it was read from the cache
    warning : why it could not be read or kept, else ""
    """

    key: str
    reused: bool
    warning: str = ""
