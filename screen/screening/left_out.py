"""Members and sources that have no part in a model."""

from __future__ import annotations

from typing import Any

from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.rows import FOUNDATION
from kakehashi.screen.transfer.weights import LEAST


def left_out_record(model: Model) -> dict[str, Any]:
    """Members that were left out, sources none of whose members is in, and a sentence on both.

    Where members that take all sources together are in, every source has a part.
    """
    stack = model.stack
    plans = [member.plan for member in stack.members]
    joint = any(plan.kind in ("stacked", "predictions") for plan in plans)
    used = {plan.source for plan in plans}
    names = [] if joint else [s.name for k, s in enumerate(model.library.sources) if k not in used]
    if model.knowledge is not None and FOUNDATION not in used:
        names.append(model.knowledge.foundation.name)
    return {
        "left_out": list(stack.left_out),
        "left_out_sources": names,
        "left_out_text": _text(len(stack.left_out), len(stack.left_out) + len(plans), names),
    }


def _text(count: int, tried: int, names: list[str]) -> str:
    """Sentence on what was left out, "" for nothing.

    >>> _text(3, 8, ["density"])
    'Left out of the model: 3 of 8 members tried (weight below 2%), among them all of density.'
    """
    if not count:
        return ""
    whole = f", among them all of {', '.join(names)}" if names else ""
    return f"Left out of the model: {count} of {tried} members tried (weight below {LEAST:.0%}){whole}."
