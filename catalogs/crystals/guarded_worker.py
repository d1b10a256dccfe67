"""Reading process of `catalogs.files.guarded`, killed where a parser hangs or asks for too much."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from kakehashi.catalogs.files.guarded import MEMORY, Answer


def serve(task: str = "smiles") -> None:
    """Answer each line `[argument, texts]` of standard input with a line per text, until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # what a parser prints is no answer
    attempt = _smiles() if task == "smiles" else _structure()
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limit on this platform
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        argument, texts = json.loads(line)
        for text in texts:
            print(json.dumps(attempt(text, argument)), file=answers, flush=True)


def _smiles() -> Callable[[str, Any], Answer]:
    from rdkit import rdBase

    from kakehashi.catalogs.molecules import polymers

    def attempt(text: str, attachments: int | list[int]) -> Answer:
        wanted = attachments if isinstance(attachments, int) else tuple(attachments)
        with rdBase.BlockLogs():
            return polymers.attempt(text, wanted)

    return attempt


def _structure() -> Callable[[str, Any], Any]:
    from kakehashi.catalogs.crystals import structure_text

    structure_text.prepare()
    return lambda text, _: structure_text.attempt(text)


if __name__ == "__main__":
    serve(*sys.argv[1:])
