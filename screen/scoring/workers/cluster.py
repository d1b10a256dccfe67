"""Scoring on worker processes through dask.distributed: partitions go out and come back in order, few at a time.

Tasks may run more than once (a worker that dies takes its results along); that changes nothing, because a
partition has the same bytes wherever and however often it is scored, and only the client writes files.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import dask
import pyarrow as pa
from dask.distributed import Client, LocalCluster, Status, WorkerPlugin
from distributed.comm.core import CommClosedError
from distributed.utils import silence_logging_cmgr

from kakehashi.catalogs.records import UserError
from kakehashi.screen.device import choose, platform, take_device
from kakehashi.screen.interrupt import at_once, spared
from kakehashi.screen.scoring.columns import ScoredPartition, scoring_environment
from kakehashi.screen.scoring.partitions import Executor, PartitionScorer
from kakehashi.screen.scoring.workers.isolate import WorkerCrashed, isolate_crashes
from kakehashi.screen.scoring.workers.scheduler import SLURM, credentials, security
from kakehashi.screen.scoring.workers.slurm import SlurmJobs, slurm_cluster

# Partitions under way per worker thread: one that computes, one that waits.
AHEAD = 2
CONNECT_SECONDS = 15
# A job may wait in its queue.
QUEUE_SECONDS = 24 * 3600
# How often a partition that takes long makes one look whether anything can still score it.
WATCH_SECONDS = 10.0
# Without any worker for so long, a scheduler elsewhere is given up: they may be being started anew.
NOBODY_SECONDS = 600.0
# Scores are as large as the rows, and both fit a worker: nothing to warn of.
_CONFIG: dict[str, Any] = {
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.worker.multiprocessing-method": "spawn",
    # A partition whose worker died is tried again alone: two that share a worker must not be blamed for each other.
    "distributed.scheduler.allowed-failures": 0,
    # Dask gives up the nanny of a worker that is away when this is over, be it for the second time and just starting:
    # nothing would start it again. It is never given up.
    "distributed.deploy.lost-worker-timeout": "1000 days",
    # Replaces dask's own, with its MALLOC_TRIM_THRESHOLD_, which doubles the processor time of scoring.
    # DASK_... variables cannot: they are read in lower case.
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": 1,
        "MKL_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    },
}
SECRETS = ("MP_API_KEY", "PMG_MAPI_KEY")
# In a worker process: what it scores with, by the name of the deployment.
_READY: dict[str, PartitionScorer] = {}


class EnvironmentMismatch(RuntimeError):
    """A worker would compute other bits than this process."""


class WorkerPool:
    """A connection to the scheduler of some workers, and how to find out that none will come any more.

    check : raises UserError where that is certain
    """

    def __init__(self, client: Client, check: Callable[[], None]) -> None:
        self.client, self._check = client, check
        self._seen = time.monotonic()

    @property
    def lost(self) -> bool:
        """Whether the scheduler has ended, or cannot be reached any more."""
        return self.client.status != "running"

    def wait(self, seconds: float) -> None:
        """Return when there is a worker; TimeoutError if there is none in time, UserError where none can come."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.client.wait_for_workers(1, timeout=max(0.1, min(1.0, end - time.monotonic())))
                return
            except TimeoutError:
                self._check()
                if time.monotonic() > end:
                    raise

    def look(self) -> None:
        """Make sure that somebody computes, or may; UserError code 5 otherwise."""
        with suppress(OSError), _lost_is_said(self):  # a scheduler that is late is asked again
            if self.client.nthreads():
                self._seen = time.monotonic()
                return
        self._check()
        if self.client.cluster is None and time.monotonic() - self._seen > NOBODY_SECONDS:
            minutes = round(NOBODY_SECONDS / 60)
            raise UserError(f"--scheduler: no worker was left for {minutes} min: start some", 5)


class ModelDeployment(WorkerPlugin):
    """Brings the model to every worker once, also to those that start later in place of a dead one."""

    def __init__(self, name: str, scorer: PartitionScorer, *, local: bool) -> None:
        self.name, self.local, self.environment, self.device = name, local, scoring_environment(), platform()
        self.scorer: PartitionScorer | None = scorer.on_host()

    def setup(self, worker: Any) -> None:
        """Make the model ready on the worker's device."""
        if self.local:  # the terminal sends Ctrl-C to the workers, too: it is the client's to answer
            signal.signal(signal.SIGINT, signal.SIG_IGN)
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


