"""What a finished run says at the terminal of rows it could not score."""

from __future__ import annotations

from typing import Any

from kakehashi.screen.cli.screen_text import _aside, _judge


def record(*reasons: tuple[str, int, str]) -> dict[str, Any]:
    return {
        "quarantine_reasons": [{"reason": r, "count": count, "example": first} for r, count, first in reasons],
        "catalog": {"quarantined": sum(count for _, count, _ in reasons), "rows": 20},
        "config": {"out": "runs/a", "max_quarantine": 0.05},
    }


def test_reasons_are_named_commonest_first_with_their_first_row() -> None:
    found = record(("unknown element Xx", 3, "Xx2O3"), ("the POSCAR names no elements", 1, ""))
    assert _aside(found) == ["unknown element Xx (3 rows, first Xx2O3)", "the POSCAR names no elements (1 row)"]


def test_no_row_is_left_out_of_the_count() -> None:
    found = record(("a", 5, "x"), ("b", 4, "x"), ("c", 3, "x"), ("d", 2, "x"), ("e", 1, "x"))
    assert _aside(found)[3:] == ["3 more rows for other reasons: runs/a/quarantine.csv"]
    assert _aside(record()) == []
    assert _aside({}) == []  # a run of an earlier version


def test_too_many_of_them_point_at_a_file_for_people() -> None:
    code, why = _judge(record(("unknown element Xx", 3, "Xx2O3")))
    assert code == 3
    assert why == "3 of 20 rows are in quarantine, above --max-quarantine 0.05: see runs/a/quarantine.csv"
