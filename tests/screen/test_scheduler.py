"""Schedulers: TLS or this machine alone, SLURM jobs (imitated by scripts), a device per worker; the same bytes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dask
import psutil
import pytest
from dask.distributed import LocalCluster, Security

from catalogs.candidates import open_catalog
from catalogs.records import UserError
from screen.cluster import dask_executor
from screen.execute import deploy, in_turn
from screen.scheduler import check_scheduler

if TYPE_CHECKING:
    from conftest import Tiny

    from screen.transfer import Model


def scored(tiny: Tiny, model: Model, **where: object) -> list[object]:
    catalog = open_catalog(str(tiny.folder / "catalog.csv"))
    with dask_executor(**where) as executor:
        return [part.scores for part in executor(deploy(model), catalog.batches(20))]


def alone(tiny: Tiny, model: Model) -> list[object]:
    catalog = open_catalog(str(tiny.folder / "catalog.csv"))
    return [part.scores for part in in_turn(deploy(model), catalog.batches(20))]


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
# Runs a copy of the job, as SLURM does (the file is removed when this returns), in a session of its own.
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
    import dask_jobqueue  # noqa: F401  (brings its settings)

    asked = {"cores": 1, "memory": "2GB", "walltime": "00:10:00", "queue": "short", "python": sys.executable,
             "interface": "lo", "scheduler-options": {"host": "127.0.0.1"}}  # fmt: skip
    with dask.config.set({f"jobqueue.slurm.{name}": value for name, value in asked.items()}):
        assert scored(tiny, tiny_model, scheduler="slurm", workers=1, folder=tmp_path) == alone(tiny, tiny_model)
    job = (tmp_path / "job.sh").read_text()
    assert "#SBATCH -p short" in job
    assert "tls://127.0.0.1" in job
    number = int((tmp_path / "job.pid").read_text())
    assert not psutil.wait_procs([psutil.Process(number)] if psutil.pid_exists(number) else [], timeout=30)[1]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".kakehashi-tls")]


def test_without_a_setting_slurm_says_which(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"jobqueue\.slurm\.cores is not set"):
        scored(tiny, tiny_model, scheduler="slurm", workers=1, folder=tmp_path)


WORKERS = """
import json
import jax, numpy as np
from screen.device import choose, current, take_device
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
from screen import partitions
from screen.execute import Scoring

folder, *words = sys.argv[1:]
plain = partitions.deploy


def noting(model, search):
    class Noting(Scoring):
        def __call__(self, rows):
            from screen.device import current
            from pathlib import Path
            Path(folder, str(os.getpid())).write_text(str(current().id))
            return Scoring.__call__(self, rows)

    return Noting(*plain(model, search))


partitions.deploy = noting
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
