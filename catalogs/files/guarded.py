"""Worker processes that parse texts of unknown origin.

A text that hangs or crashes the parser costs its row, not the run.

RDKit and pymatgen have no time limits and Python cannot interrupt them, so a worker is a process that can be killed.
It answers row by row; the row after its last answer is the one that took it down.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple

from kakehashi.catalogs.processors import available

SECONDS = 10.0
"""Time limit of one text; a usual one takes half a millisecond as SMILES, some milliseconds as a structure."""
MEMORY = 4 << 30
"""Bytes of address space of a worker."""
COMMAND = (sys.executable, "-P", "-m", "kakehashi.catalogs.files.guarded_worker")
_START_SECONDS = 120.0  # importing RDKit or pymatgen on a busy disk


class ParserTask(NamedTuple):
    """Parser that workers run, and its chunk sizes.

    texts : plural noun for its texts, for messages
    prepare : "module:name" of a function that imports what parsing takes and returns `parse(text, argument)`, whose
        answers go through JSON
    chunk : texts handed to a worker at a time
    share : texts that are worth another worker
    """

    texts: str
    prepare: str
    chunk: int
    share: int


class Answer(NamedTuple):
    """Parsed value, or why the text took its worker down.

    `reason` is "" where it did not.
    """

    value: Any
    reason: str


class Workers:
    """Worker processes of one parser.

    They start when first needed and end with the context.

    Parameters
    ----------
    argument : passed to the parser with every text
    seconds : time limit of one text
    workers : at most so many; the available processors by default
    """

    def __init__(
        self, task: ParserTask, argument: Any = None, *, seconds: float | None = None, workers: int | None = None
    ) -> None:
        self._task, self._argument = task, argument
        self._seconds = SECONDS if seconds is None else seconds
        self._most = workers or available()
        self._workers: list[_Worker] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.close()

    def read(self, texts: Sequence[str]) -> list[Answer]:
        """Parse texts; answers come in their order."""
        chunks: queue.SimpleQueue[range] = queue.SimpleQueue()
        for start in range(0, len(texts), self._task.chunk):
            chunks.put(range(start, min(start + self._task.chunk, len(texts))))
        count = min(self._most, -(-len(texts) // self._task.share))
        while len(self._workers) < count:
            self._workers.append(_Worker(self._task, self._argument, self._seconds))
        answers = [Answer(None, "")] * len(texts)

        def drain(worker: _Worker) -> None:
            with contextlib.suppress(queue.Empty):
                while True:
                    rows = chunks.get_nowait()
                    for row, answer in zip(rows, worker.read([texts[row] for row in rows]), strict=True):
                        answers[row] = answer

        if count:
            with ThreadPoolExecutor(count) as pool:
                try:
                    for done in [pool.submit(drain, worker) for worker in self._workers[:count]]:
                        done.result()
                finally:
                    with contextlib.suppress(queue.Empty):  # after an error or Ctrl-C: nothing more is begun
                        while True:
                            chunks.get_nowait()
        return answers


class _Worker:
    """Process that parses texts, restarted after each crash."""

    def __init__(self, task: ParserTask, argument: Any, seconds: float) -> None:
        self._task, self._argument, self._seconds = task, argument, seconds
        self._process: subprocess.Popen[str] | None = None

    def read(self, texts: list[str]) -> list[Answer]:
        answers: list[Answer] = []
        while len(answers) < len(texts):
            if self._process is None:
                self._process = self._start()
            reason = self._ask(self._process, texts[len(answers) :], answers.append)
            if reason:
                self.close()
                answers.append(Answer(None, reason))
        return answers

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        process = subprocess.Popen(
            (*COMMAND, self._task.prepare),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            process_group=0 if os.name == "posix" else None,  # Ctrl-C is for the run, which may finish its rows
        )
        with _Deadline(process, _START_SECONDS):
            ready = process.stdout.readline() if process.stdout else ""
        if not ready:
            process.kill()
            process.communicate()
            raise RuntimeError(
                f"a worker that reads {self._task.texts} did not start (exit status {process.returncode})"
            )
        return process

    def _ask(self, process: subprocess.Popen[str], texts: list[str], take: Callable[[Answer], None]) -> str:
        """Hand `take` an answer per text.

        Returns "", or why the answers stopped.
        """
        assert process.stdin is not None
        assert process.stdout is not None
        with _Deadline(process, self._seconds) as deadline:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps([self._argument, texts]) + "\n")
                process.stdin.flush()
            for _ in texts:
                line = process.stdout.readline()
                if not line.endswith("\n"):
                    return f"parsing took longer than {self._seconds:g} s" if deadline.passed else "crashed the parser"
                take(Answer(json.loads(line), ""))
                deadline.postpone()
        return ""


class _Deadline:
    """Kill a process that makes no progress."""

    def __init__(self, process: subprocess.Popen[str], seconds: float) -> None:
        self.passed = False
        self._process, self._seconds = process, seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.postpone()

    def __enter__(self) -> _Deadline:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def postpone(self) -> None:
        self._end = time.monotonic() + self._seconds

    def _watch(self) -> None:
        while not self._done.wait(min(0.05, self._seconds / 4)):
            if time.monotonic() > self._end:
                self.passed = True
                self._process.kill()
                return
