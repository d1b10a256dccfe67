"""Types of flags that several commands share, and what they say of a run. Imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from catalogs.flags import Switch as Switch
from catalogs.flags import Whole as Whole
from catalogs.flags import whole as whole
from screen.progress import Mode

Many = Annotated[list[str] | None, Parameter(consume_multiple=False, negative="")]
# A switch where a file may set it, too: None is not given.
Setting = Annotated[bool | None, Parameter(negative="")]


def mode_of(*, json: bool | None, quiet: bool | None, events: bool | None) -> Mode:
    """How progress is shown."""
    return "events" if events else "quiet" if quiet or json else "auto"
