"""Scoring on Dask workers: the same bytes, on the loopback, whatever happens to a worker, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psutil
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import Results
from kakehashi.screen.scoring.columns import ScoredPartition
from kakehashi.screen.scoring.partitions import make_scorer, score_serially
from kakehashi.screen.scoring.workers.cluster import dask_executor

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]


def workers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(p.cmdline())]


def same(found: list[ScoredPartition], expected: list[ScoredPartition]) -> bool:
    return all(
        one.scores.equals(other.scores) and one.quarantine.equals(other.quarantine)
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.fault
def test_a_killed_worker_changes_nothing(tiny: Tiny, tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_API_KEY", "of-the-client-alone")
    catalog, scorer = open_catalog(str(tiny.folder / "catalog.csv")), make_scorer(tiny_model)
    before, found = dict(os.environ), []
    with dask_executor(1) as executor:
        for part in executor(scorer, catalog.batches(3)):
            if not found:
                (worker,) = workers()
                own = [c.laddr.ip for c in psutil.Process().net_connections() if c.status == "LISTEN"]
                its = [c.laddr.ip for c in worker.net_connections() if c.status == "LISTEN"]
                variables = worker.environ()
                worker.send_signal(signal.SIGINT)  # as a terminal does: not the worker's to answer
                time.sleep(0.1)
                assert worker.is_running()
                worker.kill()
            found.append(part)
    assert same(found, list(score_serially(scorer, catalog.batches(3))))
    assert set(own + its) == {"127.0.0.1"}
    assert variables.get("MALLOC_TRIM_THRESHOLD_") == before.get("MALLOC_TRIM_THRESHOLD_")
    assert variables["OMP_NUM_THREADS"] == variables["OPENBLAS_NUM_THREADS"] == "1"
    assert "MP_API_KEY" not in variables
    assert dict(os.environ) == before
    assert workers() == []


@pytest.mark.fault
@pytest.mark.usefixtures("interruptible")
def test_control_c_while_workers_start_says_how_to_go_on(
    tiny: Tiny, tiny_run: tuple[Path, object], tmp_path: Path
) -> None:
    """The terminal sends it to the whole process group, so also to workers that cannot answer yet."""
    words = [sys.executable, "-P", "-m", "kakehashi", "screen", *tiny.flags, "--out", str(tmp_path / "run"),
             "--workers", "1", "--partition-rows", "5"]  # fmt: skip
    home = {"KAKEHASHI_HOME": str(tiny_run[0].parent / "home")}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **home},
        start_new_session=True,
    ) as process:  # fmt: skip
        client = psutil.Process(process.pid)
        while process.poll() is None and not any("spawn_main" in " ".join(p.cmdline()) for p in client.children(True)):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        said, err = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, ""), err
    assert err.rstrip().endswith("--resume")
    assert "Traceback" not in err
    assert len(Results(tmp_path / "run").names("scores/")) < 9


def test_two_workers_and_other_partitions_write_the_same_bytes(
    screen: Run, tiny_run: tuple[Path, object], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert screen("--out", out, "--workers", 2, "--partition-rows", 5, "--quiet") == (0, "", "")
    for name in ("ranking.parquet", "ranking.csv", "quarantine.parquet"):
        assert (out / name).read_bytes() == (tiny_run[0] / name).read_bytes(), name
    assert workers() == []
    # Who did it is no part of what was done.
    code, said, _ = screen("--out", out, "--partition-rows", 5, "--resume")
    assert (code, said.startswith("nothing to do")) == (0, True)


def test_a_scheduler_elsewhere(tiny: Tiny, tiny_model: Model) -> None:
    from dask.distributed import Client, LocalCluster

    catalog, scorer = open_catalog(str(tiny.folder / "catalog.csv")), make_scorer(tiny_model)
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster:
        own = lambda: [name for name in cluster.scheduler.worker_plugins if name.startswith("kakehashi")]
        with dask_executor(scheduler=cluster.scheduler_address) as executor:
            found = list(executor(scorer, catalog.batches(5)))
            assert len(own()) == 1
        assert own() == []
        with dask_executor(scheduler=cluster.scheduler_address) as executor:
            next(iter(executor(scorer, catalog.batches(1))))  # and something goes wrong here
        assert own() == []
        with pytest.MonkeyPatch.context() as patched, dask_executor(scheduler=cluster.scheduler_address) as executor:
            patched.setattr("kakehashi.screen.scoring.workers.deployment.scoring_environment", lambda: "kakehashi 99")
            with pytest.raises(UserError, match=r"a worker runs kakehashi .*this process kakehashi 99") as caught:
                list(executor(scorer, catalog.batches(5)))
        assert caught.value.code == 5
        assert own() == []
        with Client(cluster, set_as_default=False) as client:
            assert len(client.nthreads()) == 1
    assert same(found, list(score_serially(scorer, catalog.batches(5))))


def test_a_run_with_nothing_to_score_starts_no_cluster(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kakehashi.screen.scoring.workers.pool.LocalCluster", lambda **_: pytest.fail("started"))
    with dask_executor(2) as executor:
        assert list(executor(make_scorer(tiny_model), iter([]))) == []


def test_few_partitions_are_read_ahead(tiny_model: Model) -> None:
    from concurrent.futures import Future

    from kakehashi.screen.scoring.workers.cluster import AHEAD, _score_in_order
    from kakehashi.screen.scoring.workers.pool import WorkerPool

    class Slow:
        def nthreads(self) -> dict[str, int]:
            return {"a": 1, "b": 1}

        def submit(self, work: object, name: str, rows: int, pure: bool) -> Future[int]:
            future: Future[int] = Future()
            future.set_result(rows)
            return future

    read: list[int] = []
    tables = (read.append(i) or i for i in range(100))  # type: ignore[func-returns-value]
    out = _score_in_order(WorkerPool(Slow(), lambda: None), "", tables)  # type: ignore[arg-type]
    assert [next(out), len(read)] == [0, 2 * AHEAD]
    assert [*out] == list(range(1, 100))


def test_a_partition_that_is_done_just_after_its_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import Future

    from kakehashi.screen.scoring.workers.cluster import _wait_for_result
    from kakehashi.screen.scoring.workers.pool import WorkerPool

    class Scored(Future[int]):
        status = "pending"

    class Late(Scored):
        def result(self, timeout: float | None = None) -> int:
            if not self.done():
                self.set_result(7)
                raise TimeoutError("too late")
            return super().result(timeout)

    asked = lambda: pytest.fail("nothing is amiss")
    assert _wait_for_result(WorkerPool(None, asked), Late()) == 7  # type: ignore[arg-type, comparison-overlap]
    failed = Scored()
    failed.status = "error"
    failed.set_exception(TimeoutError("of the scoring"))
    with pytest.raises(TimeoutError, match="of the scoring"):
        _wait_for_result(WorkerPool(None, asked), failed)  # type: ignore[arg-type]


def test_a_result_that_goes_away_with_its_worker_is_asked_after() -> None:
    """The scheduler queues its partition again, and whoever waits for it learns that nobody will compute it."""
    from concurrent.futures import Future

    from kakehashi.screen.scoring.workers.cluster import _wait_for_result
    from kakehashi.screen.scoring.workers.pool import WorkerPool

    class Gone(Future[int]):
        status = "finished"

        def result(self, timeout: float | None = None) -> int:
            self.status = "lost"
            raise TimeoutError("timed out after 10 s.")

    def check() -> None:
        raise UserError("no job is left", 5)

    nobody = SimpleNamespace(status="running", nthreads=dict)
    with pytest.raises(UserError, match="no job is left"):
        _wait_for_result(WorkerPool(nobody, check), Gone())  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1"])
def test_no_scheduler_is_said_in_one_line(
    screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr("kakehashi.screen.scoring.workers.pool.CONNECT_SECONDS", 0.3)
    code, said, err = screen("--out", tmp_path / "run", "--scheduler", address)
    assert (code, said) == (5, "")
    assert err.count("\n") == 1
    assert address in err


@pytest.mark.parametrize("words", [["--workers", 0], ["--workers", 1, "--scheduler", "tcp://127.0.0.1:1"]])
def test_workers_that_cannot_be(screen: Run, tmp_path: Path, words: list[object]) -> None:
    code, _, err = screen("--out", tmp_path / "run", *words)
    assert code == 2
    assert "--workers" in err
