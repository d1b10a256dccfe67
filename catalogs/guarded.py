"""SMILES of unknown origin read in worker processes: one that hangs or crashes RDKit costs one row, not the run.

RDKit has no time limit of its own and Python cannot interrupt it, so the only safe limit is a process to kill.
A worker answers row by row; the row after its last answer is the one that killed it.
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

from catalogs.processors import available

SECONDS = 10.0
"""Time given to one row; a usual one takes half a millisecond."""
MEMORY = 4 << 30
"""Bytes of address space of a worker."""
CHUNK = 256
COMMAND = (sys.executable, "-P", "-m", "catalogs.guarded")
_START_SECONDS = 120.0  # importing RDKit on a busy disk

Answer = tuple[str, str, str]


def parse_guarded(
    texts: Sequence[str], attachments: int | tuple[int, ...], *, seconds: float = SECONDS, workers: int | None = None
) -> list[Answer]:
    """Return per text what `polymers.attempt` returns, or "", "" and how the text took its worker down."""
    wanted = workers or available()
    chunks: queue.SimpleQueue[range] = queue.SimpleQueue()
    for start in range(0, len(texts), CHUNK):
        chunks.put(range(start, min(start + CHUNK, len(texts))))
    count = min(wanted, chunks.qsize())
    answers: list[Answer] = [("", "", "")] * len(texts)

    def drain() -> None:
        with contextlib.closing(_Worker(attachments, seconds)) as worker, contextlib.suppress(queue.Empty):
            while True:
                rows = chunks.get_nowait()
                for row, answer in zip(rows, worker.read([texts[row] for row in rows]), strict=True):
                    answers[row] = answer

    if count:
        with ThreadPoolExecutor(count) as pool:
            for done in [pool.submit(drain) for _ in range(count)]:
                done.result()
    return answers


class _Worker:
    """A process that reads texts; it is started again after a text that took it down."""

    def __init__(self, attachments: int | tuple[int, ...], seconds: float) -> None:
        self._attachments, self._seconds = attachments, seconds
        self._process: subprocess.Popen[str] | None = None

    def read(self, texts: list[str]) -> list[Answer]:
        answers: list[Answer] = []
        while len(answers) < len(texts):
            if self._process is None:
                self._process = self._start()
            reason = self._ask(self._process, texts[len(answers) :], answers.append)
            if reason:
                self.close()
                answers.append(("", "", reason))
        return answers

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path},
        )
        with _Deadline(process, _START_SECONDS):
            ready = process.stdout.readline() if process.stdout else ""
        if not ready:
            process.kill()
            process.communicate()
            raise RuntimeError(f"a worker that reads SMILES did not start (exit status {process.returncode})")
        return process

    def _ask(self, process: subprocess.Popen[str], texts: list[str], keep: Callable[[Answer], None]) -> str:
        """Hand `keep` one answer per text; return "" or why the answers stopped."""
        assert process.stdin is not None
        assert process.stdout is not None
        with _Deadline(process, self._seconds) as deadline:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps([self._attachments, texts]) + "\n")
                process.stdin.flush()
            for _ in texts:
                line = process.stdout.readline()
                if not line.endswith("\n"):
                    return f"parsing took longer than {self._seconds:g} s" if deadline.passed else "crashed the parser"
                smiles, key, reason = json.loads(line)
                keep((smiles, key, reason))
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


def serve() -> None:
    """Answer each line `[attachments, texts]` of standard input with a line per text, until the input ends."""
    from rdkit import rdBase

    from catalogs.polymers import attempt

    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limit on this platform
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", flush=True)
    with rdBase.BlockLogs():
        for line in sys.stdin:
            attachments, texts = json.loads(line)
            wanted = attachments if isinstance(attachments, int) else tuple(attachments)
            for text in texts:
                print(json.dumps(attempt(text, wanted)), flush=True)


if __name__ == "__main__":
    serve()
