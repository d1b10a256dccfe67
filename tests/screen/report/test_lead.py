"""The first screen: what to make next, in the report and at the end of the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from kakehashi.screen.report.lead import lead_lines, read_lead

ROW = {
    "rank": 1, "id": "mp-661", "formula": "AlN", "mean": 147.52, "lower": 38.09, "upper": 571.3, "chance": 0.331,
    "why": "predicted below the best known, but may reach 571", "domain": "in", "domain_reason": "", "nearest": "GaN",
    "nearest_value": 213.0, "clipped": "",
}  # fmt: skip


def record(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    chosen = {
        "by": "improvement", "goal": {"value": 213.0, "formula": "GaN"}, "minimise": False, "level": 0.9,
        "counts": {"scored": 34630, "outside the domain": 21889, "measured already": 28, "without interval": 0},
        "notes": [], "batch": list(rows), **changes,
    }  # fmt: skip
    target = {"unit": "W/(m K)", "quantity": "lattice_thermal_conductivity"}
    return {"next": chosen, "target": target, "trust": {"text": "On compounds it never saw ..."}}


def test_a_line_has_value_unit_interval_chance_clause_and_nearest() -> None:
    assert lead_lines(record(ROW, {**ROW, "formula": "FeN", "chance": 0.004, "domain": "edge", "mean": 56.9})) == [
        "Make these next: lattice thermal conductivity in W/(m K) (90% interval), chance to beat the best known, GaN"
        " with 213 W/(m K)",
        "1  AlN   148 (38.1 to 571)  33%  predicted below the best known, but may reach 571; nearest measured GaN, 213;"
        " in the domain",
        "2  FeN  56.9 (38.1 to 571)  <1%  predicted below the best known, but may reach 571; nearest measured GaN, 213;"
        " at the edge of the domain",
        "On compounds it never saw ...",
    ]


def test_five_are_shown_and_the_others_counted() -> None:
    lead = read_lead(record(*[{**ROW, "formula": f"AlN{k}"} for k in range(8)]))
    assert lead is not None
    assert [one.formula for one in lead.candidates] == [f"AlN{k}" for k in range(5)]
    assert [one.rank for one in lead.candidates] == [1, 2, 3, 4, 5]
    assert lead.more == 3
    assert lead.left_out == "21,889 outside the domain; 28 measured already"
    assert lead.bar == "chance to beat GaN"


@pytest.mark.parametrize(("minimise", "side"), [(False, "above"), (True, "below")])
def test_a_threshold_is_the_goal_where_there_is_one(minimise: bool, side: str) -> None:
    lead = read_lead(record(ROW, goal={"value": 50.0, "formula": ""}, minimise=minimise))
    assert lead is not None
    assert (lead.goal, lead.bar) == (f"lie {side} 50 W/(m K)", f"chance {side} 50")


def test_a_long_name_is_not_repeated_in_every_row() -> None:
    lead = read_lead(record(ROW, goal={"value": 0.26, "formula": "*Oc1ccc(S(=O)(=O)c2ccc(*)cc2)cc1"}))
    assert lead is not None
    assert lead.bar == "chance to beat the best known"


def test_cut_intervals_are_marked() -> None:
    assert "(38.1 to 571) (cut at the bounds)" in lead_lines(record({**ROW, "clipped": "lower"}))[1]


def test_without_a_candidate_it_says_why() -> None:
    said = lead_lines(record(notes=["no candidate is left of 9: 9 filtered out"]))
    assert said[0] == "Nothing to make next: no candidate is left of 9: 9 filtered out"
    assert lead_lines({}) == []


@pytest.mark.parametrize("value", [None, "text", 3, [{}], {"batch": [{}], "goal": 3, "counts": {"a": "b"}}])
def test_a_record_of_another_kind_breaks_nothing(value: object) -> None:
    lead_lines({"next": value, "target": value, "trust": value})
