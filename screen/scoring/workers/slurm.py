"""Workers as SLURM jobs by dask-jobqueue, one worker a job.

All jobs of a run share a unique name, so that SLURM finds them even when their ids were lost.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.records import UserError
from kakehashi.screen.interrupt import answered_as_before
from kakehashi.screen.scoring.workers.leftovers import queued_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

# Interval of queries to SLURM for jobs left.
ASK_SECONDS = 30.0
_NEEDED = {"dask_jobqueue": "dask-jobqueue", "cryptography": "cryptography"}


class SlurmJobs:
    """Jobs of one run.

    name : common name of the jobs; wanted : how many were requested
    accepted, refused : ids of accepted jobs, and SLURM's messages for the others
    """

    def __init__(self, name: str, wanted: int) -> None:
        self.name, self.wanted = name, wanted
        self.accepted: list[str] = []
        self.refused: list[str] = []
        self._asked = -ASK_SECONDS

    def check(self) -> None:
        """Check that a worker may still come.

        Raises
        ------
        UserError : code 5, no job was accepted, or none is left
        """
        if len(self.accepted) + len(self.refused) < self.wanted:
            return
        if not self.accepted:
            raise UserError(f"--scheduler slurm: no job was accepted: {self.refused[0]}", 5)
        if time.monotonic() - self._asked < ASK_SECONDS:
            return
        self._asked = time.monotonic()
        if queued_jobs(self.name) == []:
            gone = ", ".join(sorted(self.accepted, key=int))
            raise UserError(
                f"--scheduler slurm: no job is left ({gone}): they ended, were cancelled or never reached this process,"
                " see their files in the log-directory of jobqueue.slurm",
                5,
            )


def check_slurm() -> None:
    """Refuse a run on SLURM where it cannot be used.

    Raises
    ------
    UserError : dask-jobqueue or what makes certificates is not installed, or a setting is missing
    """
    if missing := [package for module, package in _NEEDED.items() if find_spec(module) is None]:
        raise UserError(
            f"--scheduler slurm: {' and '.join(missing)} not installed; install it with: pip install"
            " 'kakehashi[cluster]'"
        )
    settings = _read_settings()
    for name in ("cores", "memory"):
        if settings.get(name) is None:
            raise UserError(
                f"--scheduler slurm: jobqueue.slurm.{name} is not set: say in ~/.config/dask/jobqueue.yaml what a job"
                " asks for"
            )


@contextmanager
def slurm_cluster(jobs: SlurmJobs, credentials: Any) -> Iterator[Any]:
    """Dask cluster of SLURM jobs, cancelled when the block ends.

    The resources of a job (queue, account, memory, walltime, one GPU ...) are in dask's settings, `jobqueue.slurm`.
    """
    from dask.distributed import Status

    kind = import_jobqueue().SLURMCluster

    class Job(kind.job_cls):  # type: ignore[misc, name-defined]  # of a module without types
        async def start(self) -> None:
            try:
                await super().start()
                jobs.accepted.append(self.job_id)
            except (OSError, RuntimeError, ValueError) as error:  # reported by check(), not by a traceback of the loop
                jobs.refused.append(_slurm_message(error))
                self.status = Status.running

    cluster = kind(
        n_workers=0, job_cls=Job, job_name=jobs.name, processes=1, protocol="tls://", security=credentials,
        scheduler_options={"dashboard_address": "127.0.0.1:0", **_read_settings().get("scheduler-options", {})},
    )  # fmt: skip
    with cluster:
        cluster.scale(jobs=jobs.wanted)
        yield cluster


def job_name(run: str) -> str:
    """Name of the jobs of a run, with dask's prefix."""
    return f"{_read_settings().get('name') or 'kakehashi'}-{run}"


def _read_settings() -> dict[str, Any]:
    from dask import config

    import_jobqueue()  # registers its default settings
    return dict(config.get("jobqueue.slurm", {}))


def import_jobqueue() -> Any:
    """Import dask-jobqueue, undoing its own handling of Ctrl-C."""
    with answered_as_before():
        try:
            return import_module("dask_jobqueue")
        except ValueError:
            if threading.current_thread() is threading.main_thread():
                raise
            raise UserError(
                "--scheduler slurm: dask-jobqueue can be imported in the main thread alone; import it there first"
            ) from None


def _slurm_message(error: Exception) -> str:
    """SLURM's message in an error that quotes it."""
    text = str(error).rpartition("stderr:\n")[2] or str(error)
    return " ".join(text.split())
