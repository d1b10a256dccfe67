"""What a quicker run says of slower ones."""

from __future__ import annotations

from typing import Any

import pytest

from kakehashi.screen.cli.slower_text import SURER, WIDER, slower_lines


def record(**config: Any) -> dict[str, Any]:
    return {
        "config": {"quick": False, "thorough": False, "source": [], **config}, "target": {"used": 31},
        "foundation": {"name": "inorganic"}, "timings": {"score candidates": 9.0},
    }  # fmt: skip


def test_the_quick_run_names_both_slower_ones_and_their_time() -> None:
    first, second = slower_lines(record(quick=True))
    assert first.startswith("without --quick, about ")
    assert first.endswith(SURER)
    assert second.startswith("with --thorough, about ")
    assert second.endswith(WIDER)
    assert first.split("about ")[1].split(":")[0].split()[1] in ("s", "min")


@pytest.mark.parametrize(
    ("config", "lines"),
    [({}, 1), ({"thorough": True}, 0), ({"source": ["density"]}, 0), ({"architecture": "cgcnn"}, 0)],
)
def test_others_say_less(config: dict[str, Any], lines: int) -> None:
    assert len(slower_lines(record(**config))) == lines
