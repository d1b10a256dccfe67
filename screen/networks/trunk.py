"""Hidden layers of each source alone, or shared."""

from __future__ import annotations

from kakehashi.catalogs.records import UserError

TRUNKS = ("separate", "shared", "both")


def check_trunk(trunk: str, sources: int) -> None:
    """Refuse an unknown trunk, or one for a single source."""
    if trunk not in TRUNKS:
        raise UserError(f"--trunk: expected one of {', '.join(TRUNKS)}, got {trunk!r}")
    if trunk != "separate" and sources < 2:
        raise UserError(f"--trunk {trunk}: expected at least 2 sources to share a trunk, got {sources}")
