import sys
import time
from pathlib import Path

import pytest

from kakehashi.catalogs.files import guarded
from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.molecules.polymers import parse_column, parse_guarded

GOOD = ["*CC*", "*COC*", "*C(", "*CC(*)c1ccccc1"]


@pytest.fixture
def poison(monkeypatch):
    monkeypatch.setattr(guarded, "COMMAND", (sys.executable, str(Path(__file__).parents[1] / "poison_worker.py")))


def test_guarded_and_fast_paths_agree():
    texts = [*GOOD, None, "", "*C C*"]
    plain, safe = parse_column(texts), parse_column(texts, guarded=True)
    assert safe.molecules == plain.molecules
    assert safe.reasons.tolist() == plain.reasons.tolist()
    assert parse_column([], guarded=True).molecules.keys == ()


@pytest.mark.fault
def test_a_text_that_takes_its_worker_down_costs_one_row(poison):
    texts = [GOOD[0], "CRASH", GOOD[1], "HANG", GOOD[2], "EAT", "HANG", GOOD[3], "CRASH"]
    start = time.monotonic()
    found = parse_guarded(texts, 2, seconds=0.5, workers=1)
    plain = parse_column(GOOD)
    assert [found[i][1] for i in (0, 2, 4, 7)] == list(plain.molecules.keys)
    assert [found[i][2] for i in (0, 2, 4, 7)] == plain.reasons.tolist()
    assert [found[i][2] for i in (1, 8)] == ["crashed the parser"] * 2
    assert [found[i][2] for i in (3, 6)] == ["parsing took longer than 0.5 s"] * 2
    assert found[5][2] == "RDKit failed: MemoryError"
    assert time.monotonic() - start < 60


def test_several_workers_keep_the_order(poison, monkeypatch):
    monkeypatch.setattr(polymers, "TASK", polymers.TASK._replace(chunk=3, share=3))
    texts = [f"*{'C' * n}O*" for n in range(1, 20)]
    texts[7] = "CRASH"
    found = parse_guarded(texts, 2, seconds=5.0, workers=2)
    assert [answer[2] for answer in found].count("crashed the parser") == 1
    assert found[7][2] == "crashed the parser"
    assert [answer[1] for i, answer in enumerate(found) if i != 7] == [
        text for i, text in enumerate(parse_column(texts).molecules.keys) if i != 7
    ]


def test_a_worker_that_cannot_start_is_an_error(monkeypatch):
    monkeypatch.setattr(guarded, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(RuntimeError, match="did not start"):
        parse_guarded(["*CC*"], 2)
