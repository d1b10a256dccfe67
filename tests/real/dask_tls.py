"""A Dask scheduler with TLS and its workers, in processes of their own, killed midway; the same ranking after all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen

import psutil

from tests.real.parts import ROOT, Unavailable, free_port, started, wait_for
from tests.real.screening import Command, alone, cut_short, sums, words

KEYS = ("ca-file", "cert", "key")
# One thread each, as the product's own workers have them.
ALONE = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def run(work: Path) -> list[str]:
    """A whole run, both ways a scheduler ends midway, a worker that dies, and who may not speak to a scheduler."""
    if find_spec("cryptography") is None:
        raise Unavailable("no cryptography to make certificates with: pip install 'kakehashi[cluster]'")
    own, strange = _certificates(work / "own"), _certificates(work / "strange")
    expected = alone(work / "runs/alone", _environment(work, own))
    lines = [
        _whole(work, own),
        _lost(work, own, signal.SIGKILL),
        _lost(work, own, signal.SIGTERM),
        _worker_killed(work, own),
        _refused(work, own, strange),
    ]
    for out in sorted((work / "runs").iterdir()):
        assert sums(out) == expected, f"{out.name}: another ranking, {sums(out)} instead of {expected}"
    return [*lines, f"sha256 of ranking.parquet {expected[0][:16]} in every one of them"]


def _certificates(folder: Path) -> dict[str, str]:
    """An authority of its own, one certificate and key for all roles, as files."""
    from dask.distributed import Security

    made = Security.temporary()
    folder.mkdir()
    for name, text in zip(KEYS, (made.tls_ca_file, made.tls_client_cert, made.tls_client_key), strict=True):
        (folder / name).write_text(text)
    return {name: str(folder / name) for name in KEYS}


def _environment(work: Path, files: dict[str, str] | None) -> dict[str, str]:
    """Variables of a process that names these certificates, or none, in dask's settings."""
    named = {} if files is None else {
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": files["ca-file"],
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": files["cert"],
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": files["key"],
    }  # fmt: skip
    base = {"KAKEHASHI_HOME": f"{work}/home", "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    return {**os.environ, "DASK_CONFIG": f"{work}/no-settings", **base, **named}


@contextmanager
def _scheduler(
    work: Path, files: dict[str, str], workers: int = 1
) -> Iterator[tuple[str, Popen[bytes], list[Popen[bytes]]]]:
    """Address and process of a scheduler with TLS, and the processes of its workers."""
    port = free_port()
    address = f"tls://127.0.0.1:{port}"
    tls = [f"--tls-{name}={path}" for name, path in files.items()]
    usual = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0", *tls]
    variables = {**_environment(work, files), **ALONE}
    python = [sys.executable, "-P", "-m"]
    with ExitStack() as stack:
        command = [*python, "distributed.cli.dask_scheduler", "--port", port, *usual]
        scheduler = stack.enter_context(started(command, work / "scheduler.log", variables))
        wait_for("the scheduler", lambda: ("127.0.0.1", port) in _listens(scheduler))
        assert {host for host, _ in _listens(scheduler)} == {"127.0.0.1"}, _listens(scheduler)
        command = [*python, "distributed.cli.dask_worker", address, "--nthreads", 1, "--no-nanny", *usual]
        command += ["--death-timeout", "20"]
        yield (
            address,
            scheduler,
            [stack.enter_context(started(command, work / "workers.log", variables)) for _ in range(workers)],
        )


def _listens(process: Popen[bytes]) -> set[tuple[str, int]]:
    found = psutil.Process(process.pid).net_connections("tcp")
    return {(c.laddr.ip, c.laddr.port) for c in found if c.status == "LISTEN"}


def _whole(work: Path, own: dict[str, str]) -> str:
    out = work / "runs/whole"
    with _scheduler(work, own) as (address, _, _):
        Command(words(out, "--scheduler", address), out, _environment(work, own)).ends(0)
    return "run: exit 0"


def _lost(work: Path, own: dict[str, str], number: signal.Signals) -> str:
    """The scheduler is killed midway; another one takes over."""
    out, variables = work / f"runs/{number.name}", _environment(work, own)
    with _scheduler(work, own) as (address, scheduler, _):
        command = Command(words(out, "--scheduler", address), out, variables)
        command.midway()
        scheduler.send_signal(number)
        err = command.ends(5, "the scheduler was lost", "go on with: kakehashi screen", "--resume")
    assert err.count("\n") == 0, f"more than one line: {err}"
    before = cut_short(out)
    with _scheduler(work, own) as (address, _, _):
        Command(words(out, "--scheduler", address, "--resume"), out, variables).ends(0)
    return f"{number.name} of the scheduler: exit 5, {err.partition(';')[0]}; resumed elsewhere after {before}"


def _worker_killed(work: Path, own: dict[str, str]) -> str:
    out = work / "runs/worker"
    with _scheduler(work, own, workers=2) as (address, _, workers):
        command = Command(words(out, "--scheduler", address), out, _environment(work, own))
        command.midway()
        workers[0].kill()
        command.ends(0)
    return "kill -9 of one of two workers: exit 0"


def _refused(work: Path, own: dict[str, str], strange: dict[str, str]) -> str:
    """Without certificates nothing is begun; with those of somebody else nothing is said to the scheduler."""
    out = work / "refused"
    with _scheduler(work, own) as (address, _, _):
        for more in ((), ("--dry-run",)):
            command = Command(words(out, "--scheduler", address, *more), out, _environment(work, None))
            err = command.ends(2, "expected certificates", "ca-file is not set")
        assert not out.exists()
        command = Command(words(out, "--scheduler", address), out, _environment(work, strange))
        command.ends(5, "no scheduler answers")
    return f"no certificates: exit 2, {err[:90]}...; somebody else's: exit 5"
