"""Texts of unknown origin read in worker processes: one that hangs or crashes a parser costs one row, not the run.

RDKit and pymatgen have no limits of their own and Python cannot interrupt them, so the only safe limit is a process to
kill. A worker answers row by row; the row after its last answer is the one that killed it.
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
from typing import Any, Literal, NamedTuple

from kakehashi.catalogs.processors import available

SECONDS = 10.0
"""Time given to one row; a usual one takes half a millisecond as SMILES, some milliseconds as a structure."""
MEMORY = 4 << 30
"""Bytes of address space of a worker."""
CHUNK = 256
STRUCTURES, SHARE = 16, 128
"""Structures handed to a worker at a time, which take longer than SMILES; and those that are worth another worker."""
COMMAND = (sys.executable, "-P", "-m", "kakehashi.catalogs.crystals.guarded_worker")
_START_SECONDS = 120.0  # importing RDKit or pymatgen on a busy disk

Task = Literal["smiles", "structure"]
Answer = tuple[str, str, str]


def parse_guarded(
    texts: Sequence[str], attachments: int | tuple[int, ...], *, seconds: float = SECONDS, workers: int | None = None
) -> list[Answer]:
    """Return per text what `polymers.attempt` returns, or "", "" and how the text took its worker down."""
    with Workers("smiles", attachments, seconds=seconds, workers=workers) as pool:
        return [("", "", answer.reason) if answer.reason else tuple(answer.value) for answer in pool.read(texts)]


class Read(NamedTuple):
    """What a worker answered to one text, or how the text took it down."""

    value: Any
    reason: str


class Workers:
    """Processes that read texts for one task, started when first needed and ended with the context.

    Parameters
    ----------
    argument : goes to the worker with every text
    seconds : given to one text
    """

    def __init__(
        self, task: Task, argument: Any = None, *, seconds: float | None = None, workers: int | None = None
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

    def read(self, texts: Sequence[str]) -> list[Read]:
        """Answers in the order of the texts."""
        chunks: queue.SimpleQueue[range] = queue.SimpleQueue()
        size, share = (CHUNK, CHUNK) if self._task == "smiles" else (STRUCTURES, SHARE)
        for start in range(0, len(texts), size):
            chunks.put(range(start, min(start + size, len(texts))))
        count = min(self._most, -(-len(texts) // share))
        while len(self._workers) < count:
            self._workers.append(_Worker(self._task, self._argument, self._seconds))
        answers = [Read(None, "")] * len(texts)

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
    """A process that reads texts; it is started again after a text that took it down."""

    def __init__(self, task: Task, argument: Any, seconds: float) -> None:
        self._task, self._argument, self._seconds = task, argument, seconds
        self._process: subprocess.Popen[str] | None = None

    def read(self, texts: list[str]) -> list[Read]:
        answers: list[Read] = []
        while len(answers) < len(texts):
            if self._process is None:
                self._process = self._start()
            reason = self._ask(self._process, texts[len(answers) :], answers.append)
            if reason:
                self.close()
                answers.append(Read(None, reason))
        return answers

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        process = subprocess.Popen(
            (*COMMAND, self._task),
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
            what = "SMILES" if self._task == "smiles" else "structures"
            raise RuntimeError(f"a worker that reads {what} did not start (exit status {process.returncode})")
        return process

    def _ask(self, process: subprocess.Popen[str], texts: list[str], keep: Callable[[Read], None]) -> str:
        """Hand `keep` one answer per text; return "" or why the answers stopped."""
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
                keep(Read(json.loads(line), ""))
                deadline.postpone()
        return ""


class _Deadline:
    """Kills a process that made no progress for some seconds."""

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
