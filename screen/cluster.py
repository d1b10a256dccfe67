"""Scoring on worker processes through dask.distributed: partitions go out and come back in order, few at a time.

Tasks may run more than once (a worker that dies takes its results along); that changes nothing, because a
partition has the same bytes wherever and however often it is scored, and only the client writes files.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
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

from catalogs.records import UserError
from screen.columns import Part, environment
from screen.device import choose, platform, take_device
from screen.execute import Executor, Scoring
from screen.isolate import Crashed, isolate
from screen.scheduler import SLURM, security, slurm_cluster

# Partitions under way per worker thread: one that computes, one that waits.
AHEAD = 2
CONNECT_SECONDS = 15
# A job may wait in its queue.
QUEUE_SECONDS = 24 * 3600
# How often a partition that takes long makes one look whether anything can still score it.
WATCH_SECONDS = 30.0
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
_READY: dict[str, Scoring] = {}


class Mismatch(RuntimeError):
    """A worker would compute other bits than this process."""


class Deployment(WorkerPlugin):
    """Brings the model to every worker once, also to those that start later in place of a dead one."""

    def __init__(self, name: str, scoring: Scoring, *, local: bool) -> None:
        self.name, self.local, self.environment, self.device = name, local, environment(), platform()
        self.scoring: Scoring | None = scoring.on_host()

    def setup(self, worker: Any) -> None:
        """Make the model ready on the worker's device."""
        if self.local:  # the terminal sends Ctrl-C to the workers, too: it is the client's to answer
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            choose(self.device)
        except UserError as error:
            raise Mismatch(f"a worker has no {self.device}: {error}") from None
        if environment() != self.environment:
            raise Mismatch(f"a worker runs {environment()}, this process {self.environment}: their scores differ")
        take_device(worker.name)
        if self.scoring is not None:
            _READY[self.name] = self.scoring.on_device()
            self.scoring = None

    def teardown(self, worker: Any) -> None:
        """Forget the model."""
        _READY.pop(self.name, None)


@contextmanager
def dask_executor(
    workers: int | None = None,
    scheduler: str | None = None,
    folder: Path = Path(),
    link: Callable[[str, str], None] = lambda name, url: None,
) -> Iterator[Executor]:
    """An executor on `workers` local processes, on the workers of the scheduler at an address, or on SLURM jobs.

    folder : where a batch system's nodes find the certificates of the run
    link : told where the workers can be watched, if dask has what its dashboard needs (bokeh)

    The cluster starts with the first partition, so that a run with nothing left to score starts none, and is
    closed when the block ends.

    Raises
    ------
    UserError : code 5, the scheduler cannot be reached or used; code 1, too many rows of a partition kill workers
    """
    with ExitStack() as stack:

        def run(scoring: Scoring, tables: Iterable[pa.Table]) -> Iterator[Part]:
            waiting = iter(tables)
            for first in waiting:
                client = stack.enter_context(_client(workers, scheduler, folder))
                if find_spec("bokeh") is not None:
                    link("dashboard", client.dashboard_link)
                name = stack.enter_context(_deployed(client, scoring, local=scheduler is None))
                yield from _in_order(client, name, itertools.chain([first], waiting))

        yield run


@contextmanager
def _client(workers: int | None, scheduler: str | None, folder: Path) -> Iterator[Client]:
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_CONFIG))
        stack.enter_context(_same_variables())
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
            yield stack.enter_context(Client(cluster, set_as_default=False))
            return
        patience, where = CONNECT_SECONDS, scheduler
        try:
            if scheduler == SLURM:
                given = stack.enter_context(slurm_cluster(workers or 1, os.fspath(folder)))
                client, patience = stack.enter_context(Client(given, set_as_default=False)), QUEUE_SECONDS
            else:
                client = stack.enter_context(
                    Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False, security=security(scheduler))
                )
            client.wait_for_workers(1, timeout=patience)
        except TimeoutError:
            raise UserError(f"--scheduler: no worker at {where} in {patience} s: start some", 5) from None
        except (OSError, ValueError) as error:
            raise UserError(f"--scheduler: no scheduler answers at {where}: {error}", 5) from None
        yield client


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
def _deployed(client: Client, scoring: Scoring, *, local: bool) -> Iterator[str]:
    # By client: two runs with one model on one scheduler must not take it from each other.
    plugin = Deployment(f"kakehashi-{scoring.sha256}-{client.id}", scoring, local=local)
    try:
        client.register_plugin(plugin)
        yield plugin.name
    except (ImportError, Mismatch) as error:
        raise UserError(f"the workers cannot score: {error}; install the same packages there", 5) from error
    finally:
        if not local:  # local workers end with their cluster
            client.unregister_worker_plugin(plugin.name)


def _in_order(client: Client, name: str, tables: Iterable[pa.Table]) -> Iterator[Part]:
    running: deque[tuple[pa.Table, Any]] = deque()
    limit = AHEAD * sum(client.nthreads().values())

    def submit(rows: pa.Table) -> Any:
        return client.submit(_score, name, rows, pure=False)

    def first() -> Part:
        rows, future = running.popleft()
        try:
            return _result(future)
        except Crashed:
            for _, other in running:  # nothing else may kill the worker, or be killed with it
                with suppress(Crashed):
                    _result(other)
            return isolate(rows, lambda piece: _result(submit(piece)))

    for rows in tables:
        running.append((rows, submit(rows)))
        if len(running) >= limit:
            yield first()
    while running:
        yield first()


def _score(name: str, rows: pa.Table) -> Part:
    return _READY[name](rows)


def _result(future: Any) -> Part:
    from concurrent.futures import CancelledError

    from distributed.scheduler import KilledWorker

    while True:
        try:
            part: Part = future.result(timeout=WATCH_SECONDS)
        except TimeoutError:
            if future.done():  # it is what the scoring raised
                raise
            if _deserted(future.client.cluster):
                raise UserError("no worker process is left and none can be started: go on with --resume", 5) from None
        except KilledWorker:
            raise Crashed from None
        except CancelledError:
            raise UserError("the scheduler was lost: go on with --resume", 5) from None
        else:
            return part


def _deserted(cluster: Any) -> bool:
    """Whether a cluster of this machine has lost every process that starts and watches a worker."""
    if not isinstance(cluster, LocalCluster):
        return False
    return all(nanny.status in (Status.closing, Status.closed, Status.failed) for nanny in cluster.workers.values())
