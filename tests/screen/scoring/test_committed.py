"""Committed partitions: kept when they are what would be written, scored again when not, whole after any kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.runs.rundir import Results, RunDir
from kakehashi.screen.scoring.columns import ScoredPartition
from kakehashi.screen.scoring.committed import committed_size, score_catalog
from kakehashi.screen.scoring.partitions import PartitionScorer, make_scorer, score_serially

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]


class Counted:
    """An executor that counts the partitions it is given; before partition `stop`, `answer` is called."""

    def __init__(self, stop: int = -1, answer: Callable[[], None] = lambda: None) -> None:
        self.calls, self.stop, self.answer = 0, stop, answer

    def __call__(self, scorer: PartitionScorer, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
        for rows in tables:
            if self.calls == self.stop:
                self.answer()
            self.calls += 1
            yield scorer(rows)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def parts(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in Results(folder).names() if "part-" in name}


def into(out: Path, model: Model, catalog: Path | str, size: int = 7, **options: object) -> tuple[pa.Table, int]:
    """All scores, and how many partitions had to be scored."""
    counted = Counted()
    with RunDir(out, resume=out.exists()) as rundir:
        found = open_catalog(str(catalog), **options)  # type: ignore[arg-type]
        scored = score_catalog(rundir, model, found, executor=counted, partition_rows=size)
        assert scored.rows + scored.quarantined == found.rows
        scores, aside = pa.concat_tables(scored.scores()), pa.concat_tables(scored.quarantine())
    assert (scores.num_rows, aside.num_rows) == (scored.rows, scored.quarantined)
    return scores, counted.calls


def test_whole_partitions_are_kept(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    first, calls = into(tmp_path / "run", tiny_model, tiny.folder / "catalog.csv")
    before = parts(tmp_path / "run")
    again, kept = into(tmp_path / "run", tiny_model, tiny.folder / "catalog.csv")
    assert (calls, kept, len(before)) == (6, 0, 12)
    assert again.equals(first)
    assert parts(tmp_path / "run") == before


@pytest.mark.fault
def test_only_damaged_and_missing_partitions_are_scored_again(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    out, catalog = tmp_path / "run", tiny.folder / "catalog.csv"
    into(out, tiny_model, catalog)
    before = parts(out)
    damaged = out / "scores/part-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    (out / "quarantine/part-00003.parquet").unlink()
    assert into(out, tiny_model, catalog)[1] == 2
    assert parts(out) == before


@pytest.mark.fault
def test_partitions_of_something_else_are_scored_again(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    out, catalog = tmp_path / "run", tiny.folder / "catalog.csv"
    into(out, tiny_model, catalog)
    other = tmp_path / "other.csv"  # the same rows at the same places, one value differs
    other.write_text(catalog.read_text().replace("0.4", "0.5", 1))
    assert into(out, tiny_model, other)[1] == 6
    wider = tiny_model._replace(interval=tiny_model.interval * 2)
    scores, calls = into(out, wider, other)
    assert calls == 6
    assert scores["upper"][0].as_py() > into(out, tiny_model, other)[0]["upper"][0].as_py()
    assert into(out, tiny_model, other, size=14)[1] == 3
    assert len(parts(out)) == 6
    assert into(out, tiny_model, other, size=14, limit=20)[1] == 1  # the first of two is as it was


def test_the_hash_of_a_model_knows_what_scores_depend_on(tiny_model: Model) -> None:
    light = lambda model: make_scorer(model).sha256
    member = tiny_model.stack.members[0]
    doubled = {name: 2 * value for name, value in member.params[0].items()}
    others = [
        tiny_model._replace(usual_spread=tiny_model.usual_spread * 2),
        tiny_model._replace(ceiling=1.0),
        tiny_model._replace(training=tiny_model.training + 1),
        tiny_model._replace(library=tiny_model.library._replace(convention="cell")),
        tiny_model._replace(domain=tiny_model.domain._replace(counts=frozenset({1}))),
        tiny_model._replace(domain=tiny_model.domain._replace(target_elements=~tiny_model.domain.target_elements)),
        tiny_model._replace(stack=tiny_model.stack._replace(weights=tiny_model.stack.weights[::-1] * 0.5)),
        tiny_model._replace(
            stack=tiny_model.stack._replace(members=(member._replace(params=(doubled,)), *tiny_model.stack.members[1:]))
        ),
    ]
    assert light(tiny_model) == light(tiny_model._replace(seed=99))
    assert len({light(tiny_model), *map(light, others)}) == 1 + len(others)


def test_the_hash_says_nothing_of_set_order(tiny_model: Model) -> None:
    classes = sorted(tiny_model.domain.classes)
    turned = tiny_model.domain._replace(classes=frozenset(reversed(classes)))
    assert make_scorer(tiny_model._replace(domain=turned)).sha256 == make_scorer(tiny_model).sha256


def test_the_files_say_what_they_are(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    into(tmp_path / "run", tiny_model, tiny.folder / "catalog.csv")
    for folder in ("scores", "quarantine"):
        said = pq.read_schema(tmp_path / "run" / folder / "part-00005.parquet").metadata
        assert said[b"kakehashi.model"].decode() == make_scorer(tiny_model).sha256
        assert said[b"kakehashi.catalog"].decode() == open_catalog(str(tiny.folder / "catalog.csv")).sha256
        assert said[b"kakehashi.rows"] == b"35-41"


@pytest.mark.fault
@pytest.mark.usefixtures("interruptible")
def test_control_c_finishes_the_partition_and_the_run_goes_on(
    screen: Run, tiny_run: tuple[Path, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, counted = tmp_path / "run", Counted(2, interrupt)
    with monkeypatch.context() as patched:
        patched.setattr("kakehashi.screen.screening.run.score_serially", counted)
        code, said, err = screen("--out", out, "--partition-rows", 5)
    assert (code, said, counted.calls) == (130, "", 3)
    assert "interrupted: finishing 1 partition" in err
    assert "Ctrl-C again stops now" in err
    assert err.rstrip().endswith("--resume")
    committed = parts(out)
    assert len(committed) == 6
    counted = Counted()
    monkeypatch.setattr("kakehashi.screen.screening.run.score_serially", counted)
    assert screen("--out", out, "--partition-rows", 5, "--resume")[0] == 0
    assert counted.calls == 6
    assert {name: data for name, data in parts(out).items() if name in committed} == committed
    for name in ("ranking.parquet", "ranking.csv", "quarantine.parquet"):
        assert (out / name).read_bytes() == (tiny_run[0] / name).read_bytes()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.fault
@pytest.mark.usefixtures("interruptible")
def test_a_second_control_c_aborts_at_once(screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(2, lambda: (interrupt(), interrupt()))  # type: ignore[arg-type, return-value]
    monkeypatch.setattr("kakehashi.screen.screening.run.score_serially", counted)
    assert screen("--out", tmp_path / "run", "--partition-rows", 5, "--events")[0] == 130
    assert counted.calls == 2
    assert len(parts(tmp_path / "run")) == 4


def test_only_the_main_thread_answers_control_c(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(into, tmp_path / "run", tiny_model, tiny.folder / "catalog.csv").result()
    assert found[1] == 6


def test_score_serially_reads_a_partition_when_it_is_needed(tiny_model: Model) -> None:
    read: list[int] = []

    def tables() -> Iterator[pa.Table]:
        for i in range(3):
            read.append(i)
            yield pa.table({"id": ["a"], "formula": ["MgO"]})

    next(iter(score_serially(make_scorer(tiny_model), tables())))
    assert read == [0]


# The command with a model that is quickly made, killed when a file of that name takes its place.
KILLER = """
import os, signal, sys
import kakehashi
from kakehashi.screen.screening import run
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer.fit import transfer

