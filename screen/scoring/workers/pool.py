"""Start local workers, or join those of a scheduler or of SLURM jobs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
from dask.distributed import Client, LocalCluster, Status
from distributed.comm.core import CommClosedError
from distributed.utils import silence_logging_cmgr

from kakehashi.catalogs.records import UserError
from kakehashi.screen.interrupt import at_once
from kakehashi.screen.scoring.workers.processes import ClusterStack, ignore_interrupts, restore_variables
from kakehashi.screen.scoring.workers.scheduler import SLURM, credentials, security
from kakehashi.screen.scoring.workers.slurm import SlurmJobs, slurm_cluster

CONNECT_SECONDS = 15
# Longest wait for the first job of a batch system.
QUEUE_SECONDS = 24 * 3600
# Longest time without workers at a remote scheduler: they may be restarting.
NOBODY_SECONDS = 600.0
# Settings of dask. Large messages are expected: rows and scores of a partition fit a worker.
CONFIG: dict[str, Any] = {
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

    def check(self) -> None:
        """Check that workers compute or may come; UserError code 5 otherwise."""
        with suppress(OSError), report_lost_scheduler(self):  # a slow scheduler is checked again next time
            if self.client.nthreads():
                self._seen = time.monotonic()
                return
        self._check()
        if self.client.cluster is None and time.monotonic() - self._seen > NOBODY_SECONDS:
            minutes = round(NOBODY_SECONDS / 60)
            raise UserError(f"--scheduler: no worker was left for {minutes} min: start some", 5)


@contextmanager
def report_lost_scheduler(pool: WorkerPool) -> Iterator[None]:
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
def open_pool(
    workers: int | None, scheduler: str | None, folder: Path, note: Callable[[str], None]
) -> Iterator[WorkerPool]:
    """Start or join workers, and wait for the first."""
    with ClusterStack() as stack:
        stack.enter_context(dask.config.set(CONFIG))
        stack.enter_context(restore_variables())
        # An error that ends a run is printed once, in one line.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        for name in SECRETS:  # workers and job scripts must not inherit them
            os.environ.pop(name, None)
        if scheduler is None:
            with ignore_interrupts():
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
                with ignore_interrupts():  # sbatch and scancel among them
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


def _check_nannies(cluster: LocalCluster) -> None:
    """Raise UserError code 5 if all nannies are lost."""
    if all(nanny.status in (Status.closing, Status.closed, Status.failed) for nanny in cluster.workers.values()):
        raise UserError("no worker process is left and none can be started", 5)
