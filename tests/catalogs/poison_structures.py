"""A worker that reads structures like the real one, except for texts that hang it, kill it or eat its memory."""

import os
import signal
import time

from kakehashi.catalogs.crystals import structure_text
from kakehashi.catalogs.files import guarded, guarded_worker

_read = structure_text.read_cif


def read_cif(text):
    if text == "HANG":
        time.sleep(3600)
    if text == "CRASH":
        os.kill(os.getpid(), signal.SIGSEGV)
    if text == "EAT":
        bytearray(2 * guarded.MEMORY)
    if text == "EXIT":
        raise SystemExit(2)
    if text == "TALK":
        print("what a parser prints is no answer")
    return _read(text)


if __name__ == "__main__":
    structure_text.read_cif = read_cif
    guarded_worker.serve(structure_text.TASK.prepare)