def direct(config, inputs, progress):
    return transfer(Library((), "reduced", 0), inputs.target, outer=2, inner=2)

run.build_model = direct
name, when = sys.argv[1:3]
real = os.replace
def replace(source, target):
    last = str(target).endswith(name)
    if last and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
sys.exit(kakehashi.main(sys.argv[3:]))
"""


@pytest.mark.fault
def test_kills_of_the_process_change_no_byte(tiny: Tiny, tmp_path: Path) -> None:
    """Before a partition has its name, between the two files of one, and when the ranking is written."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"

    def run(out: Path, *words: str, name: str = "/", when: str = "after") -> int:
        usual = ["screen", *tiny.flags, "--partition-rows", "3", "--quiet", "--out", str(out), *words]
        return subprocess.run([sys.executable, "-P", "-c", KILLER, name, when, *usual], check=False).returncode

    moments = [("scores/part-00002.parquet", "before", 2), ("scores/part-00005.parquet", "after", 6),
               ("ranking.csv", "before", 14)]  # fmt: skip
    for name, when, written in moments:
        assert run(killed, *(["--resume"] if killed.exists() else []), name=name, when=when) == -signal.SIGKILL
        assert len([part for part in parts(killed) if part.startswith("scores")]) == written
        assert not (killed / "run.json").exists()
    assert run(killed, "--resume") == run(whole) == 0
    assert set(Results(killed).names()) == set(Results(whole).names())
    for name in Results(whole).names():
        if name not in ("run.json", "report.html"):
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    assert not list(killed.rglob("*.tmp"))


def test_a_run_goes_on_with_the_partitions_that_are_there(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    out = tmp_path / "run"
    model, catalog = make_scorer(tiny_model).sha256, open_catalog(str(tiny.folder / "catalog.csv"))
    with RunDir(out) as rundir:
        assert committed_size(rundir, model, catalog.sha256) is None
    into(out, tiny_model, tiny.folder / "catalog.csv", size=9)
    with RunDir(out, resume=True) as rundir:
        assert committed_size(rundir, model, catalog.sha256) == 9
        assert committed_size(rundir, "another", catalog.sha256) is None
        assert committed_size(rundir, model, "another") is None
        # Kept where not too large; then what was asked for, and what that left.
        for most, count, fresh in ((9, 5, 0), (8, 6, 6), (None, 6, 0), (7, 6, 0)):
            counted = Counted()
            scored = score_catalog(rundir, tiny_model, catalog, executor=counted, partition_rows=7, most_left=most)
            assert (len(scored.score_names), counted.calls) == (count, fresh)
