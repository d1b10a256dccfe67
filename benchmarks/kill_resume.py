"""Kills of a whole screening run at random moments, each followed by --resume: the ranking must have the same bytes.

A run of the Materials Project snapshot that is left alone is compared with one that is killed (SIGKILL) three times, in
stages drawn at random, each after a random share of the time the stage took before. Both start with an empty cache, so
that pre-training and transfer are reached. Needs ../shared/data; says so and stops where it is absent.

    python benchmarks/kill_resume.py [--limit ROWS] [--networks 50] [--kills 3] [--seed 0] [--workers N]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"


def sha256(run: Path) -> str:
    return hashlib.sha256((run / "ranking.parquet").read_bytes()).hexdigest()


def start(words: list[str], home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kakehashi", "screen", *words, "--events"], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True, env={**os.environ, "KAKEHASHI_HOME": str(home)},
    )  # fmt: skip


def events(process: subprocess.Popen[str]):
    """Events of a run as they come."""
    assert process.stderr is not None
    for line in process.stderr:
        try:
            yield json.loads(line)
        except ValueError:
            print(line, end="", file=sys.stderr)


def whole(words: list[str], home: Path) -> dict[str, float]:
    """Seconds of every stage of a run that is left alone."""
    process = start(words, home)
    seconds = {e["stage"]: e["seconds"] for e in events(process) if e["event"] == "end"}
    if process.wait():
        sys.exit("the run that was left alone failed")
    return seconds


def killed(words: list[str], home: Path, stage: str, delay: float) -> bool:
    """Kill a run `delay` seconds after a stage began; whether it was still running."""
    process = start(words, home)
    for event in events(process):
        if event["event"] == "start" and event["stage"].removesuffix(" (cached)") == stage:
            time.sleep(delay)
            break
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--partition-rows", type=int, default=16_384)
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    words = [
        "--log", "--target", f"{DATA}/ltc45_dft.parquet:kappa_300k", "--catalog", f"{DATA}/mp_snapshot.parquet",
        "--source", f"{DATA}/aflow_agl_struct.parquet:log(agl_kappa_300k)", "--source", "volume_per_atom",
        "--networks", str(given.networks), "--partition-rows", str(given.partition_rows),
    ]  # fmt: skip
    words += ["--limit", str(given.limit)] if given.limit else []
    words += ["--workers", str(given.workers)] if given.workers else []
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        seconds = whole([*words, "--out", str(base / "whole")], base / "home1")
        print(f"{sha256(base / 'whole')}  left alone, {sum(seconds.values()):.0f} s")
        stages = list(seconds)
        for place in sorted(rng.sample(range(len(stages)), min(given.kills, len(stages)))):
            stage = stages[place]
            delay = rng.random() * seconds[stage]
            again = ["--resume"] if (base / "killed").exists() else []
            hit = killed([*words, "--out", str(base / "killed"), *again], base / "home2", stage, delay)
            parts = len(list((base / "killed" / "scores").glob("part-*")))
            where = stage.replace(f"{DATA}/", "")
            print(f"{'killed' if hit else 'TOO LATE'} {delay:.2f} s into '{where}', {parts} partitions there")
        whole([*words, "--out", str(base / "killed"), "--resume"], base / "home2")
        same = sha256(base / "killed") == sha256(base / "whole")
        print(f"{sha256(base / 'killed')}  killed and resumed: {'same bytes' if same else 'OTHER BYTES'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
