"""Ctrl-C in two steps: the first lets the work at hand be finished and kept, the second aborts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from screen.acknowledge import at_hand, is_watched
from screen.progress import Mode, warn

AT_HAND = "finishing the partition at hand"


@contextmanager
def first_finishes(mode: Mode) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C was pressed; pressed again, KeyboardInterrupt is raised.

    Outside the main thread, and where SIGINT is ignored, nothing changes.
    """
    asked = False

    def answer(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        if not is_watched():
            with suppress(RuntimeError):  # stderr may be in the middle of a line
                warn(mode, f"interrupted: {AT_HAND}; Ctrl-C again stops now")

    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(former):
        yield lambda: False
        return
    signal.signal(signal.SIGINT, answer)
    try:
        with at_hand(lambda: AT_HAND):
            yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, former)
