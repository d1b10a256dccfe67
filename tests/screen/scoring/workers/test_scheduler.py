"""Schedulers: TLS or this machine alone, SLURM jobs (imitated by scripts), a device per worker; the same bytes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dask
import psutil
import pytest
from dask.distributed import LocalCluster, Security

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.scoring.partitions import make_scorer, score_serially
from kakehashi.screen.scoring.workers.cluster import dask_executor
from kakehashi.screen.scoring.workers.leftovers import remove_leftovers
from kakehashi.screen.scoring.workers.scheduler import check_scheduler, check_usable
from kakehashi.screen.scoring.workers.slurm import import_jobqueue

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model


def scored(tiny: Tiny, model: Model, **where: object) -> list[object]:
    catalog = open_catalog(str(tiny.folder / "catalog.csv"))
    with dask_executor(**where) as executor:
        return [part.scores for part in executor(make_scorer(model), catalog.batches(20))]


def alone(tiny: Tiny, model: Model) -> list[object]:
    catalog = open_catalog(str(tiny.folder / "catalog.csv"))
    return [part.scores for part in score_serially(make_scorer(model), catalog.batches(20))]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "localhost:8786", "tls://10.0.0.1:8786", "slurm"])
def test_safe_addresses(address: str) -> None:
    check_scheduler(address, insecure=False)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://10.0.0.1:8786", "expected tls://"),
        ("node7:8786", "expected tls://"),
        ("10.0.0.1", "tls://HOST:PORT"),
        ("ucx://10.0.0.1:8786", "tls://HOST:PORT"),
        ("tls://10.0.0.1:port", "tls://HOST:PORT"),
    ],
)
def test_addresses_that_are_refused(address: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_scheduler(address, insecure=False)
    if said == "expected tls://":
        check_scheduler(address, insecure=True)


def settings(folder: Path, credentials: Security) -> dict[str, str]:
    """Write the certificates as files, and dask's settings that name them."""
    found = {"ca-file": credentials.tls_ca_file, "client.cert": credentials.tls_client_cert,
             "client.key": credentials.tls_client_key}  # fmt: skip
    folder.mkdir()
    for name, text in found.items():
        (folder / name).write_text(text)
    return {f"distributed.comm.tls.{name}": str(folder / name) for name in found}


def test_tls_gives_the_same_bytes_and_strangers_nothing(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    credentials = Security.temporary()
    # As another program would have started it, with the environment that scores depend on.
    with LocalCluster(
        n_workers=1, threads_per_worker=1, protocol="tls://", host="127.0.0.1", security=credentials,
        dashboard_address="127.0.0.1:0", silence_logs=50,
    ) as cluster:  # fmt: skip
        address = cluster.scheduler_address
        assert address.startswith("tls://127.0.0.1:")
        with pytest.raises(UserError, match=r"distributed\.comm\.tls\.ca-file is not set"):
            scored(tiny, tiny_model, scheduler=address)
        with dask.config.set(settings(tmp_path / "other", Security.temporary())):
            with pytest.raises(UserError, match="no scheduler answers") as refused:
                scored(tiny, tiny_model, scheduler=address)
            assert refused.value.code == 5
        with dask.config.set(settings(tmp_path / "own", credentials)):
            assert scored(tiny, tiny_model, scheduler=address) == alone(tiny, tiny_model)


SBATCH = """#!/bin/sh
# Runs a copy of the job, as SLURM does (the file is removed when this returns), in a session of its own; one alone.
mkdir "{folder}/one" 2>/dev/null || {{ echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; }}
cp "$1" "{folder}/job.sh" || exit 1
setsid sh "{folder}/job.sh" > "{folder}/job.log" 2>&1 &
echo $! > "{folder}/job.pid"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job in "$@"; do kill -- -"$job" 2>/dev/null; done
exit 0
"""


def test_slurm_jobs_give_the_same_bytes(tiny: Tiny, tiny_model: Model, tmp_path: Path, monkeypatch) -> None:
    for name, text in (("sbatch", SBATCH.format(folder=tmp_path)), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    import_jobqueue()  # brings its settings
    told: list[str] = []
    asked = {"cores": 1, "memory": "2GB", "walltime": "00:10:00", "queue": "short", "python": sys.executable,
             "interface": "lo", "scheduler-options": {"host": "127.0.0.1"}}  # fmt: skip
    with dask.config.set({f"jobqueue.slurm.{name}": value for name, value in asked.items()}):
        found = scored(tiny, tiny_model, scheduler="slurm", workers=2, folder=tmp_path, note=told.append)
    assert found == alone(tiny, tiny_model)
    assert told == ["SLURM took 1 of 2 jobs: sbatch: error: QOSMaxSubmitJobPerUserLimit"]
    job = (tmp_path / "job.sh").read_text()
    assert "#SBATCH -p short" in job
    assert "tls://127.0.0.1" in job
    number = int((tmp_path / "job.pid").read_text())
    assert not psutil.wait_procs([psutil.Process(number)] if psutil.pid_exists(number) else [], timeout=30)[1]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".kakehashi-tls")]


