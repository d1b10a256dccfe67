"""A run in another precision: what its record says, and that it is never mixed with one in single precision."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.screening.config import ScreenConfig, deciding

Run = Callable[..., tuple[int, str, str]]


def test_the_usual_precision_decides_nothing() -> None:
    usual, fast = (deciding(as_dict(ScreenConfig(precision=name))) for name in ("exact", "fast"))
    assert "precision" not in usual  # as runs before the flag
    assert fast == {**usual, "precision": "fast"}


@pytest.mark.fault
def test_a_run_is_of_one_precision(screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert screen("--out", out, "--precision", "fast")[0] == 0
    record = json.loads((out / "run.json").read_text())
    assert record["precision"] == {"name": "fast", "products": "BF16_BF16_F32"}
    assert record["config"]["precision"] == "fast"
    first = pq.read_schema(out / "scores/part-00000.parquet").metadata[b"kakehashi.model"]
    code, _, err = screen("--out", out, "--resume")
    assert code == 2
    assert "another configuration (precision)" in err
    assert screen("--out", out, "--resume", "--precision", "fast")[1].startswith("nothing to do")
    (out / "run.json").unlink()  # as if it had been interrupted: scores of another precision are made anew
    assert screen("--out", out, "--resume")[0] == 0
    assert json.loads((out / "run.json").read_text())["precision"]["name"] == "exact"
    assert pq.read_schema(out / "scores/part-00000.parquet").metadata[b"kakehashi.model"] != first


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--precision", "balanced"), "--precision balanced: expected a device with one of the products"),
        (("--precision", "half"), "half"),
        (("--architecture", "cgcnn", "--precision", "fast"), "expected --precision exact, got fast"),
    ],
)
def test_a_precision_that_cannot_be(screen: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    code, _, err = screen("--out", tmp_path / "run", *words)
    assert code == 2
    assert said in err
    assert not (tmp_path / "run" / "run.json").exists()
