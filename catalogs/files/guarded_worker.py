"""Worker process of `catalogs.files.guarded`.

It is killed where a parser hangs or asks for too much memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from importlib import import_module

from kakehashi.catalogs.files.guarded import MEMORY


def serve(prepare: str) -> None:
    """Parse texts from standard input until it ends.

    Each line `[argument, texts]` is answered with a line per text.

    prepare : "module:name" of a function that returns the parser, as in `guarded.ParserTask`
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # what a parser prints is no answer
    module, _, name = prepare.partition(":")
    parse = getattr(import_module(module), name)()
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limit on this platform
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        argument, texts = json.loads(line)
        for text in texts:
            print(json.dumps(parse(text, argument)), file=answers, flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
