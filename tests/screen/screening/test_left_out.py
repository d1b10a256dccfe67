"""Members and sources without a part in a model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kakehashi.screen.screening.left_out import left_out_record
from kakehashi.screen.transfer.plan import Fitted, Plan
from kakehashi.screen.transfer.rows import FOUNDATION
from kakehashi.screen.transfer.stack import Stack


@pytest.mark.parametrize(
    ("plans", "names"),
    [
        ([Plan("direct", "gp"), Plan("frozen", "ridge", 0)], ["gap"]),
        ([Plan("direct", "gp")], ["density", "gap"]),
        ([Plan("direct", "gp"), Plan("predictions", "gp")], []),  # takes both sources
    ],
)
def test_sources_without_a_member_are_named(plans: list[Plan], names: list[str]) -> None:
    members = tuple(Fitted(plan, (), None) for plan in plans)
    stack = Stack(("",) * len(plans), members, np.ones(len(plans)), 0.1, ("density: gp", "gap: gp"))
    sources = [SimpleNamespace(name="density"), SimpleNamespace(name="gap")]
    model: Any = SimpleNamespace(stack=stack, library=SimpleNamespace(sources=sources), knowledge=None)
    record = left_out_record(model)
    assert (record["left_out_sources"], record["left_out"]) == (names, ["density: gp", "gap: gp"])
    assert record["left_out_text"].startswith(f"Left out of the model: 2 of {2 + len(plans)} members")
    assert all(name in record["left_out_text"] for name in names)


def test_foundation_networks_count_and_nothing_is_said_of_nothing() -> None:
    knowledge = SimpleNamespace(foundation=SimpleNamespace(name="inorganic"))
    alone = Stack(("a",), (Fitted(Plan("direct", "gp"), (), None),), np.ones(1), 0.1, ("x",))
    model: Any = SimpleNamespace(stack=alone, library=SimpleNamespace(sources=[]), knowledge=knowledge)
    assert left_out_record(model)["left_out_sources"] == ["inorganic"]
    both = alone._replace(members=(*alone.members, Fitted(Plan("foundation", "gp", FOUNDATION), (), None)), left_out=())
    model.stack = both
    assert left_out_record(model) == {"left_out": [], "left_out_sources": [], "left_out_text": ""}
