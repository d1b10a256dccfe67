"""The `kakehashi check` command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from kakehashi.catalogs.cli.flags import JsonFlags
from kakehashi.catalogs.cli.flatten import FlagValues, flatten_flags
from kakehashi.catalogs.flag import Here, read_values
from kakehashi.screen.runs.flags import FoundationFlags, TableFlags, UsualSourceFlags, ValueFlags
from kakehashi.screen.screening.config import DEFAULT_NETWORKS
from kakehashi.screen.screening.flags import CatalogFlags


@dataclass(frozen=True, kw_only=True)
class CheckFlags(FoundationFlags, UsualSourceFlags, CatalogFlags, TableFlags, ValueFlags):
    """Flags of a table that is looked at."""

    networks: Annotated[int, Here("Only the estimate depends on it.")] = DEFAULT_NETWORKS["pyramid"]
    max_rejected: Annotated[float, Here("Here any; they are listed.")] = 1.0


@flatten_flags
def check(file: str, *, flags: Annotated[FlagValues, CheckFlags], call: JsonFlags) -> int:
    """Look at a table of target values before a run.

    Prints rows read, merged and refused with their reasons; unit and range; elements that occur once; what the table
    shares with sources and catalogue; time and memory of a screening. Nothing is computed or written.

    Example: kakehashi check my.csv:kappa

    Parameters
    ----------
    file
        FILE or FILE:COLUMN, or a name from `kakehashi catalogs list`.
    """
    from kakehashi.catalogs.shown import as_json, say
    from kakehashi.screen.api.check import check as look
    from kakehashi.screen.screening.inspection import as_values
    from kakehashi.screen.screening.inspection_text import inspection_text

    given: dict[str, Any] = read_values(CheckFlags, flags)
    found = look(file, sources=given.pop("source", ()), **given)
    say(as_json(as_values(found), 1) if call.json else inspection_text(found))
    return 0
