"""Text of `--dry-run`: the target as `kakehashi check` shows it, and the size of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def preview_run(config: Any, inputs: Any, work: Mapping[str, Any]) -> str:
    """Describe a run that would be done.

    config, inputs : of a screening or an evaluation; work : its plan and forecast
    """
    from kakehashi.catalogs.candidates.candidates import named_materials
    from kakehashi.screen.screening.inspection import find_conflicts, inspect
    from kakehashi.screen.screening.inspection_text import inspection_text

    crystals = inputs.target.crystals is not None
    catalog = getattr(inputs, "catalog", None)
    files = (config.target, *config.source, *([config.catalog] if catalog is not None else []))
    material = named_materials(config.material, files)[config.target]
    conflicts = () if crystals else find_conflicts(config.target, config.value, material)
    found = inspect(inputs.target, inputs.sources, catalog, conflicts, work.get("estimate"))
    count = work["networks"]
    sizes = [f"{count:,} networks would be trained or taken from the cache"] if count else []
    if "partitions" in work:
        several = "s" * (work["partitions"] != 1)
        sizes.append(f"{work['partitions']:,} partition{several}, {work['committed']:,} scored already")
    if config.out:
        sizes.append(f"results would go to {config.out}")
    lines = [inspection_text(found), *work.get("notes", ()), "; ".join(sizes)]
    return "\n".join([*lines, "nothing was written; --json prints the plan with every setting"])
