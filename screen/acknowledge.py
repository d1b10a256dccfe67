"""Immediate answers to Ctrl-C while the main thread computes.

Python runs the handlers of signals between two steps of its own, and a compilation or a fit may take half a minute
until the next. The system's handler writes the number of a signal into a socket at once; a thread reads it there,
says what is being finished, and ends the process at the second Ctrl-C if the main thread does not.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from kakehashi.screen.progress import Mode, warn

# Seconds in which a process may end without an answer to Ctrl-C.
AT_ONCE = 0.3
# Seconds after the second Ctrl-C for the main thread to leave its folders in order.
GRACE = 3.0
# The same while jobs elsewhere are ended.
CLOSING = 60.0

_work: list[Callable[[], str]] = []
_watching = threading.Event()
_closing: list[None] = []


@contextmanager
def at_hand(describe: Callable[[], str]) -> Iterator[None]:
    """Name the work that an interrupt interrupts.

    describe : () to a text such as `finishing 4 networks`
    """
    _work.append(describe)
    try:
        yield
    finally:
        _work.remove(describe)


@contextmanager
def closing() -> Iterator[None]:
    """Allow more time after a second Ctrl-C, to end jobs elsewhere."""
    _closing.append(None)
    try:
        yield
    finally:
        _closing.pop()


def is_watched() -> bool:
    """Tell whether a thread already answers interrupts."""
    return _watching.is_set()


def answer() -> str:
    """The answer to a first Ctrl-C."""
    doing = "ending"
    with suppress(IndexError):
        doing = _work[-1]()
    return f"interrupted: {doing}; Ctrl-C again stops now"


@contextmanager
def acknowledged(mode: Mode, last: Callable[[], int]) -> Iterator[None]:
    """Answer Ctrl-C while the block lasts.

    A second one ends the process within seconds. Outside the main thread, and where SIGINT is ignored, nothing
    changes.

    Parameters
    ----------
    last : says the last words where the process must be ended, and returns its exit code.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    former = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reader, mode, last), name="kakehashi-interrupts", daemon=True)
    watcher.start()
    _watching.set()
    try:
        yield
    finally:
        _watching.clear()
        signal.set_wakeup_fd(former)
        writer.close()
        watcher.join(GRACE)
        reader.close()


def _watch(reader: socket.socket, mode: Mode, last: Callable[[], int]) -> None:
    """Answer presses until the block ends."""
    if not _pressed(reader, None):
        return
    second = _pressed(reader, AT_ONCE)
    if second is None:
        with suppress(Exception):
            warn(mode, answer())
        second = _pressed(reader, None)
    if second and _pressed(reader, CLOSING if _closing else GRACE) is not False:
        code = 128 + signal.SIGINT
        with suppress(Exception):  # its streams may be in the middle of a line
            code = last()
        stop(code)


def _pressed(reader: socket.socket, seconds: float | None) -> bool | None:
    """Wait for Ctrl-C.

    True where it came, False where the block ended, None where time ran out.
    """
    reader.settimeout(seconds)
    try:
        while data := reader.recv(1):
            if data[0] == signal.SIGINT:
                return True
    except TimeoutError:
        return None
    except OSError:
        pass
    return False


def stop(code: int) -> NoReturn:
    """End the process at once, without waiting for threads.

    Files are whole, or have no name yet.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def stop_if_busy(code: int) -> None:
    """End the process where threads would delay its end."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        stop(code)
