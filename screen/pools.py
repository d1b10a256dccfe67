"""Threads that fit models side by side.

An interrupt lets calls at work finish, and tells how long that takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from kakehashi.catalogs.processors import available
from kakehashi.screen.acknowledge import at_hand


class Pool(ThreadPoolExecutor):
    """Pool of threads that times its calls.

    Raises
    ------
    ValueError : fewer than one thread.
    """

    def __init__(self, threads: int, noun: str) -> None:
        super().__init__(threads)
        self.noun = noun
        self._lock_of_times = threading.Lock()
        self._started: dict[int, float] = {}
        self._done = 0
        self._seconds = 0.0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Schedule a call, timed."""
        return super().submit(self._timed, fn, args, kwargs)

    def at_work(self) -> str:
        """Describe the work in progress, e.g. `finishing 4 networks, about 30 s`.

        The time only where it is known.
        """
        now = time.monotonic()
        with self._lock_of_times:
            started = list(self._started.values())
            usual = self._seconds / self._done if self._done else None
        what = f"finishing {len(started)} {self.noun}{'' if len(started) == 1 else 's'}"
        if usual is None or not started:
            return what
        left = max(usual - (now - start) for start in started)
        return f"{what}, about {max(1, round(left))} s"

    def _timed(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        me, start = threading.get_ident(), time.monotonic()
        with self._lock_of_times:
            self._started[me] = start
        try:
            return fn(*args, **kwargs)
        finally:
            with self._lock_of_times:
                del self._started[me]
                self._done += 1
                self._seconds += time.monotonic() - start


@contextmanager
def threads(noun: str, most: int | None = None) -> Iterator[Pool]:
    """Open threads on all available processors.

    most : upper limit

    When an error or an interrupt ends the block, what waits is dropped and what is at work is finished.

    Parameters
    ----------
    noun : what a call makes, as `network`
    """
    pool = Pool(max(1, available() if most is None else min(available(), most)), noun)
    with at_hand(pool.at_work):
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            pool.shutdown(wait=True)
