"""Presets of flags: `--quick` and `--thorough`, each a set of values of other flags.

A flag on the command line or in the file wins over a preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kakehashi.catalogs.flag import collect_flags
from kakehashi.catalogs.records import UserError
from kakehashi.screen.heads.registry import DEFAULT_HEADS, SERVING_HEADS
from kakehashi.screen.runs.flags import USUAL_SOURCES

NO_BASELINE = ("none",)
# A command takes of a preset the flags that it has.
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "outer_folds": 5,
        "no_families": True,
        "heads": DEFAULT_HEADS,
        "baselines": NO_BASELINE,
        "score": "in-domain",
    },
    "thorough": {"source": USUAL_SOURCES, "networks": 50, "heads": SERVING_HEADS},
}


def preset_values(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the preset that is asked for, of flags that `kind` has; none without one.

    values : of flags that are given, which win

    Raises
    ------
    UserError : two presets.
    """
    asked = [name for name in PRESETS if values.get(name)]
    if len(asked) > 1:
        raise UserError(f"expected one of {', '.join(f'--{name}' for name in asked)}, got both: choose one")
    known = collect_flags(kind)
    return {name: value for preset in asked for name, value in PRESETS[preset].items() if name in known}
