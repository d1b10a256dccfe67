"""Write a run's configuration as TOML for `--config`."""

from __future__ import annotations

import json
from typing import Any

from kakehashi.screen.report.data import Row


def as_toml(config: Row) -> str:
    """Lines `name = value` of a configuration.

    Unset values and the output folder are left out.

    Examples
    --------
    >>> print(as_toml(Row(goal=["tg>400"], seed=0, pool=None, out="run")))
    goal = ["tg>400"]
    seed = 0
    """
    lines = []
    for name, value in config.items():
        text = _value(value)
        if name != "out" and name.isidentifier() and text is not None:
            lines.append(f"{name} = {text}")
    return "\n".join(lines)


def _value(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        # JSON's strings are TOML's, but for this character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        items = [_value(item) for item in value]
        return f"[{', '.join(item for item in items if item is not None)}]" if items else None
    return None
