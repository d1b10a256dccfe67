"""Bring a model to worker processes, and score with it there."""

from __future__ import annotations

import signal
from typing import Any

import pyarrow as pa
from dask.distributed import WorkerPlugin

from kakehashi.catalogs.records import UserError
from kakehashi.screen.device import choose, platform, take_device
from kakehashi.screen.scoring.columns import ScoredPartition, scoring_environment
from kakehashi.screen.scoring.partitions import PartitionScorer
from kakehashi.screen.scoring.workers.gpus import show_one_gpu

# In a worker process: scorers by the name of their deployment.
_READY: dict[str, PartitionScorer] = {}


class EnvironmentMismatch(RuntimeError):
    """A worker whose scores would differ from this process's."""


class ModelDeployment(WorkerPlugin):
    """Plugin that brings the model to every worker once.

    Later workers too.
    """

    def __init__(self, name: str, scorer: PartitionScorer, *, local: bool) -> None:
        self.name, self.local, self.environment, self.device = name, local, scoring_environment(), platform()
        self.scorer: PartitionScorer | None = scorer.on_host()

    def setup(self, worker: Any) -> None:
        """Make the model ready on the worker's device."""
        if self.local:  # the terminal sends Ctrl-C to workers too, but the client handles it
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            show_one_gpu(worker.name)
        try:
            choose(self.device)
        except UserError as error:
            raise EnvironmentMismatch(f"a worker has no {self.device}: {error}") from None
        if scoring_environment() != self.environment:
            raise EnvironmentMismatch(
                f"a worker runs {scoring_environment()}, this process {self.environment}: their scores differ"
            )
        take_device(worker.name)
        if self.scorer is not None:
            _READY[self.name] = self.scorer.on_device()
            self.scorer = None

    def teardown(self, worker: Any) -> None:
        """Forget the model."""
        _READY.pop(self.name, None)


def score_on_worker(name: str, rows: pa.Table) -> ScoredPartition:
    """Score a partition with the model of a deployment."""
    return _READY[name](rows)
