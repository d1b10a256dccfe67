"""Progress on stderr: live lines, JSON lines, or silence."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Literal

from kakehashi.catalogs.shown import say, shown

Mode = Literal["auto", "quiet", "events"]
# Context of a stage of work, such as `Progress.stage`: name and number of steps.
Stage = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
# Seconds between events of one stage, so that a log stays readable.
_EVERY = 1.0
# Seconds between lines in a notebook.
_LINES_EVERY = 5.0


def progress_of(shown: bool) -> Progress:
    """Progress of a call from Python: shown in terminals and notebooks, or not at all."""
    return Progress("auto" if shown else "quiet")


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    return "ipykernel" in sys.modules


@contextmanager
def no_stage(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Stand in for `Progress.stage`, silently."""
    yield lambda steps: None


def warn(mode: Mode, text: str) -> None:
    """Print a warning on stderr by the mode.

    Nothing if quiet.
    """
    if mode == "events":
        print(json.dumps({"event": "warning", "text": text}), file=sys.stderr, flush=True)
    elif mode == "auto":
        say(f"warning: {text}", error=True)


class Progress:
    """Times and displays the stages of a run.

    started : when, UTC, ISO 8601; timings : seconds per finished stage, in order
    """

    def __init__(self, mode: Mode = "auto") -> None:
        self.mode = mode
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.timings: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Run a stage of `total` steps.

        Yields a function that takes the number of steps just done.
        """
        start = time.perf_counter()
        if self.mode == "events":
            shown = _events(name, total)
        elif self.mode == "auto" and sys.stderr.isatty():
            shown = _bar(name, total)
        elif self.mode == "auto" and in_notebook():
            shown = _lines(name, total)
        else:
            shown = _silence()
        with shown as advance:
            yield advance
        self.timings[name] = round(time.perf_counter() - start, 3)

    def link(self, name: str, url: str) -> None:
        """Print an address for watching, on terminals or as event."""
        if self.mode == "events":
            print(json.dumps({"event": "link", "name": name, "url": url}), file=sys.stderr, flush=True)
        elif self.mode == "auto" and sys.stderr.isatty():
            say(f"{name}: {url}", error=True)


def shown_rate(rate: float | None) -> str:
    """Steps per second as text, "" where unknown.

    Per minute or hour where slower.

    >>> shown_rate(0.5), shown_rate(1234.0)
    ('30/min', '1,234/s')
    """
    if not rate:
        return ""
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if rate * seconds >= 1 or unit == "h":
            break
    number = rate * seconds
    return f"{number:,.0f}/{unit}" if number >= 100 else f"{number:.3g}/{unit}"


@contextmanager
def _silence() -> Iterator[Callable[[int], None]]:
    yield lambda steps: None


@contextmanager
def _lines(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Print lines, the first and the last and few between."""
    start = last = time.perf_counter()
    done = 0
    lock = threading.Lock()

    def advance(steps: int) -> None:
        nonlocal done, last
        with lock:
            done += steps
            if done < total and time.perf_counter() - last >= _LINES_EVERY:
                last = time.perf_counter()
                say(f"{shown(name)}: {done:,} of {total:,}")

    say(f"{shown(name)} ...")
    yield advance
    say(f"{shown(name)}: done in {time.perf_counter() - start:.1f} s")


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Live
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps per second, over the last half minute.

        In the end over the whole stage.
        """

        def render(self, task: Task) -> Text:
            return Text(shown_rate(task.finished_speed or task.speed), style="progress.data.speed")

    columns = (
        TextColumn("{task.description:<24}", markup=False), BarColumn(), MofNCompleteColumn(), Rate(),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Live(*columns, console=Console(stderr=True)) as live:
        task = live.add_task(shown(name), total=total)
        yield lambda steps: live.advance(task, steps)


@contextmanager
def _events(name: str, total: int) -> Iterator[Callable[[int], None]]:
    start = last = time.perf_counter()
    done = 0
    lock = threading.Lock()  # networks are trained in several threads

    def emit(event: str) -> None:
        seconds = time.perf_counter() - start
        record: dict[str, object] = {"event": event, "stage": name, "done": done, "total": total}
        record["seconds"] = round(seconds, 3)
        if done:  # steps per second so far, and the seconds left at that rate
            record |= {"rate": round(done / seconds, 3), "eta": round(max(0, total - done) * seconds / done, 1)}
        print(json.dumps(record), file=sys.stderr, flush=True)

    def advance(steps: int) -> None:
        nonlocal done, last
        with lock:
            done += steps
            if time.perf_counter() - last >= _EVERY:
                last = time.perf_counter()
                emit("progress")

    emit("start")
    yield advance
    emit("end")
