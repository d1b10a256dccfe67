"""SLURM on this machine alone: a run, its jobs cancelled, killed, interrupted, terminated, resumed; the same ranking.

slurmctld, slurmd and munged are Debian's (`apt-get install slurm-wlm munge`), started without an init system, on
127.0.0.1, as whoever runs this, and ended by their ids.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.real.parts import ROOT, Unavailable, free_port, kakehashi, started, wait_for
from tests.real.screening import Command, alone, cut_short, done, sums, words

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
HIDDEN = ".kakehashi-tls-"
CONF = """\
ClusterName=kakehashi
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={work}/munge/socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={work}/state
SlurmdSpoolDir={work}/spool
SlurmctldPidFile={work}/slurmctld.pid
SlurmdPidFile={work}/slurmd.pid
SlurmctldLogFile={work}/slurmctld.log
SlurmdLogFile={work}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
ReturnToService=2
KillWait=5
MinJobAge=300
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=60 State=UP
"""
JOBS = """\
jobqueue:
  slurm:
    cores: 1
    memory: 2GB
    job-mem: "0"
    walltime: "00:10:00"
    queue: short
    interface: lo
    python: {python}
    log-directory: {work}/jobs
    scheduler-options: {{host: 127.0.0.1}}
    job-script-prologue: ["export PYTHONPATH={root}"]
