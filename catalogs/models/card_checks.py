"""Check cards for impossible numbers and harmful texts.

A checksum shows that a card is as it was written, not that its writer meant well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kakehashi.catalogs.shown import is_harmless

MOST_NETWORKS = 10_000
MOST_TASKS = 1_000
MOST = 10**12
"""Largest count of anything: rows, parameters, epochs, bytes."""
LONGEST = 100_000
"""Characters of a text."""
# Bounds of each metric, up to rounding.
_METRICS = {
    "mae": (0, math.inf), "max_ae": (0, math.inf), "mse": (0, math.inf), "rmse": (0, math.inf),
    "r2": (-math.inf, 1), "pearson": (-1, 1), "spearman": (-1, 1), "p_value": (0, 1),
}  # fmt: skip
_ROUNDING = 1e-6
_STRUCTURE = re.compile(r"\d{1,7}(-\d{1,7}){1,100}")


def check(card: Mapping[str, Any]) -> None:
    """Refuse a card with impossible values.

    Raises
    ------
    ValueError : with the field, what was expected and what came.
    KeyError, TypeError : a field is missing or of another kind.
    """
    for where, text in _texts(card, ""):
        if len(text) > LONGEST:
            raise ValueError(f"{where}: expected at most {LONGEST:,} characters, got {len(text):,}")
        if not all(map(is_harmless, text.replace("\n", ""))):
            raise ValueError(f"{where}: expected printable characters, got {text[:80]!a}")
    check_whole("seed", card["seed"], 0, 2**63 - 1)
    check_whole("bytes", card["bytes"], 1, MOST)
    if card["kind"] == "networks":
        _networks(card)
    elif card["kind"] == "foundation":
        _foundation(card)
    elif card["kind"] == "model":
        check_whole("used", card["used"], 1, MOST)
        _counts("held_out", card.get("held_out"))
        _metrics("metrics", card.get("metrics", {}))


def check_whole(where: str, value: Any, least: int, most: int) -> None:
    """Refuse what is no whole number in a range; ValueError."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{where}: expected a whole number from {least:,} to {most:,}, got {ascii(value)[:80]}")


def _networks(card: Mapping[str, Any]) -> None:
    check_whole("networks", card["networks"], 1, MOST_NETWORKS)
    tasks, entries = card["tasks"], card["entries"]
    check_whole("number of tasks", len(tasks), 1, MOST_TASKS)
    if len(entries) != card["networks"]:
        raise ValueError(f"networks: expected {len(entries):,}, as there are entries, got {card['networks']:,}")
    for i, task in enumerate(tasks):
        check_whole(f"rows of task {i}", task["rows"], 1, MOST)
    for i, entry in enumerate(entries):
        if not _STRUCTURE.fullmatch(entry["structure"]):
            raise ValueError(f"structure of network {i}: expected widths such as 290-100-1, got {entry['structure']!r}")
        check_whole(f"parameters of network {i}", entry["parameters"], 1, MOST)
        check_whole(f"epochs of network {i}", entry["epochs"], 0, MOST)
        for name in ("held_out", "metrics"):
            if entry[name] is not None and len(entry[name]) not in (0, len(tasks)):
                raise ValueError(f"{name} of network {i}: expected one for each of {len(tasks)} tasks")
        for count in entry["held_out"] or ():
            _counts(f"held_out of network {i}", count)
        for metrics in entry["metrics"] or ():
            _metrics(f"metrics of network {i}", metrics)


def _foundation(card: Mapping[str, Any]) -> None:
    check_whole("networks", card["networks"], 1, MOST_NETWORKS)
    for name in ("formulas", "parameters", "epochs"):
        check_whole(name, card[name], 1, MOST)
    if not _STRUCTURE.fullmatch(card["structure"]):
        raise ValueError(f"structure: expected widths such as 384-512-51, got {card['structure']!r}")
    check_whole("number of tasks", len(card["tasks"]), 1, MOST_TASKS)
    for i, task in enumerate(card["tasks"]):
        check_whole(f"rows of task {i}", task["rows"], 1, MOST)
        check_whole(f"alias of task {i}", task["alias"], 0, MOST_TASKS)
        _counts(f"held_out of task {i}", task["held_out"])
        _metrics(f"metrics of task {i}", task["metrics"])


def _counts(where: str, value: Any) -> None:
    if value is not None:
        check_whole(where, value, 0, MOST)


def _metrics(where: str, metrics: Mapping[str, Any]) -> None:
    for name, (least, most) in _METRICS.items():
        value = metrics.get(name)
        if value is None:
            continue
        if type(value) not in (int, float) or not least - _ROUNDING <= value <= most + _ROUNDING:
            raise ValueError(f"{name} in the {where}: expected {least} to {most}, got {ascii(value)[:80]}")


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield every text in a JSON value with its place.

    Names of fields too.
    """
    if isinstance(value, str):
        yield where or "a name", value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield "the name of a field", name
            yield from _texts(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, where)
