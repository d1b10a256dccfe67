"""Types of flags that several commands share, and what they say of a run. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token

from screen.progress import Mode


def whole(kind: type, tokens: Sequence[Token]) -> int:
    """Read a whole number; the parser's own reading would round 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


Whole = Annotated[int, Parameter(converter=whole)]
Many = Annotated[list[str] | None, Parameter(consume_multiple=False, negative="")]
# Shown as a plain switch: `--log`, without a `--no-log` twin for every option.
Switch = Annotated[bool, Parameter(negative="")]
# The same where a file may set it, too: None is not given.
Setting = Annotated[bool | None, Parameter(negative="")]


def mode_of(*, json: bool | None, quiet: bool | None, events: bool | None) -> Mode:
    """How progress is shown."""
    return "events" if events else "quiet" if quiet or json else "auto"