"""


class Machine:
    """The commands of a SLURM of our own."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.environment = {
            **os.environ, "SLURM_CONF": f"{work}/slurm.conf", "DASK_CONFIG": f"{work}/dask", "PYTHONPATH": str(ROOT),
            "KAKEHASHI_HOME": f"{work}/home", "JAX_PLATFORMS": "cpu",
        }  # fmt: skip

    def ask(self, *words: object) -> str:
        """What a command prints."""
        done = subprocess.run(
            list(map(str, words)), env=self.environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip()

    def jobs(self) -> list[str]:
        """Ids of the jobs that wait or run."""
        return self.ask("squeue", "--noheader", "--format=%i", "--states=PENDING,RUNNING,COMPLETING").split()

    def running(self) -> list[str]:
        """Ids of the jobs that run."""
        return self.ask("squeue", "--noheader", "--format=%i", "--states=RUNNING").split()

    def waiting(self) -> list[str]:
        """Ids of the jobs that wait."""
        return self.ask("squeue", "--noheader", "--format=%i", "--states=PENDING").split()

    def quiet(self) -> bool:
        """Whether no job is left."""
        return not self.jobs()


@contextmanager
def machine(work: Path) -> Iterator[Machine]:
    """Start munged, slurmctld and slurmd, and wait until the node takes jobs."""
    if missing := [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]:
        raise Unavailable(f"{', '.join(missing)} not found: apt-get install slurm-wlm munge")
    found = Machine(work)
    for name in ("munge", "state", "spool", "jobs", "dask", "home"):
        (work / name).mkdir(mode=0o700)
    (work / "munge/key").write_bytes(os.urandom(128))
    (work / "munge/key").chmod(0o400)
    host = socket.gethostname().split(".")[0]
    text = CONF.format(host=host, user=getpass.getuser(), work=work, controller=free_port(), node=free_port())
    (work / "slurm.conf").write_text(text)
    (work / "dask/jobqueue.yaml").write_text(JOBS.format(python=sys.executable, work=work, root=ROOT))
    sbin = lambda name: shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    munge = work / "munge"
    with ExitStack() as stack:
        words = [sbin("munged"), "--foreground", "--force", f"--key-file={munge}/key", f"--socket={munge}/socket",
                 f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed"]  # fmt: skip
        daemons = [stack.enter_context(started(words, work / "munged.out"))]
        wait_for("munged's socket", (munge / "socket").exists)
        for name in ("slurmctld", "slurmd"):
            daemons.append(stack.enter_context(started([sbin(name), "-D"], work / f"{name}.out", found.environment)))
        wait_for("an idle node", lambda: _answers(found), 60)
        for daemon in daemons:
            seen = {c.laddr.ip for c in psutil.Process(daemon.pid).net_connections("tcp") if c.status == "LISTEN"}
            assert seen <= {"127.0.0.1"}, f"{daemon.args} listens on {seen}"
        try:
            yield found
        finally:
            for job in found.jobs():
                found.ask("scancel", job)
            wait_for("the end of the jobs", found.quiet, 60)


def _answers(found: Machine) -> bool:
    try:
        return found.ask("sinfo", "--noheader", "--format=%t") == "idle"
    except subprocess.CalledProcessError:
        return False


def run(work: Path) -> list[str]:
    """Every way a run on SLURM ends, and that what goes on after it ends in the same bytes."""
    with machine(work) as found:
        expected = alone(work / "runs/alone", found.environment)
        checks = (_whole, _one_cancelled, _all_cancelled, _killed, _interrupted, _waiting, _terminated, _refused)
        lines = [check(found) for check in checks]
        for out in sorted((work / "runs").iterdir()):
            assert sums(out) == expected, f"{out.name}: another ranking, {sums(out)} instead of {expected}"
        version = found.ask("sinfo", "--version")
    return [*lines, f"{version}: sha256 of ranking.parquet {expected[0][:16]} in every one of them"]


def _command(found: Machine, out: Path, *more: str, workers: int = 2, **settings: str) -> Command:
    """A run on this many jobs, begun."""
    on = ("--scheduler", "slurm", "--workers", workers)
    return Command(words(out, *more, *on), out, {**found.environment, **settings})


def _clean(found: Machine, out: Path) -> None:
    """No job of the run is left, and none of its secrets."""
    wait_for("the end of the jobs", found.quiet, 30)
    left = [path.name for path in out.iterdir() if path.name.startswith(HIDDEN)]
    assert not left, f"{out.name} holds {left}"


def _goes_on(found: Machine, out: Path) -> int:
    """Resume on SLURM; how many partitions were there before."""
    before = cut_short(out)
    _command(found, out, "--resume").ends(0)
    _clean(found, out)
    return before


def _whole(found: Machine) -> str:
    out = found.work / "runs/whole"
    _command(found, out).ends(0)
    _clean(found, out)
    return f"run: exit 0, {done(out)} partitions on 2 jobs, no job and no certificate left"


def _one_cancelled(found: Machine) -> str:
    out = found.work / "runs/one-cancelled"
    command = _command(found, out)
    command.until("two jobs at work", lambda: len(found.running()) == 2)
    command.midway()
    found.ask("scancel", found.running()[0])
    command.ends(0)
    _clean(found, out)
    return "scancel of one of two jobs: exit 0"


def _all_cancelled(found: Machine) -> str:
    out = found.work / "runs/all-cancelled"
    command = _command(found, out)
    command.midway()
    found.ask("scancel", *found.jobs())
    err = command.ends(5, "no job is left", "go on with: ", "--resume")
    _clean(found, out)
    return f"scancel of all jobs: exit 5, {err.strip().splitlines()[-1][:90]}...; resumed after {_goes_on(found, out)}"


def _killed(found: Machine) -> str:
    out = found.work / "runs/killed"
    said = []
    for again in ((), ("--resume",)):
        command = _command(found, out, *again, workers=3)  # the third has to wait: the node has two cores
        command.midway()
        (waits,) = found.waiting()
        command.process.kill()
        command.ends(-signal.SIGKILL)
        assert [path for path in out.iterdir() if path.name.startswith(HIDDEN)], "no certificates to sweep"
        told = _command(found, out, "--resume").ends(0) if again else found.ask(*kakehashi("status", out))
        assert f"{waits} (PENDING)" in told, told
        assert "certificates of a run that was killed were removed" in told, told
        said += [line for line in told.splitlines() if "(PENDING)" in line]
        name = told.rpartition("scancel --name=")[2].split()[0]
        found.ask("scancel", f"--name={name}")
        _clean(found, out)
    return f"kill -9, status, --resume, kill -9, --resume: {said[0].strip()}"


def _interrupted(found: Machine) -> str:
    out = found.work / "runs/interrupted"
    command = _command(found, out)
    command.midway()
    os.killpg(command.process.pid, signal.SIGINT)  # as a terminal does
    err = command.ends(130, "interrupted; go on with: kakehashi screen", "--resume")  # quick ends need no other answer
    _clean(found, out)
    return f"Ctrl-C: exit 130, {_short(err)}; resumed after {_goes_on(found, out)}"


def _waiting(found: Machine) -> str:
    """Ctrl-C and SIGTERM while no job has started: there is nothing to finish."""
    out = found.work / "waiting"
    found.ask("scontrol", "update", "partitionname=short", "state=down")
    try:
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            command = _command(found, out, "--overwrite")
            command.until("jobs in the queue", lambda: len(found.waiting()) == 2)
            time.sleep(1)
            begun = time.monotonic()
            command.process.send_signal(number)
            command.ends(code, "go on with: kakehashi screen", "--resume")
            assert time.monotonic() - begun < 15
            _clean(found, out)
    finally:
        found.ask("scontrol", "update", "partitionname=short", "state=up")
    return "Ctrl-C and SIGTERM while all jobs wait: exit 130 and 143, the queue is empty"


def _terminated(found: Machine) -> str:
    out = found.work / "runs/terminated"
    command = _command(found, out, workers=3)
    command.midway()
    assert found.waiting(), "no job waits"
    begun = time.monotonic()
    command.process.terminate()
    err = command.ends(143, "terminated; go on with: kakehashi screen", "--resume")
    seconds = time.monotonic() - begun
    _clean(found, out)
    return f"SIGTERM: exit 143 after {seconds:.1f} s, {_short(err)}; resumed after {_goes_on(found, out)}"


def _refused(found: Machine) -> str:
    """SLURM takes no job: said in its own words, not waited for."""
    out = found.work / "refused"
    (found.work / "wrong").mkdir()
    text = (found.work / "dask/jobqueue.yaml").read_text().replace("queue: short", "queue: nosuch")
    (found.work / "wrong/jobqueue.yaml").write_text(text)
    err = _command(found, out, DASK_CONFIG=f"{found.work}/wrong").ends(5, "no job was accepted", "invalid partition")
    _clean(found, out)
    return f"a queue that is not there: exit 5, {err.partition('no job was accepted: ')[2].partition(';')[0][:80]}"


def _short(err: str) -> str:
    return f"{err.strip().splitlines()[-1][:60]}..."
