"""Types of flags that several commands share, and what they say of a run. Imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from catalogs.flags import Many, Switch, Whole
from screen.progress import Mode

__all__ = ["Many", "Setting", "Switch", "Whole", "mode_of"]

# A switch where a file may set it, too: None is not given.
Setting = Annotated[bool | None, Parameter(negative="")]


def mode_of(*, json: bool | None, quiet: bool | None, events: bool | None) -> Mode:
    """How progress is shown."""
    return "events" if events else "quiet" if quiet or json else "auto"
