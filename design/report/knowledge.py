"""How much is known: a word of caution on few values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kakehashi.catalogs.properties import typed_tables

# Known values below which a page says how few they are.
FEW = 30


def caution(target: Mapping[str, Any], spec: str) -> str:
    """Say how few values a model rests on, "" where they are many.

    target : its record; spec : the table as the command named it

    >>> caution({"used": 15}, "polymer_thermal_conductivity")
    'A demonstration on 15 rough values: an order to look at, no finding.'
    >>> caution({"used": 15}, "my.csv:tc")
    'Only 15 known values: differences between proposals mean little.'
    """
    used = target.get("used")
    if not isinstance(used, int):
        return ""
    if spec in typed_tables.names():
        return f"A demonstration on {used} rough values: an order to look at, no finding."
    return f"Only {used} known values: differences between proposals mean little." if used < FEW else ""
