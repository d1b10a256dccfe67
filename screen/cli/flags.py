"""Types of flags that several commands share, and what they say of a run. Imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from kakehashi.catalogs.cli.flags import Many, Switch, Whole
from kakehashi.screen.descriptors.registry import descriptors_help
from kakehashi.screen.heads.registry import baselines_help, heads_help
from kakehashi.screen.progress import Mode

__all__ = ["Baselines", "Descriptors", "Heads", "Many", "Setting", "Switch", "Whole", "mode_of"]

# A switch where a file may set it, too: None is not given.
Setting = Annotated[bool | None, Parameter(negative="")]
Descriptors = Annotated[str | None, Parameter(help=descriptors_help())]
Heads = Annotated[str | None, Parameter(help=heads_help())]
Baselines = Annotated[str | None, Parameter(help=baselines_help())]


def mode_of(*, json: bool | None, quiet: bool | None, events: bool | None) -> Mode:
    """How progress is shown."""
    return "events" if events else "quiet" if quiet or json else "auto"
