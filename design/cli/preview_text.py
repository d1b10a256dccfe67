"""Text of `design --dry-run`: targets as `kakehashi check` shows them, goals, and the size of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kakehashi.design.run.config import DesignConfig
    from kakehashi.design.run.inputs import DesignInputs


def preview_design(config: DesignConfig, inputs: DesignInputs, work: Mapping[str, Any]) -> str:
    """Describe a design that would be done.

    work : its plan
    """
    from kakehashi.screen.screening.inspection import inspect
    from kakehashi.screen.screening.inspection_text import inspection_text

    lines = []
    for k, table in enumerate(inputs.targets):
        lines.append(inspection_text(inspect(table, () if k else inputs.sources)))
    lines += [f"goal: {goal}" for goal in work["goals"]]
    lines += [f"monomers: {words}" for words in work.get("pool", ())]
    networks = work["networks"] * len(inputs.targets)  # each target is kept out of its own
    sizes = [f"{networks:,} networks would be trained or taken from the cache"] if networks else []
    if "derivations" in work:
        sizes.append(f"{work['derivations']:,} derivations would be described and scored, each once")
    else:
        sizes.append(f"{config.particles:,} repeat units at a time, proposed by {config.proposal}")
    if config.out:
        sizes.append(f"results would go to {config.out}")
    return "\n".join([*lines, "; ".join(sizes), "nothing was written; --json prints the plan with every setting"])
