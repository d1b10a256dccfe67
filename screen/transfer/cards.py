"""The card of a transferred model."""

from __future__ import annotations

from typing import Any

from kakehashi.screen.cache.machine import made_here
from kakehashi.screen.descriptors.materials import kind_of_table
from kakehashi.screen.networks.cards import metrics_of
from kakehashi.screen.networks.evidence import errors
from kakehashi.screen.transfer.fit import Model


def model_card(model: Model) -> dict[str, Any]:
    """Card of a transferred model.

    Its errors are those of nested cross-validation.
    """
    target = model.target
    held_out_errors = errors(target.y, model.out_of_fold.mean)
    return {
        "kind": "model", "model_name": f"{target.name}: stack of transferred and direct models",
        "property": target.quantity, "unit": target.unit, "log": target.log,
        "source": target.source, "licence": target.licence, "rows": target.rows, "used": len(target),
        "sources": [source.name for source in model.library.sources],
        "stacks": [source.checkpoint.key if source.checkpoint else None for source in model.library.sources],
        "descriptor": f"{kind_of_table(target).descriptor}:{model.library.convention}",
        "convention": model.library.convention, "seed": model.seed, "verdict": model.verdict.text,
        "split": "nested cross-validation: every compound predicted while it was held out",
        "metrics": metrics_of(held_out_errors), "held_out": len(target), **made_here(),
    }  # fmt: skip
