"""Members of the stack on foundation networks, by size and by the heads asked for."""

import pytest

from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.transfer.members import LARGE, MEMBERS, TUNED_ROWS
from kakehashi.screen.transfer.selection import affordable_heads, affordable_members


def test_large_targets_have_a_ridge_and_tuned_networks_besides():
    assert affordable_members(45) == MEMBERS
    assert affordable_members(TUNED_ROWS) == MEMBERS
    assert affordable_members(TUNED_ROWS + 1) == (*MEMBERS, *LARGE)


@pytest.mark.parametrize("names", [("ridge",), ("ridge", "forest"), ("gp", "extra-trees")])
def test_heads_asked_for_alone_serve(names):
    for n in (45, TUNED_ROWS + 1):
        assert {member.head for member in affordable_members(n, names)} <= set(names)


def test_the_default_heads_come_with_extra_trees():
    assert "extra-trees" not in DEFAULT_HEADS
    assert "extra-trees" in {member.head for member in affordable_members(45, DEFAULT_HEADS)}


def test_without_foundation_networks_there_are_no_members():
    assert affordable_heads(45).foundation == ()
    assert affordable_heads(45, foundation=True).foundation == MEMBERS
    assert "extra-trees" not in affordable_heads(45, foundation=True).direct
