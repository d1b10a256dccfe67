"""Ends of a run before its time: Ctrl-C, SIGTERM, hang-up.

The first Ctrl-C lets work in progress finish, the second aborts. SIGTERM unwinds at once, so that what is queued
is cancelled and what is secret removed, and ends the process even where a thread would compute for minutes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from kakehashi.catalogs.shown import say
from kakehashi.screen.acknowledge import answer, at_hand, closing, is_watched
from kakehashi.screen.progress import Mode, warn

# From SIGTERM to the end of the process: its sender kills some 10 s later.
GRACE_SECONDS = 6.0
_NAMES = {"SIGTERM": "terminated", "SIGHUP": "hung up"}
_WORDS = {getattr(signal, name): word for name, word in _NAMES.items() if hasattr(signal, name)}


class Terminated(KeyboardInterrupt):
    """The signal of this number ended the process."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.number = int(number)


def _print(word: str) -> None:
    say(word, error=True)


class _State:
    """State shared by handlers and last words of the process."""

    spared = 0
    waiting: int | None = None
    say: Callable[[str], None] = staticmethod(_print)
    said = False


_state = _State()


def stopped(stop: KeyboardInterrupt) -> int:
    """Print how this process was stopped; return its exit code.

    130 by Ctrl-C, 143 by SIGTERM.
    """
    number = stop.number if isinstance(stop, Terminated) else int(signal.SIGINT)
    if not _state.said:
        _state.said = True
        _state.say(_WORDS.get(number, "interrupted"))
    return 128 + number


@contextmanager
def last_words(say: Callable[[str], None]) -> Iterator[None]:
    """Replace the printer of last words while the block lasts."""
    former, _state.say = _state.say, say
    try:
        yield
    finally:
        _state.say = former


@contextmanager
def terminable(*, process: bool) -> Iterator[None]:
    """Raise `Terminated` on SIGTERM and SIGHUP in the main thread.

    Signals that are ignored stay ignored.

    process : whether this process ends with the block; then it ends within `GRACE_SECONDS` of the signal, whatever
        its threads do
    """
    _state.waiting, _state.said = None, False
    over = threading.Event()

    def answer(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=_end, args=(number, over), daemon=True).start()
        if _state.spared:
            _state.waiting = number
        else:
            raise Terminated(number)

    taken = []
    if threading.current_thread() is threading.main_thread():
        taken = [number for number in _WORDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, answer)
    try:
        yield
    finally:
        _state.waiting = None
        if not process:
            over.set()
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def spared() -> Iterator[None]:
    """Finish the block before SIGTERM is answered.

    For jobs to cancel and secrets to remove, which no other process does.
    """
    _state.spared += 1
    try:
        with closing():
            yield
    finally:
        _state.spared -= 1
    if not _state.spared and _state.waiting is not None:
        number, _state.waiting = _state.waiting, None
        raise Terminated(number)


def _end(number: int, over: threading.Event) -> None:
    """End this process when its time is over.

    Later, where something is being cancelled.
    """
    end = time.monotonic() + GRACE_SECONDS
    while not over.wait(0.05):
        if time.monotonic() > end and not _state.spared:
            with suppress(Exception):  # its streams may be in the middle of a line
                stopped(Terminated(number))
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(128 + number)


@contextmanager
def first_finishes(
    mode: Mode, describe: Callable[[], str] = lambda: "finishing what is at hand"
) -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C finish work, the second raise KeyboardInterrupt.

    Yields a function that tells whether Ctrl-C was pressed.

    Outside the main thread, and where SIGINT is ignored, nothing changes.

    Parameters
    ----------
    describe : what is being finished, as the answer says it.
    """
    pressed = False

    def first(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        if not is_watched():
            with suppress(RuntimeError):  # stderr may be in the middle of a line
                warn(mode, answer())

    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(former):
        yield lambda: False
        return
    signal.signal(signal.SIGINT, first)
    try:
        with at_hand(describe):
            yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, former)


@contextmanager
def at_once() -> Iterator[None]:
    """Let the first Ctrl-C abort while the block lasts."""
    with answered_as_before():
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield


@contextmanager
def answered_as_before() -> Iterator[None]:
    """Restore the handler of Ctrl-C when the block ends.

    Libraries replace it when they are imported.
    """
    former: Any = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is not former and former is not None:
            signal.signal(signal.SIGINT, former)
