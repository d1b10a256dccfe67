"""One GPU for every local worker, chosen before jax looks for any.

A process that sees several GPUs takes some memory of each, even of those it never computes on.
"""

from __future__ import annotations

import os
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Files of the driver, one per GPU, `nvidia0` and so on.
DEVICES = Path("/dev")


def visible_gpus() -> tuple[str, ...]:
    """GPUs of this process by name or number: those of the variable, else all of the machine."""
    given = os.environ.get(VISIBLE)
    if given is not None:
        return tuple(name.strip() for name in given.split(",") if name.strip())
    numbers = (path.name.removeprefix("nvidia") for path in DEVICES.glob("nvidia*"))
    return tuple(sorted((number for number in numbers if number.isdecimal()), key=int))


def show_one_gpu(worker: object) -> None:
    """Let this process see one GPU alone, by turns; nothing changes without several, or once jax has looked.

    worker : its number; other names change nothing
    """
    gpus = visible_gpus()
    if len(gpus) > 1 and str(worker).isdecimal():
        os.environ[VISIBLE] = gpus[int(str(worker)) % len(gpus)]