NOBODY = """#!/bin/sh
echo "sbatch: error: Batch job submission failed: Invalid partition name specified" >&2
exit 1
"""
WAITING = """#!/bin/sh
touch "{folder}/asked"
echo "Submitted batch job 7"
"""
SQUEUE = """#!/bin/sh
case "$*" in *--name={name}*) echo "{jobs}";; esac
"""
ASKED = {"cores": 1, "memory": "2GB", "python": sys.executable, "interface": "lo",
         "scheduler-options": {"host": "127.0.0.1"}}  # fmt: skip


@pytest.fixture
def imitated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Scripts that stand for SLURM's commands, and settings of a job."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(**scripts: str) -> None:
        for name, text in scripts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(stat.S_IRWXU)

    import_jobqueue()
    with dask.config.set({f"jobqueue.slurm.{name}": value for name, value in ASKED.items()}):
        yield write


@pytest.mark.fault
def test_slurm_that_takes_no_job_is_quoted(tiny: Tiny, tiny_model: Model, tmp_path: Path, imitated) -> None:
    imitated(sbatch=NOBODY, scancel=SCANCEL)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(UserError, match=r"no job was accepted: sbatch: error: .*Invalid partition") as refused:
        scored(tiny, tiny_model, scheduler="slurm", workers=2, folder=tmp_path)
    assert refused.value.code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.fault
def test_jobs_that_are_gone_are_not_waited_for(tiny: Tiny, tiny_model: Model, tmp_path: Path, imitated) -> None:
    """As after scancel, or a job that could not start."""
    imitated(sbatch=WAITING.format(folder=tmp_path), scancel=SCANCEL, squeue=SQUEUE.format(name="nobodys", jobs="7"))
    with pytest.raises(UserError, match=r"no job is left \(7\)") as gone:
        scored(tiny, tiny_model, scheduler="slurm", workers=1, folder=tmp_path)
    assert gone.value.code == 5


CLIENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
from pathlib import Path
import dask, pyarrow as pa
from kakehashi.screen.interrupt import first_finishes, stopped, terminable
from kakehashi.screen.scoring.workers.cluster import dask_executor
from kakehashi.screen.scoring.workers.slurm import import_jobqueue

import_jobqueue()
dask.config.set({asked!r})
try:
    work = first_finishes("quiet", lambda: "nothing")
    with terminable(process=True), work, dask_executor(1, "slurm", Path(sys.argv[1])) as executor:
        list(executor(None, iter([pa.table({{"id": ["a"]}})])))
except KeyboardInterrupt as stop:
    sys.exit(stopped(stop))
"""
CANCELLED = """#!/bin/sh
sleep 1
echo "$@" > "{folder}/cancelled"
"""


@pytest.mark.fault
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_what_waits_in_the_queue_is_cancelled(tmp_path: Path, imitated, number: int, code: int) -> None:
    """A run that is stopped while its job waits, by the terminal's Ctrl-C for the whole group, too; or is killed."""
    imitated(
        sbatch=WAITING.format(folder=tmp_path), scancel=CANCELLED.format(folder=tmp_path),
        squeue=SQUEUE.format(name="", jobs="7 (PENDING)"),
    )  # fmt: skip
    asked = {f"jobqueue.slurm.{name}": value for name, value in ASKED.items()}
    folder = tmp_path / "run"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-P", "-c", CLIENT.format(asked=asked), str(folder)], stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        while not (tmp_path / "asked").exists() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(1.5)
        (secret,) = folder.iterdir()
        assert stat.S_IMODE(secret.stat().st_mode) == stat.S_IRWXU
        os.killpg(process.pid, number)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == code, err
    if code > 0:
        assert err.splitlines() == [{130: "interrupted", 143: "terminated"}[code]]
        assert (tmp_path / "cancelled").read_text() == "7\n"
        assert list(folder.iterdir()) == []
        return
    name = (secret / "job-name").read_text()
    imitated(squeue=SQUEUE.format(name=name, jobs="7 (PENDING)"))
    told = remove_leftovers(folder)
    assert told[0].endswith(secret.name)
    assert told[1:] == [f"jobs of that run are still there: 7 (PENDING); end them with: scancel --name={name}"]
    assert list(folder.iterdir()) == []


