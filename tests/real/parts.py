"""What the real parts share: packages in environments of their own, processes ended by their own ids, ports.

A part is a file beside this one with `run(work) -> list[str]`: it starts what the product is to be tried against, tries
it, and returns the lines that sum it up. It raises `Unavailable` where its component cannot be had, anything else where
the product fails. `work` is a folder that may be kept from one run to the next.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"


class Unavailable(Exception):
    """A component that this machine has not and cannot get; its text is the reason."""


class Failed(Exception):
    """A real component with which the product does not do what it should."""


def check(right: bool, what: str, detail: object = "") -> None:
    """Failed, with what should have been, unless it is right."""
    if not right:
        raise Failed(f"{what}: {str(detail)[-2000:]}" if detail != "" else what)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody answers on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is so; Failed, saying what was waited for, after that many seconds."""
    end = time.monotonic() + seconds
    while not ready():
        check(time.monotonic() < end, f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.1)


@contextmanager
def started(
    command: Sequence[object],
    log: Path,
    *,
    ready: Callable[[], bool] = lambda: True,
    seconds: float = 60.0,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process while the block lasts, from when it is ready; then it and its children are ended, by their own ids."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )
    try:
        wait_until(lambda: ready() or process.poll() is not None, seconds, f"{command[0]} to answer, see {log}")
        if (code := process.poll()) is not None:
            raise Failed(f"{command[0]} ended with exit {code}: {log.read_text(errors='replace')[-1500:]}")
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """End a process that leads a group of its own, and what it started: asked first, then made to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def environment_of(folder: Path, packages: Sequence[str]) -> Path:
    """The interpreter of a virtual environment with these packages, made unless it is there; Unavailable otherwise."""
    python = folder / "bin" / "python"
    wanted, mark = "\n".join(packages), folder / "packages.txt"
    if mark.is_file() and mark.read_text() == wanted and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _install([sys.executable, "-m", "venv", folder], "a virtual environment")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-qq"]
    _install([*pip, *packages], ", ".join(packages))
    mark.write_text(wanted)
    return python


def node_module(folder: Path, package: str) -> Path:
    """Folder of a package of npm's, installed unless it is there; Unavailable otherwise."""
    if not (npm := shutil.which("npm")):
        raise Unavailable("npm is not installed")
    found = folder / "node_modules" / package.rpartition("@")[0]
    if not (found / "package.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _install([npm, "install", "--no-fund", "--no-audit", "--prefix", folder, package], package)
    return found


def _install(command: Sequence[object], what: str) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise Unavailable(f"{what} cannot be installed: {lines[-1] if lines else f'exit {done.returncode}'}")


def kakehashi(*words: object, home: Path, seconds: float = 600.0, **environment: str) -> tuple[int, str, str]:
    """The command in a process of its own, with a home of its own: exit code, stdout, stderr."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {**os.environ, "KAKEHASHI_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "kakehashi", *map(str, words)],
        capture_output=True, text=True, timeout=seconds, check=False, env={**own, **environment}, cwd=home,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def succeed(*words: object, home: Path, **settings: str) -> str:
    """The command's stdout; Failed unless it exits 0."""
    code, out, err = kakehashi(*words, home=home, **settings)
    check(code == 0, f"kakehashi {' '.join(map(str, words))} exits {code}", err or out)
    return out