@contextmanager
def dask_executor(
    workers: int | None = None,
    scheduler: str | None = None,
    folder: Path = Path(),
    link: Callable[[str, str], None] = lambda name, url: None,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Executor]:
    """An executor on `workers` local processes, on the workers of the scheduler at an address, or on SLURM jobs.

    folder : where a batch system's nodes find the certificates of the run
    link : told where the workers can be watched, if dask has what its dashboard needs (bokeh)
    note : told what the user should know of the workers

    The cluster starts with the first partition, so that a run with nothing left to score starts none, and is
    closed when the block ends.

    Raises
    ------
    UserError : code 5, the scheduler cannot be reached or used; code 1, too many rows of a partition kill workers
    """
    with _Cluster() as stack:

        def run(scorer: PartitionScorer, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
            waiting = iter(tables)
            for first in waiting:
                pool = stack.enter_context(_pool(workers, scheduler, folder, note))
                if find_spec("bokeh") is not None:
                    link("dashboard", pool.client.dashboard_link)
                name = stack.enter_context(_deployed(pool, scorer, local=scheduler is None))
                with _lost_is_said(pool):
                    yield from _in_order(pool, name, itertools.chain([first], waiting))

        yield run


class _Cluster(ExitStack):
    """What has to be taken down again, also by a process that was told to end."""

    def __exit__(self, *details: Any) -> bool | None:
        with spared():
            return super().__exit__(*details)


@contextmanager
def _lost_is_said(pool: WorkerPool) -> Iterator[None]:
    """Tell apart, of whatever goes wrong, that the scheduler is no longer there."""
    try:
        yield
    except (UserError, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # dask's CancelledError is no Exception everywhere
        if pool.lost or isinstance(error, CommClosedError):
            raise UserError("the scheduler was lost", 5) from error
        raise


@contextmanager
def _pool(
    workers: int | None, scheduler: str | None, folder: Path, note: Callable[[str], None]
) -> Iterator[WorkerPool]:
    with _Cluster() as stack:
        stack.enter_context(dask.config.set(_CONFIG))
        stack.enter_context(_same_variables())
        # What ends a run is said once, in one line.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        for name in SECRETS:  # of the client alone: no worker, and no job's script, inherits them
            os.environ.pop(name, None)
        if scheduler is None:
            with _deaf_children():
                cluster = stack.enter_context(
                    LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",
                        silence_logs=logging.CRITICAL,
                    )
                )
            client = stack.enter_context(Client(cluster, set_as_default=False))
            yield WorkerPool(client, lambda: _check_nannies(cluster))
            return
        patience = QUEUE_SECONDS if scheduler == SLURM else CONNECT_SECONDS
        try:
            if scheduler == SLURM:
                secured, called = stack.enter_context(credentials(os.fspath(folder)))
                jobs = SlurmJobs(called, workers or 1)
                with _deaf_children():  # sbatch and scancel among them
                    given = stack.enter_context(slurm_cluster(jobs, secured))
                pool = WorkerPool(stack.enter_context(Client(given, set_as_default=False)), jobs.check)
            else:
                connected = Client(
                    scheduler, timeout=CONNECT_SECONDS, set_as_default=False, security=security(scheduler)
                )
                pool = WorkerPool(stack.enter_context(connected), lambda: None)
            with at_once():
                pool.wait(patience)
            if scheduler == SLURM and jobs.refused:
                note(f"SLURM took {len(jobs.accepted)} of {jobs.wanted} jobs: {jobs.refused[0]}")
        except TimeoutError:
            raise UserError(f"--scheduler: no worker at {scheduler} in {patience} s: start some", 5) from None
        except UserError:
            raise
        except (OSError, ValueError) as error:
            raise UserError(f"--scheduler: no scheduler answers at {scheduler}: {error}", 5) from None
        yield pool


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let what is started here, now and later by its threads, ignore Ctrl-C, which is this process's to answer.

    The terminal sends it to the workers, too, and one that is only starting would die of it. Threads and processes
    inherit the signals that are blocked; this process answers again as soon as the block ends.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # when it starts it unblocks SIGINT in the thread that needs it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _same_variables() -> Iterator[None]:
    """Undo what a nanny writes into this process's environment for its children to inherit."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _deployed(pool: WorkerPool, scorer: PartitionScorer, *, local: bool) -> Iterator[str]:
    # By client: two runs with one model on one scheduler must not take it from each other.
    client = pool.client
    plugin = ModelDeployment(f"kakehashi-{scorer.sha256}-{client.id}", scorer, local=local)
    try:
        with _lost_is_said(pool):
            client.register_plugin(plugin)
        yield plugin.name
    except (ImportError, EnvironmentMismatch) as error:
        raise UserError(f"the workers cannot score: {error}; install the same packages there", 5) from error
    finally:
        if not local and not pool.lost:  # local workers end with their cluster
            with suppress(OSError, ValueError, TimeoutError):  # the scheduler may be going, and the plugin with it
                client.unregister_worker_plugin(plugin.name)


def _in_order(pool: WorkerPool, name: str, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
    running: deque[tuple[pa.Table, Any]] = deque()
    limit = AHEAD * sum(pool.client.nthreads().values())

    def submit(rows: pa.Table) -> Any:
        return pool.client.submit(_score, name, rows, pure=False)

    def first() -> ScoredPartition:
        rows, future = running.popleft()
        try:
            return _result(pool, future)
        except WorkerCrashed:
            for _, other in running:  # nothing else may kill the worker, or be killed with it
                with suppress(WorkerCrashed):
                    _result(pool, other)
            return isolate_crashes(rows, lambda piece: _result(pool, submit(piece)))

    for rows in tables:
        running.append((rows, submit(rows)))
        if len(running) >= limit:
            yield first()
    while running:
        yield first()


def _score(name: str, rows: pa.Table) -> ScoredPartition:
    return _READY[name](rows)


def _result(pool: WorkerPool, future: Any) -> ScoredPartition:
    from concurrent.futures import CancelledError

    from distributed.scheduler import KilledWorker

    while True:
        over = future.done()
        try:
            part: ScoredPartition = future.result(timeout=WATCH_SECONDS)
        except TimeoutError:
            if over:  # it is what the scoring raised
                raise
            if not future.done():
                pool.look()
        except KilledWorker:
            raise WorkerCrashed from None
        except CancelledError:
            raise UserError("the scheduler was lost", 5) from None
        else:
            return part


def _check_nannies(cluster: LocalCluster) -> None:
    """UserError code 5 if a cluster of this machine has lost every process that starts and watches a worker."""
    if all(nanny.status in (Status.closing, Status.closed, Status.failed) for nanny in cluster.workers.values()):
        raise UserError("no worker process is left and none can be started", 5)
