"""Store checkpoints in the run folder, with the identity of their run."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.design.sampler.checkpoint import Checkpoint

FOLDER = "checkpoints/"
_STATE = "state.json"


def save(rundir: RunDir, point: Checkpoint, identity: str) -> None:
    """Commit the checkpoint of one temperature.

    identity : sha256 of all that decides the run
    """
    state = json.dumps({**point.state, "identity": identity}, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_STATE: np.frombuffer(state, np.uint8)}, **point.arrays)
    rundir.write_bytes(_name(point.state["step"]["temperature"]), buffer.getvalue())


def load(rundir: RunDir, identity: str) -> tuple[Checkpoint, ...]:
    """Load all checkpoints of a run, in order.

    Those of another run are removed, and the result is empty.
    """
    names = sorted(rundir.names(FOLDER))
    checkpoints = []
    for t, name in enumerate(names):
        if name != _name(t):
            raise UserError(f"{rundir.path / name}: expected {_name(t)}, the checkpoints have a gap", code=6)
        with np.load(io.BytesIO(rundir.read_bytes(name)), allow_pickle=False) as arrays:
            state = json.loads(arrays[_STATE].tobytes())
            checkpoints.append(Checkpoint({key: arrays[key] for key in arrays.files if key != _STATE}, state))
    if any(point.state.pop("identity") != identity for point in checkpoints):
        for name in names:
            rundir.remove(name)
        return ()
    return tuple(checkpoints)


def identity_of(facts: Mapping[str, Any]) -> str:
    """Sha256 of plain values, as JSON.

    Examples
    --------
    >>> identity_of({"seed": 0})[:8]
    'de7d7744'
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _name(temperature: int) -> str:
    return f"{FOLDER}temperature-{temperature:04d}.npz"
