"""`--dry-run` in words, JSON with --json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import kakehashi as kh

if TYPE_CHECKING:
    from conftest import Tiny


def test_an_evaluation_is_described_before_it_is_done(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [word for k, word in enumerate(tiny.flags) if "--catalog" not in tiny.flags[max(0, k - 1) : k + 1]]
    assert kh.main(["evaluate", *flags, "--dry-run"]) == 0
    text = capsys.readouterr().out
    for part in (
        "30 rows read: 30 compositions", "fitted as ln(value)", "source gap: 160 rows", "a run would take about",
        "2 networks would be trained", "nothing was written",
    ):  # fmt: skip
        assert part in text
    assert kh.main(["evaluate", *flags, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["estimate"]["seconds"]["transfer"] > 0
