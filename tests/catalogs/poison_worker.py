"""A worker that reads SMILES like the real one, except for texts that hang it, kill it or eat its memory."""

import os
import signal
import time

from kakehashi.catalogs.files import guarded, guarded_worker
from kakehashi.catalogs.molecules import polymers

_attempt = polymers.attempt


def attempt(text, attachments):
    if text == "HANG":
        time.sleep(3600)
    if text == "CRASH":
        os.kill(os.getpid(), signal.SIGSEGV)
    if text == "EAT":
        try:
            bytearray(2 * guarded.MEMORY)
        except MemoryError as error:
            return "", "", f"RDKit failed: {type(error).__name__}"
    return _attempt(text, attachments)


if __name__ == "__main__":
    polymers.attempt = attempt
    guarded_worker.serve(polymers.TASK.prepare)
