"""A row that kills whoever scores it is found by halving its partition and quarantined; all others are scored."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.scoring.columns import QUARANTINE, ScoredPartition
from kakehashi.screen.scoring.committed import score_catalog
from kakehashi.screen.scoring.partitions import PartitionScorer, make_scorer
from kakehashi.screen.scoring.workers import cluster, pool
from kakehashi.screen.scoring.workers.cluster import dask_executor
from kakehashi.screen.scoring.workers.isolate import MOST, REASON, WorkerCrashed, isolate_crashes

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model


def table(n: int) -> pa.Table:
    return pa.table({"id": [f"r{i}" for i in range(n)], "formula": [f"MgO{i + 2}" for i in range(n)]})


class Process:
    """Scores even rows and refuses odd ones, unless it dies of a row, or for no reason at its `accident`-th call."""

    def __init__(self, poison: set[int] | frozenset[int], accident: int = 0) -> None:
        self.poison, self.accident, self.calls = {f"r{i}" for i in poison}, accident, 0

    def __call__(self, rows: pa.Table) -> ScoredPartition:
        self.calls += 1
        if self.calls == self.accident or self.poison & set(rows["id"].to_pylist()):
            raise WorkerCrashed
        even = pa.array([int(i[1:]) % 2 == 0 for i in rows["id"].to_pylist()], pa.bool_())
        aside = rows.filter(pa.compute.invert(even))
        reasons = pa.array(["odd"] * aside.num_rows, pa.string())
        return ScoredPartition(rows.filter(even), aside.append_column("reason", reasons))


@pytest.mark.fault
@settings(max_examples=100)
@given(st.integers(1, 40), st.frozensets(st.integers(0, 39), max_size=5), st.integers(0, 30))
def test_only_the_rows_that_kill_are_set_aside(n: int, poison: frozenset[int], accident: int) -> None:
    poison = frozenset(i for i in poison if i < n)
    found = isolate_crashes(table(n), Process(poison, accident))
    assert found.scores["id"].to_pylist() == [f"r{i}" for i in range(0, n, 2) if i not in poison]
    aside = {row["id"]: row["reason"] for row in found.quarantine.to_pylist()}
    assert list(aside) == [f"r{i}" for i in range(n) if i in poison or i % 2]
    assert {i for i, reason in aside.items() if reason == REASON} == {f"r{i}" for i in poison}
    assert found.quarantine.schema == QUARANTINE


@pytest.mark.fault
def test_one_row_of_many_costs_few_processes() -> None:
    process = Process({700})
    isolate_crashes(table(1024), process)
    assert process.calls <= 2 * 10 + 2


@pytest.mark.fault
def test_a_model_that_kills_every_process_is_not_blamed_on_its_rows() -> None:
    with pytest.raises(UserError, match=f"more than {MOST} rows of one partition") as caught:
        isolate_crashes(table(64), Process(set(range(64))))
    assert caught.value.code == 1


def deadly(scorer: PartitionScorer, victim: str) -> PartitionScorer:
    """A scoring that kills its process at one row; the class is local, so that it travels to the worker whole."""

    class Deadly(PartitionScorer):
        def __call__(self, rows: pa.Table) -> ScoredPartition:
            if victim in rows["id"].to_pylist():
                os.kill(os.getpid(), signal.SIGKILL)
            return PartitionScorer.__call__(self, rows)

    return Deadly(*scorer)


@pytest.mark.fault
def test_a_row_that_kills_dask_workers(
    tiny: Tiny, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two partitions share the worker: the one beside the poison is scored whole, too, and no row twice."""
    catalog, scorer = open_catalog(str(tiny.folder / "catalog.csv"), limit=4), make_scorer(tiny_model)
    with RunDir(tmp_path / "clean") as rundir:
        clean = pa.concat_tables(score_catalog(rundir, tiny_model, catalog, partition_rows=2).scores())
    monkeypatch.setattr("kakehashi.screen.scoring.committed.make_scorer", lambda *_: deadly(scorer, "m02"))
    with RunDir(tmp_path / "run") as rundir, dask_executor(1) as executor:
        scored = score_catalog(rundir, tiny_model, catalog, executor=executor, partition_rows=2)
        scores, aside = pa.concat_tables(scored.scores()), pa.concat_tables(scored.quarantine())
        kept = rundir.read_bytes("scores/part-00000.parquet")
    assert aside.to_pylist() == [{"id": "m02", "formula": catalog_formula(catalog, "m02"), "reason": REASON}]
    assert scores.equals(clean.filter(pa.compute.not_equal(clean["id"], "m02")))
    assert kept == (tmp_path / "clean/scores/part-00000.parquet").read_bytes()


@pytest.mark.fault
def test_workers_that_nothing_starts_again_end_the_run(
    tiny: Tiny, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's own patience with a worker that is away, made short, loses the only one; the run must not wait for it."""
    monkeypatch.setitem(pool.CONFIG, "distributed.deploy.lost-worker-timeout", "100 ms")
    monkeypatch.setattr(cluster, "WATCH_SECONDS", 0.5)
    catalog, scorer = open_catalog(str(tiny.folder / "catalog.csv"), limit=4), make_scorer(tiny_model)
    monkeypatch.setattr("kakehashi.screen.scoring.committed.make_scorer", lambda *_: deadly(scorer, "m02"))
    with RunDir(tmp_path / "run") as rundir, dask_executor(1) as executor, pytest.raises(UserError) as caught:
        score_catalog(rundir, tiny_model, catalog, executor=executor, partition_rows=4)
    # What goes on with the run is added to every error of this code, by the runner.
    assert (caught.value.code, str(caught.value)) == (5, "no worker process is left and none can be started")


def catalog_formula(catalog: object, row: str) -> str:
    (rows,) = catalog.batches(4)  # type: ignore[attr-defined]
    return dict(zip(rows["id"].to_pylist(), rows["formula"].to_pylist(), strict=True))[row]
