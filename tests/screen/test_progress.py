"""Progress: JSON lines in order, a bar only on a terminal, timings always."""

import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kakehashi.screen import progress as module
from kakehashi.screen.progress import Progress, warn


def test_events_are_json_lines_on_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.0)
    now = 100.0
    monkeypatch.setattr(module.time, "perf_counter", lambda: now)
    progress = Progress("events")
    with progress.stage("score", 5) as advance:
        now += 4
        advance(2)
        now += 4
        advance(3)
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.err.splitlines()]
    assert printed.out == ""
    steps = [("start", 0), ("progress", 2), ("progress", 5), ("end", 5)]
    assert [(line["event"], line["done"]) for line in lines] == steps
    assert {(line["stage"], line["total"]) for line in lines} == {("score", 5)}
    assert list(progress.timings) == ["score"]
    timed = [(line["seconds"], line.get("rate"), line.get("eta")) for line in lines]
    assert timed == [(0, None, None), (4, 0.5, 6), (8, 0.625, 0), (8, 0.625, 0)]


def test_steps_from_many_threads_are_all_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.0)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Progress("events").stage("train", 400) as advance, ThreadPoolExecutor(8) as pool:
            list(pool.map(advance, [1] * 400))
    finally:
        sys.setswitchinterval(switch)
    done = [json.loads(line)["done"] for line in capsys.readouterr().err.splitlines()]
    assert done == [*range(401), 400]


@pytest.mark.parametrize("mode", ["auto", "quiet"])
def test_nothing_is_shown_off_a_terminal(mode: module.Mode, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(mode)
    with progress.stage("score", 2) as advance:
        advance(2)
    assert capsys.readouterr() == ("", "")
    assert progress.timings["score"] >= 0


def test_a_terminal_gets_a_bar_on_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with Progress("auto").stage("score [all]", 2) as advance:
        advance(1)
        time.sleep(0.02)
        advance(1)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "score" in printed.err
    assert "2/2" in printed.err
    assert re.search(r"\d/s", printed.err)


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (None, ""),
        (0.0, ""),
        (66000.4, "66,000/s"),
        (12.34, "12.3/s"),
        (0.5, "30/min"),
        (0.01, "36/h"),
        (1e-4, "0.36/h"),
    ],
)
def test_rates_are_read_at_a_glance(rate: float | None, said: str) -> None:
    assert module.shown_rate(rate) == said


def test_a_stage_that_fails_is_not_said_to_have_ended(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("events")
    with pytest.raises(ZeroDivisionError), progress.stage("score", 2):
        raise ZeroDivisionError
    assert '"end"' not in capsys.readouterr().err
    assert progress.timings == {}


def test_warnings_follow_the_mode(capsys: pytest.CaptureFixture[str]) -> None:
    warn("quiet", "a")
    warn("auto", "b")
    warn("events", "c")
    plain, event = capsys.readouterr().err.splitlines()
    assert plain == "warning: b"
    assert json.loads(event) == {"event": "warning", "text": "c"}


def test_a_link_is_for_terminals_and_events(capsys, monkeypatch):
    Progress("auto").link("dashboard", "http://127.0.0.1:1/status")
    Progress("quiet").link("dashboard", "http://127.0.0.1:1/status")
    assert capsys.readouterr().err == ""
    Progress("events").link("dashboard", "http://127.0.0.1:1/status")
    assert json.loads(capsys.readouterr().err)["url"] == "http://127.0.0.1:1/status"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    Progress("auto").link("dashboard", "http://127.0.0.1:1/status")
    assert capsys.readouterr().err == "dashboard: http://127.0.0.1:1/status\n"
