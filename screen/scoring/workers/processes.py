"""Start processes that leave signals and variables of this one alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

from kakehashi.screen.interrupt import spared


class ClusterStack(ExitStack):
    """Stack of resources, unwound even when told to end."""

    def __exit__(self, *details: Any) -> bool | None:
        with spared():
            return super().__exit__(*details)


@contextmanager
def ignore_interrupts() -> Iterator[None]:
    """Let processes started here, now or later, ignore Ctrl-C.

    The terminal sends it to the workers too, and one that is only starting would die of it; answering it is up to this
    process. Threads and processes inherit the signals that are blocked; this process answers again as soon as the block
    ends.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # when it starts it unblocks SIGINT in the thread that needs it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def restore_variables() -> Iterator[None]:
    """Restore environment variables that a nanny sets for its children."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
