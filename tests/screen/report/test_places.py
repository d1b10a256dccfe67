"""Where the known best land in the ranking, drawn."""

from __future__ import annotations

import re

import pytest

from kakehashi.screen.report.data import Row, Table
from kakehashi.screen.report.places import draw_places
from kakehashi.screen.report.svg import BOTTOM, TOP


def table(n: int) -> Table:
    rows = tuple((f"c{k}", float(n - k)) for k in range(n))
    return Table(("formula", "y"), rows, n)


def test_the_best_are_counted_in_the_head_of_the_ranking() -> None:
    record = Row({"of": 10_000, "better": [0, 99, 100, *[5000] * 37]})
    places = draw_places(record, table(40), "kappa", "K", log=True, minimise=False)
    assert places is not None
    assert (places.drawn, places.total, places.best, places.head, places.share) == (40, 10_000, 4, 2, "1%")
    svg = str(places.figure)
    assert svg.count("dot known-best") == 4
    assert "c0\nmeasured 40 K\nplace 1 of 10,000 candidates (first &lt;0.1%)" in svg
    assert "place in the ranking, held out" in svg


def test_the_first_place_is_at_the_top() -> None:
    places = draw_places(Row({"of": 1000, "better": [0, 999, 500]}), table(3), "q", "", log=False, minimise=False)
    assert places is not None
    height = {float(y) for y in re.findall(r'cy="([\d.]+)"', str(places.figure))}
    assert TOP < min(height) < TOP + 25
    assert BOTTOM - 40 < max(height) < BOTTOM
    assert len(height) == 3


def test_small_values_are_the_best_where_they_are_wanted() -> None:
    places = draw_places(Row({"of": 100, "better": [90, 50, 0]}), table(3), "q", "", log=False, minimise=True)
    assert places is not None
    assert places.best == 3
    assert places.head == 1


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"of": 0, "better": [0, 0, 0]},
        {"of": 10, "better": [1]},
        {"of": 10, "better": "abc"},
        {"of": "x", "better": []},
    ],
)
def test_nothing_is_drawn_without_places(record: dict[str, object]) -> None:
    assert draw_places(Row(record), table(3), "q", "", log=False, minimise=False) is None
    assert draw_places(Row({"of": 10, "better": [0, 0, 0]}), None, "q", "", log=False, minimise=False) is None
