"""Whole runs: killed at random moments, with shuffled rows, on workers, the ranking has the same bytes."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kakehashi.catalogs.runs.rundir import Results
from kakehashi.screen.ranking import sorter as external

if TYPE_CHECKING:
    from conftest import Tiny

Run = Callable[..., tuple[int, str, str]]
Finished = tuple[Path, subprocess.CompletedProcess[str]]
# Kills come in this order, each in a run that resumes what the one before left.
STAGES = ("pre-train gap", "transfer", "score candidates", "rank and write")
RANKED = ("ranking.parquet", "ranking.csv")


def killed(words: list[str], home: Path, stage: str, delay: float) -> int:
    """Exit status of a run killed so long after a stage began."""
    command = [sys.executable, "-P", "-m", "kakehashi", *words, "--events"]
    environment = {**os.environ, "KAKEHASHI_HOME": str(home)}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line)
            if event["event"] == "start" and event["stage"] == stage:
                time.sleep(delay)
                break
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


@pytest.mark.fault
def test_three_kills_at_random_moments_change_no_byte(
    tiny: Tiny, tiny_run: Finished, kakehashi: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    ends = [json.loads(line) for line in tiny_run[1].stderr.splitlines()]
    seconds = {event["stage"]: event["seconds"] for event in ends if event["event"] == "end"}
    assert set(STAGES) == set(seconds)
    rng = random.Random(11)
    chosen = sorted(rng.sample(range(len(STAGES)), 3))
    out, home = tmp_path / "run", tmp_path / "home"
    words = ["screen", *tiny.flags, "--partition-rows", "3", "--out", str(out)]
    for place in chosen:
        # A third of the time: a quieter machine than that of the first run must not be too fast.
        delay = 0.33 * rng.random() * seconds[STAGES[place]]
        assert killed(words, home, STAGES[place], delay) == -signal.SIGKILL
        assert not (out / "run.json").exists()
        words = [*words[: words.index(str(out)) + 1], "--resume"]
    done = kakehashi(*words, "--quiet", KAKEHASHI_HOME=str(home))
    assert (done.returncode, done.stderr) == (0, "")
    Results(out).verify()
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]
    for name in RANKED:
        assert (out / name).read_bytes() == (tiny_run[0] / name).read_bytes(), name


@pytest.fixture
def shuffled(tiny: Tiny, tmp_path: Path) -> Path:
    with (tiny.folder / "catalog.csv").open(newline="") as stream:
        head, *rows = csv.reader(stream)
    with (tmp_path / "shuffled.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([head, *(rows[i] for i in np.random.default_rng(1).permutation(len(rows)))])
    return tmp_path / "shuffled.csv"


@pytest.mark.parametrize(
    ("own", "memory"),
    [
        (["--partition-rows", 14], 10**6),  # 3 partitions
        (["--partition-rows", 3], 7),  # 14 partitions, and sorted runs of 7 rows on the disk
        (["--partition-rows", 14, "--workers", 1], 7),
        (["--partition-rows", 3, "--workers", 2], 10**6),
    ],
)
def test_shuffled_rows_partitions_workers_and_memory_change_no_byte(
    screen: Run, tiny_run: Finished, shuffled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    own: list[object], memory: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(external, "RUN_ROWS", memory)
    monkeypatch.setattr(external, "POOL_ROWS", memory)
    assert screen("--catalog", shuffled, "--out", tmp_path / "run", *own)[0] == 0
    for name in RANKED:
        assert (tmp_path / "run" / name).read_bytes() == (tiny_run[0] / name).read_bytes(), name


@pytest.mark.fault
def test_what_a_killed_sort_leaves_is_swept_away(screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert screen("--out", out)[0] == 0
    (out / "run.json").unlink()
    (out / ".kakehashi-sort-7f00-00000.tmp").write_bytes(b"half a run")
    assert screen("--out", out, "--resume")[0] == 0
    assert not list(out.glob(".kakehashi-sort*"))
