"""A screening that is cut short and goes on, for the parts that compute it elsewhere."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.real.parts import end, kakehashi, wait_for

PARTITIONS = 80


def words(out: Path, *more: object) -> list[str]:
    """The command: 20,000 real compositions in 80 partitions."""
    return kakehashi(
        "screen", "--target", "ltc", "--log", "--source", "volume_per_atom", "--networks", "2", "--outer-folds", "3",
        "--catalog", "mp_formulas", "--limit", 250 * PARTITIONS, "--partition-rows", "250", "--out", out, *more,
    )  # fmt: skip


def sums(out: Path) -> list[str]:
    """Sha256 of the two files of the ranking."""
    return [hashlib.sha256((out / name).read_bytes()).hexdigest() for name in ("ranking.parquet", "ranking.csv")]


def alone(out: Path, environment: Mapping[str, str]) -> list[str]:
    """Sums of the same run in one process."""
    Command(words(out), out, environment).ends(0)
    return sums(out)


def done(out: Path) -> int:
    """Partitions that are committed."""
    return len(list((out / "scores").glob("*.parquet"))) if (out / "scores").is_dir() else 0


class Command:
    """A run in the background, in a process group of its own."""

    def __init__(self, command: Sequence[str], out: Path, environment: Mapping[str, str]) -> None:
        self.out = out
        self.process = subprocess.Popen(
            list(command), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip

    def until(self, what: str, there: Callable[[], bool], seconds: float = 180) -> None:
        """Wait for something that has to come before the end."""
        try:
            wait_for(what, lambda: self.process.poll() is not None or there(), seconds)
        except TimeoutError:
            end(self.process)
            raise
        assert self.process.poll() is None, f"ended before {what}: {self.process.communicate()}"

    def midway(self) -> None:
        """Wait until some more partitions are scored."""
        start = done(self.out)
        self.until(f"a partition of {self.out.name}", lambda: done(self.out) > start + 2)

    def ends(self, code: int, *says: str) -> str:
        """Wait for the end, with this exit code and these words on stderr, and no traceback."""
        try:
            _, err = self.process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            end(self.process)
            raise
        assert self.process.returncode == code, f"exit {self.process.returncode} instead of {code}: {err}"
        for text in says:
            assert text in err, f"{text!r} is not in: {err}"
        assert "Traceback" not in err, err
        return err.strip()


def cut_short(out: Path) -> int:
    """Partitions of a run that are done; there must be some, and some left."""
    assert 0 < done(out) < PARTITIONS, f"{done(out)} partitions of {PARTITIONS} were done: nothing was cut short"
    return done(out)
