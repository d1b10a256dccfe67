"""Score partitions on worker processes through dask.distributed, in order, few at a time.

Tasks may run more than once (a worker that dies takes its results along); that changes nothing, because a
partition has the same bytes wherever and however often it is scored, and only the client writes files.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from kakehashi.catalogs.records import UserError
from kakehashi.screen.scoring.columns import ScoredPartition
from kakehashi.screen.scoring.partitions import Executor, PartitionScorer
from kakehashi.screen.scoring.workers.deployment import EnvironmentMismatch, ModelDeployment, score_on_worker
from kakehashi.screen.scoring.workers.isolate import WorkerCrashed, isolate_crashes
from kakehashi.screen.scoring.workers.pool import WorkerPool, open_pool, report_lost_scheduler
from kakehashi.screen.scoring.workers.processes import ClusterStack

# Partitions in progress per worker thread: one computing, one waiting.
AHEAD = 2
# Interval of checks that workers still compute, during a long partition.
WATCH_SECONDS = 10.0


@contextmanager
def dask_executor(
    workers: int | None = None,
    scheduler: str | None = None,
    folder: Path = Path(),
    link: Callable[[str, str], None] = lambda name, url: None,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Executor]:
    """Executor on local processes, a scheduler's workers, or SLURM jobs.

    workers : number of processes or jobs; scheduler : address or `slurm`, None for this machine

    folder : where a batch system's nodes find the certificates of the run
    link : called with the name and address of the dashboard, if bokeh is installed
    note : called with messages for the user

    The cluster starts with the first partition, so that a run with nothing left to score starts none, and is
    closed when the block ends.

    Raises
    ------
    UserError : code 5, the scheduler cannot be reached or used; code 1, too many rows of a partition kill workers
    """
    with ClusterStack() as stack:

        def run(scorer: PartitionScorer, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
            waiting = iter(tables)
            for first in waiting:
                pool = stack.enter_context(open_pool(workers, scheduler, folder, note))
                if find_spec("bokeh") is not None:
                    link("dashboard", pool.client.dashboard_link)
                name = stack.enter_context(_deploy_model(pool, scorer, local=scheduler is None))
                with report_lost_scheduler(pool):
                    yield from _score_in_order(pool, name, itertools.chain([first], waiting))

        yield run


@contextmanager
def _deploy_model(pool: WorkerPool, scorer: PartitionScorer, *, local: bool) -> Iterator[str]:
    # A name per client: two runs with one model on one scheduler must not remove each other's.
    """Bring the model to all workers.

    Yields the name it is registered under.
    """
    client = pool.client
    plugin = ModelDeployment(f"kakehashi-{scorer.sha256}-{client.id}", scorer, local=local)
    try:
        with report_lost_scheduler(pool):
            client.register_plugin(plugin)
        yield plugin.name
    except (ImportError, EnvironmentMismatch) as error:
        raise UserError(f"the workers cannot score: {error}; install the same packages there", 5) from error
    finally:
        if not local and not pool.lost:  # local workers end with their cluster
            with suppress(OSError, ValueError, TimeoutError):  # the scheduler may be closing
                client.unregister_worker_plugin(plugin.name)


def _score_in_order(pool: WorkerPool, name: str, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
    """Results of partitions in order, few in progress.

    At most `AHEAD` per worker thread.
    """
    running: deque[tuple[pa.Table, Any]] = deque()
    limit = AHEAD * sum(pool.client.nthreads().values())

    def submit(rows: pa.Table) -> Any:
        return pool.client.submit(score_on_worker, name, rows, pure=False)

    def first() -> ScoredPartition:
        rows, future = running.popleft()
        try:
            return _wait_for_result(pool, future)
        except WorkerCrashed:
            for _, other in running:  # nothing else may run beside the suspects
                with suppress(WorkerCrashed):
                    _wait_for_result(pool, other)
            return isolate_crashes(rows, lambda piece: _wait_for_result(pool, submit(piece)))

    for rows in tables:
        running.append((rows, submit(rows)))
        if len(running) >= limit:
            yield first()
    while running:
        yield first()


def _wait_for_result(pool: WorkerPool, future: Any) -> ScoredPartition:
    """Result of a future, watching that something still computes it."""
    from concurrent.futures import CancelledError

    from distributed.scheduler import KilledWorker

    while True:
        try:
            part: ScoredPartition = future.result(timeout=WATCH_SECONDS)
        except TimeoutError:
            if future.status == "error":  # a TimeoutError of the task itself
                raise
            if not future.done():  # not computed yet, or its worker went away with the result
                pool.check()
        except KilledWorker:
            raise WorkerCrashed from None
        except CancelledError:
            raise UserError("the scheduler was lost", 5) from None
        else:
            return part
