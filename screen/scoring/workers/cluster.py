"""Score partitions on worker processes through dask.distributed, in order, few at a time.

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

# Partitions in progress per worker thread: one computing, one waiting.
AHEAD = 2
CONNECT_SECONDS = 15
# Longest wait for the first job of a batch system.
QUEUE_SECONDS = 24 * 3600
# Interval of checks that workers still compute, during a long partition.
WATCH_SECONDS = 10.0
# Longest time without workers at a remote scheduler: they may be restarting.
NOBODY_SECONDS = 600.0
# Settings of dask. Large messages are expected: rows and scores of a partition fit a worker.
_CONFIG: dict[str, Any] = {
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.worker.multiprocessing-method": "spawn",
    # A partition whose worker died is retried alone, so that it is not blamed for another on the same worker.
    "distributed.scheduler.allowed-failures": 0,
    # After this time dask drops the nanny of a lost worker, even one that is restarting, and nothing would restart it.
    "distributed.deploy.lost-worker-timeout": "1000 days",
    # Replaces dask's defaults, whose MALLOC_TRIM_THRESHOLD_ doubles the processor time of scoring. DASK_... variables
    # cannot replace them: they are read in lower case.
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": 1,
        "MKL_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    },
}
SECRETS = ("MP_API_KEY", "PMG_MAPI_KEY")
# In a worker process: scorers by the name of their deployment.
_READY: dict[str, PartitionScorer] = {}


class EnvironmentMismatch(RuntimeError):
    """A worker whose scores would differ from this process's."""


class WorkerPool:
    """Connection to a scheduler and its workers.

    check : raises UserError where no worker can come any more
    """

    def __init__(self, client: Client, check: Callable[[], None]) -> None:
        self.client, self._check = client, check
        self._seen = time.monotonic()

    @property
    def lost(self) -> bool:
        """True if the scheduler cannot be reached any more."""
        return self.client.status != "running"

    def wait(self, seconds: float) -> None:
        """Wait for the first worker.

        Raises
        ------
        TimeoutError : none came in time
        UserError : none can come
        """
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
        """Check that workers compute or may come; UserError code 5 otherwise."""
        with suppress(OSError), _report_lost_scheduler(self):  # a slow scheduler is asked again next time
            if self.client.nthreads():
                self._seen = time.monotonic()
                return
        self._check()
        if self.client.cluster is None and time.monotonic() - self._seen > NOBODY_SECONDS:
            minutes = round(NOBODY_SECONDS / 60)
            raise UserError(f"--scheduler: no worker was left for {minutes} min: start some", 5)


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
    """Executor on local processes, a scheduler's workers, or SLURM jobs.

    workers : number of processes or jobs; scheduler : address or `slurm`, None for this machine

    folder : where a batch system's nodes find the certificates of the run
    link : told where the workers can be watched, if dask has what its dashboard needs (bokeh)
    note : told what the user should know of the workers

    The cluster starts with the first partition, so that a run with nothing left to score starts none, and is
    closed when the block ends.

    Raises
    ------
    UserError : code 5, the scheduler cannot be reached or used; code 1, too many rows of a partition kill workers
    """
    with _ClusterStack() as stack:

        def run(scorer: PartitionScorer, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
            waiting = iter(tables)
            for first in waiting:
                pool = stack.enter_context(_open_pool(workers, scheduler, folder, note))
                if find_spec("bokeh") is not None:
                    link("dashboard", pool.client.dashboard_link)
                name = stack.enter_context(_deploy_model(pool, scorer, local=scheduler is None))
                with _report_lost_scheduler(pool):
                    yield from _score_in_order(pool, name, itertools.chain([first], waiting))

        yield run


class _ClusterStack(ExitStack):
    """Stack of resources, unwound even when told to end."""

    def __exit__(self, *details: Any) -> bool | None:
        with spared():
            return super().__exit__(*details)


@contextmanager
def _report_lost_scheduler(pool: WorkerPool) -> Iterator[None]:
    """Raise UserError code 5 where the scheduler is gone."""
    try:
        yield
    except (UserError, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # dask's CancelledError is no Exception everywhere
        if pool.lost or isinstance(error, CommClosedError):
            raise UserError("the scheduler was lost", 5) from error
        raise


@contextmanager
def _open_pool(
    workers: int | None, scheduler: str | None, folder: Path, note: Callable[[str], None]
) -> Iterator[WorkerPool]:
    """Start or join workers, and wait for the first."""
    with _ClusterStack() as stack:
        stack.enter_context(dask.config.set(_CONFIG))
        stack.enter_context(_restore_variables())
        # An error that ends a run is printed once, in one line.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        for name in SECRETS:  # workers and job scripts must not inherit them
            os.environ.pop(name, None)
        if scheduler is None:
            with _ignore_interrupts():
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
                with _ignore_interrupts():  # sbatch and scancel among them
                    cluster_of_jobs = stack.enter_context(slurm_cluster(jobs, secured))
                pool = WorkerPool(stack.enter_context(Client(cluster_of_jobs, set_as_default=False)), jobs.check)
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
def _ignore_interrupts() -> Iterator[None]:
    """Let processes started here, now or later, ignore Ctrl-C.

    The terminal sends it to the workers too, and one that is only starting would die of it; answering it is up to this
    process. Threads and processes inherit the signals that are blocked; this process answers again as soon as the block
    ends.
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
def _restore_variables() -> Iterator[None]:
    """Restore environment variables that a nanny sets for its children."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _deploy_model(pool: WorkerPool, scorer: PartitionScorer, *, local: bool) -> Iterator[str]:
    # A name per client: two runs with one model on one scheduler must not remove each other's.
    """Bring the model to all workers.

    Yields the name it is registered under.
    """
    client = pool.client
    plugin = ModelDeployment(f"kakehashi-{scorer.sha256}-{client.id}", scorer, local=local)
    try:
        with _report_lost_scheduler(pool):
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
        return pool.client.submit(_score_on_worker, name, rows, pure=False)

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


def _score_on_worker(name: str, rows: pa.Table) -> ScoredPartition:
    return _READY[name](rows)


def _wait_for_result(pool: WorkerPool, future: Any) -> ScoredPartition:
    """Result of a future, watching that something still computes it."""
    from concurrent.futures import CancelledError

    from distributed.scheduler import KilledWorker

    while True:
        over = future.done()
        try:
            part: ScoredPartition = future.result(timeout=WATCH_SECONDS)
        except TimeoutError:
            if over:  # a TimeoutError of the task itself
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
    """Raise UserError code 5 if all nannies are lost."""
    if all(nanny.status in (Status.closing, Status.closed, Status.failed) for nanny in cluster.workers.values()):
        raise UserError("no worker process is left and none can be started", 5)
