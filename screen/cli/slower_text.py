"""Closing lines of a quicker run: what the slower ones would cost, and what they usually gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SURER = "more folds and whole chemical families held out, so that error and intervals are known more surely"
WIDER = "networks pre-trained on further sources and more heads have a say; that helps some targets and not others"


def slower_lines(record: Mapping[str, Any]) -> list[str]:
    """Lines on `screen` and `evaluate` runs that could have been slower; none for a thorough one.

    record : of the run (run.json)
    """
    config = record["config"]
    if config.get("thorough") or config.get("architecture", "pyramid") != "pyramid":
        return []
    lines = []
    if config.get("quick"):
        lines.append(f"without --quick, about {_time(record, {})}: {SURER}")
    elif config["source"]:  # sources of the user's own choice
        return []
    from kakehashi.screen.runs.presets import PRESETS

    lines.append(f"with --thorough, about {_time(record, PRESETS['thorough'])}: {WIDER}")
    return lines


def _time(record: Mapping[str, Any], preset: Mapping[str, Any]) -> str:
    """Rough time of pre-training and transfer with the settings of a preset."""
    from kakehashi.screen.heads.registry import DEFAULT_BASELINES
    from kakehashi.screen.runs.flags import DEFAULT_SOURCES
    from kakehashi.screen.screening.estimate import estimate_cost
    from kakehashi.screen.screening.inspection_text import duration
    from kakehashi.screen.screening.model_cost import estimate_model

    evaluation = record.get("kind") == "evaluation"
    foundation = bool(record.get("foundation"))
    sources = len(DEFAULT_SOURCES) if preset or not foundation else 0
    networks = preset.get("networks", 50) * sources
    heads = {"heads": preset["heads"]} if preset else {}
    seconds = estimate_model(
        record["target"]["used"], networks=networks, sources=sources, foundation=foundation, families=not evaluation,
        baselines=len(DEFAULT_BASELINES) if evaluation else 0, **heads,
    )  # fmt: skip
    cost = estimate_cost(None, networks, None, None, model_seconds=seconds)
    scoring = record["timings"].get("score candidates", 0.0)
    return duration(sum(cost["seconds"].values()) + scoring)