SCHEDULER = """
import sys
from pathlib import Path
from dask.distributed import LocalCluster

with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster:
    Path(sys.argv[1]).write_text(cluster.scheduler_address)
    sys.stdin.read()
"""


@pytest.mark.fault
def test_a_scheduler_that_dies_is_said(screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line with the command that goes on; what was scored before is kept."""
    address, out = tmp_path / "address", tmp_path / "run"
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-c", f"if __name__ == '__main__':\n{textwrap.indent(SCHEDULER, '    ')}", str(address)],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=variables,
    ) as process:  # fmt: skip
        while not (address.exists() and address.read_text()) and process.poll() is None:
            time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
        write = RunDir.write_table

        def writing(rundir: RunDir, name: str, *rest: object) -> None:
            write(rundir, name, *rest)
            if name == "quarantine/part-00000.parquet":
                process.kill()
                process.wait()

        with monkeypatch.context() as patched:
            patched.setattr("kakehashi.catalogs.runs.rundir.RunDir.write_table", writing)
            code, said, err = screen("--out", out, "--partition-rows", 3, "--scheduler", address.read_text())
        psutil.wait_procs(children, timeout=20)
    assert (code, said) == (5, "")
    assert err.startswith("error: the scheduler was lost; go on with: kakehashi screen ")
    assert err.endswith("--resume\n")
    assert err.count("\n") == 1
    assert 1 <= len(list((out / "scores").iterdir())) < 14
    assert screen("--out", out, "--partition-rows", 3, "--resume")[0] == 0


def test_without_a_setting_slurm_says_which() -> None:
    with pytest.raises(UserError, match=r"jobqueue\.slurm\.cores is not set") as missing:
        check_usable("slurm")
    assert missing.value.code == 2


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_what_cannot_be_used_is_refused_before_any_work(screen, tmp_path: Path, more: list[str]) -> None:
    for address, said in (("tls://127.0.0.1:1", "ca-file is not set"), ("slurm", "jobqueue.slurm.cores is not set")):
        code, out, err = screen("--out", tmp_path / "run", "--scheduler", address, *more)
        assert (code, out) == (2, "")
        assert said in err
    nowhere = {f"distributed.comm.tls.{name}": "/none" for name in ("ca-file", "client.cert", "client.key")}
    with dask.config.set(nowhere):
        code, _, err = screen("--out", tmp_path / "run", "--scheduler", "tls://127.0.0.1:1", *more)
    assert code == 2
    assert "cannot be read" in err
    assert not (tmp_path / "run").exists()


WORKERS = """
import json
import jax, numpy as np
from kakehashi.screen.device import choose, current, take_device
choose("auto")
found = []
for name in (0, 1, 2, "tls://a"):
    take_device(name)
    found.append([current().id, jax.jit(lambda x: x + 1)(np.ones(2)).devices().pop().id])
print(json.dumps(found))
"""


def test_workers_take_turns_on_the_devices() -> None:
    """Two devices of one processor stand for two GPUs."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", WORKERS], env={**os.environ, **flags}, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[0, 0], [1, 1], [0, 0], [0, 0]]


ON_TWO_DEVICES = """
import os, sys
import kakehashi
from kakehashi.screen.scoring import committed as partitions
from kakehashi.screen.scoring.partitions import PartitionScorer

folder, *words = sys.argv[1:]
plain = partitions.make_scorer


def noting(model, search, precision):
    class Noting(PartitionScorer):
        def __call__(self, rows):
            from kakehashi.screen.device import current
            from pathlib import Path
            Path(folder, str(os.getpid())).write_text(str(current().id))
            return PartitionScorer.__call__(self, rows)

    return Noting(*plain(model, search, precision))


partitions.make_scorer = noting
sys.exit(kakehashi.main(words))
"""


def test_a_run_uses_a_device_per_worker(
    tiny: Tiny, tiny_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Each of two processes scores on the one of two devices that is its own, to the bytes of one device."""
    out = tmp_path / "out"
    (tmp_path / "seen").mkdir()
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO_DEVICES, str(tmp_path / "seen"), "screen", *tiny.flags, "--out", str(out),
         "--workers", "2", "--partition-rows", "5", "--quiet"],
        env={**os.environ, **flags, "KAKEHASHI_HOME": str(tiny_run[0].parent / "home")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.read_text() for path in (tmp_path / "seen").iterdir()) == ["0", "1"]
    assert (out / "ranking.parquet").read_bytes() == (tiny_run[0] / "ranking.parquet").read_bytes()
