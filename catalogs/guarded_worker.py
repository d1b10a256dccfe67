"""The process that reads SMILES for `catalogs.guarded`, which kills it where RDKit hangs."""

from __future__ import annotations

import contextlib
import json
import sys

from catalogs import polymers
from catalogs.guarded import MEMORY


def serve() -> None:
    """Answer each line `[attachments, texts]` of standard input with a line per text, until the input ends."""
    from rdkit import rdBase

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
                print(json.dumps(polymers.attempt(text, wanted)), flush=True)


if __name__ == "__main__":
    serve()
