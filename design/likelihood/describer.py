"""Describe repeat units in worker processes.

RDKit, not the models, is what takes the time.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.processors import available
from kakehashi.design.chemistry.constraints import Constraints, Limits
from kakehashi.screen.descriptors import repeat_unit

# Repeat units per task of a worker: enough that transfer costs little, few enough for an even load.
CHUNK = 128


class DescribedUnits(NamedTuple):
    """Descriptors and constraints of n repeat units.

    x : (n, width) float32 descriptors, 0 in rows with a reason
    log_weight : (n,) of the wanted fragments, 0 where a unit has one or none is wanted
    reasons : (n,) why a unit is excluded, "" where it is not: unreadable, unstable, ...
    """

    x: NDArray[np.float32]
    log_weight: NDArray[np.float64]
    reasons: NDArray[np.object_]


class DescriberTask(NamedTuple):
    """Descriptors and constraints to compute.

    fragments : liquid-crystal-like ones, as `Constraints` takes them
    """

    descriptors: str
    limits: Limits = Limits()
    fragments: tuple[str, ...] = ()


class Describer:
    """Parse, check and describe repeat units on worker processes.

    workers : 1 describes in this process; None takes one for each processor
    """

    def __init__(self, task: DescriberTask, workers: int | None = None) -> None:
        self._task = task
        self._width = len(repeat_unit.names(task.descriptors))
        self._workers = workers or available()
        self._pool: Any = None

    def __enter__(self) -> Describer:
        if self._workers > 1:
            # Not by fork: a child that inherits JAX's threads may hang.
            context = multiprocessing.get_context("spawn")
            self._pool = context.Pool(self._workers, initializer=_prepare)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()

    def __call__(self, smiles: Sequence[str]) -> DescribedUnits:
        """Describe repeat units; equal for any number of workers."""
        chunks = [(list(smiles[i : i + CHUNK]), self._task) for i in range(0, len(smiles), CHUNK)]
        parts = self._pool.starmap(describe, chunks, chunksize=1) if self._pool else [describe(*c) for c in chunks]
        if not parts:
            return DescribedUnits(np.zeros((0, self._width), np.float32), np.zeros(0), np.zeros(0, object))
        if len(parts) == 1:
            return parts[0]
        return DescribedUnits(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def describe(smiles: list[str], task: DescriberTask) -> DescribedUnits:
    """Describe repeat units, or exclude them with a reason.

    Each is parsed once.
    """
    constraints = _constraints(task)
    reasons, log_weight = np.full(len(smiles), "", dtype=object), np.zeros(len(smiles))
    mols: list[Any] = [None] * len(smiles)
    for row, text in enumerate(smiles):
        try:
            mol = polymers.read(text)
        except ValueError as error:
            reasons[row] = str(error)
            continue
        reasons[row] = ", ".join(constraints.violations(mol))
        if not reasons[row]:
            mols[row], log_weight[row] = mol, constraints.log_weight(mol)
    described = repeat_unit.describe_mols(mols, task.descriptors)
    return DescribedUnits(described.x, log_weight, np.where(reasons == "", described.reasons, reasons))


@cache
def _constraints(task: DescriberTask) -> Constraints:
    return Constraints(task.limits, task.fragments)


def _prepare() -> None:
    """Leave Ctrl-C to the parent, which ends its workers."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
