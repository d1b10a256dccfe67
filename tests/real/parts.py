"""What the parts share: why one cannot run here, packages of their own, processes that are ended by their own id.

A part is a file beside this one with `run(work) -> list[str]`: it starts what the product is to be tried against, tries
it, and returns the lines that sum it up. It raises `Unavailable` where its component cannot be had, anything else where
the product fails. What a part installs is kept in build/real.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The repository."""
INSTALLED = ROOT / "build" / "real"


class Unavailable(Exception):
    """A part whose component is not here and cannot be had; the text says what would bring it."""


class Failed(Exception):
    """A real component with which the product does not do what it should."""


def check(right: bool, what: str, detail: object = "") -> None:
    """Failed, with what should have been, unless it is right."""
    if not right:
        raise Failed(f"{what}: {str(detail)[-2000:]}" if detail != "" else what)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody answers on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what: str, there: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return as soon as something is there; TimeoutError names it."""
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} is not there after {seconds:.0f} s")
        time.sleep(0.05)


@contextmanager
def started(
    words: Sequence[object],
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    ready: Callable[[], bool] = lambda: True,
    seconds: float = 120.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in the background while the block lasts, which begins when it is ready; its output goes to a file.

    Raises
    ------
    Failed : it ends before it is ready; TimeoutError : it is not ready in time.
    """
    with log.open("ab") as stream:
        process = subprocess.Popen(
            list(map(str, words)), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(f"{words[0]} (see {log})", lambda: ready() or process.poll() is not None, seconds)
        if process.poll() is not None and not ready():
            raise Failed(f"{words[0]} ended with exit {process.poll()}: {log.read_text(errors='replace')[-1500:]}")
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


def at_home(home: Path, **environment: str) -> dict[str, str]:
    """The environment of a command of this tree with a home of its own."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"KAKEHASHI_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}
    return {**os.environ, **own, **environment}


def called(*words: object, home: Path, seconds: float = 600.0, **environment: str) -> tuple[int, str, str]:
    """The command in a process of its own, with a home of its own: exit code, stdout, stderr."""
    done = subprocess.run(
        kakehashi(*words), capture_output=True, text=True, timeout=seconds, check=False,
        env=at_home(home, **environment), cwd=home,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def succeed(*words: object, home: Path, **environment: str) -> str:
    """The command's stdout; Failed unless it exits 0."""
    code, out, error = called(*words, home=home, **environment)
    check(code == 0, f"kakehashi {' '.join(map(str, words))} exits {code}", error or out)
    return out
