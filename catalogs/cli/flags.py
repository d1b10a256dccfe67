"""Types of flags that commands of all packages share. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter, Token


def whole(kind: type, tokens: Sequence[Token]) -> int:
    """Read a whole number; the parser's own reading would round 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


Many = Annotated[list[str] | None, Parameter(consume_multiple=False, negative="")]
Whole = Annotated[int, Parameter(converter=whole)]
# Shown as a plain switch: `--log`, without a `--no-log` twin for every option.
Switch = Annotated[bool, Parameter(negative="")]
