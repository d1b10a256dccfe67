"""The `kakehashi screen` command."""

from __future__ import annotations

from typing import Annotated

from kakehashi.catalogs.cli.flatten import FlagValues, flatten_flags
from kakehashi.screen.runs.flags import RunFlags
from kakehashi.screen.screening.config import ScreenConfig


@flatten_flags
def screen(*, flags: Annotated[FlagValues, ScreenConfig], call: RunFlags) -> int:
    """Rank a catalogue of materials by a property you have few values of.

    Pre-trains networks on sources, properties with plentiful data; transfers them to the target; measures by nested
    cross-validation whether that helped; predicts the whole catalogue. The folder --out receives the ranking with
    90 % intervals, a note per candidate on whether it resembles the target's materials (its domain), and a report.

    Candidates are compositions, repeat units of polymers, or crystal structures. Usual sources are chosen for you.

    Example: kakehashi screen --target my.csv:kappa --log --catalog default --out runs/kappa

    Example: kakehashi screen --target my.csv:kappa --catalog mine.parquet --top 1000 --export cif --out runs/mine
    """
    from kakehashi.screen.cli.flags import run_call
    from kakehashi.screen.cli.screen_text import kind
    from kakehashi.screen.screening.config import resolve

    return run_call(kind(), resolve(flags, call.config), call)
