"""What the parts share: why one cannot run here, and processes that are ended by their own id."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository."""


class Unavailable(Exception):
    """A part whose component is not here and cannot be had; the text says what would bring it."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, there: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return as soon as something is there; TimeoutError names it."""
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} is not there after {seconds:.0f} s")
        time.sleep(0.05)


@contextmanager
def started(
    words: Sequence[object], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in the background while the block lasts; what it prints goes to a file."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            list(map(str, words)), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """End a process by its id, politely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kakehashi(*words: object) -> list[str]:
    """The command line of this installation."""
    return [sys.executable, "-P", "-m", "kakehashi", *map(str, words)]
