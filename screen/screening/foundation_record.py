"""Record of foundation networks in run.json."""

from __future__ import annotations

from typing import Any

import numpy as np

from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.transfer.unseen import Unseen
from kakehashi.screen.transfer.verdict import finite_only


def foundation_record(knowledge: Knowledge | None, unseen: Unseen | None) -> dict[str, Any] | None:
    """Networks, what they learned, known values that took part, and the error on formulas never seen.

    None without foundation networks.
    """
    if knowledge is None:
        return None
    foundation = knowledge.foundation
    return {
        "name": foundation.name,
        "networks": len(foundation.full),
        "properties": len(foundation.tasks),
        "formulas": len(foundation.formulas),
        "sources": list(dict.fromkeys(task.source for task in foundation.tasks if task.source)),
        "licences": list(dict.fromkeys(task.licence for task in foundation.tasks if task.licence)),
        "known": _known(knowledge),
        "unseen": None if unseen is None else _unseen(unseen),
    }


def _known(knowledge: Knowledge) -> list[dict[str, Any]]:
    """Properties with known values, and the share of candidates that have one."""
    if knowledge.known is None or knowledge.shares is None:
        return []
    counts = np.isfinite(knowledge.known.values).sum(axis=0)
    return [
        {"property": task.name, "formulas": int(count), "share_of_candidates": round(float(share), 4)}
        for task, count, share in zip(knowledge.foundation.tasks, counts, knowledge.shares, strict=True)
        if count
    ]


def _unseen(unseen: Unseen) -> dict[str, Any]:
    return finite_only(
        {
            "mae": unseen.mae, "direct_mae": unseen.direct_mae, "difference": unseen.gain.difference,
            "standard_error": unseen.gain.standard_error, "p_value": unseen.gain.p_value,
            "coverage_90": unseen.coverage_90, "factor": unseen.interval,
        }
    )  # fmt: skip
