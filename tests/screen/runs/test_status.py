"""`kakehashi status`: what it says of a folder is what happened to the run."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import kakehashi
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.runs.status import PLAN
from kakehashi.screen.screening.estimate import estimate_cost


@pytest.fixture
def status(capsys):
    """Run `kakehashi status`: (exit code, stdout, stderr)."""

    def run(*words):
        capsys.readouterr()
        code = kakehashi.main(["status", *map(str, words)])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def finished(tiny_run, tmp_path):
    return Path(shutil.copytree(tiny_run[0], tmp_path / "run"))


def test_a_finished_run(finished, status):
    code, out, _ = status(finished)
    record = json.loads((finished / "run.json").read_text())
    assert (code, out.splitlines()[:5]) == (
        0,
        [f"{finished}: finished {record['finished'][:16].replace('T', ' ')} UTC",
         f"screening of {record['catalog']['name']} for {record['target']['name']}: 30 values",
         "41 rows: 40 scored, 1 in quarantine, 0 left; partitions 1 of 1",
         f"make next: {', '.join(row['formula'] for row in record['next']['batch'])}",
         f"report: {finished}/report.html"],
    )  # fmt: skip
    found = json.loads(status(finished, "--json")[1])
    assert (found["state"], found["scored"], found["quarantined"], found["command"]) == ("finished", 40, 1, "")
    assert not (finished / PLAN).exists()


def test_an_interrupted_run_says_how_to_go_on_and_then_does(tiny, screen, status, tmp_path, monkeypatch):
    out = tmp_path / "run"

    def stopped(*args, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("kakehashi.screen.screening.run.write_ranking", stopped)
        code, _, said = screen("--out", out, "--partition-rows", 9)
    assert code == 130
    found = json.loads(status(out, "--json")[1])
    assert (found["state"], found["rows"], found["partitions"], found["done"]) == ("unfinished", 41, 5, 5)
    assert found["command"] in said
    assert found["command"].endswith("--resume")
    assert f"go on with: {found['command']}" in status(out)[1]
    assert screen("--out", out, "--partition-rows", 9, "--resume")[0] == 0
    assert json.loads(status(out, "--json")[1])["state"] == "finished"


def test_a_run_at_work_is_named(finished, status):
    with RunDir(finished, resume=True):
        found = json.loads(status(finished, "--json")[1])
    assert found["state"] == "running"
    assert "process" in found["at_work"]
    assert status(finished)[1].startswith(f"{finished}: finished")


@pytest.mark.fault
@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_harm_to_a_committed_file_is_code_6(finished, status, harm):
    part = next((finished / "scores").iterdir())
    if harm == "missing":
        part.unlink()
    else:
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
    code, _, said = status(finished)
    assert code == 6
    assert part.name in said
    assert harm in said


def test_a_folder_of_something_else(tmp_path, status):
    assert status(tmp_path)[0] == 2
    assert status(tmp_path / "none")[0] == 2


def test_a_dry_run_says_what_it_takes_and_what_is_kept(tiny, screen, finished, tmp_path):
    """What is committed is counted; nothing is written."""
    before = sorted(path.name for path in finished.rglob("*"))
    told = json.loads(screen("--out", finished, "--dry-run", "--json")[1])
    assert (told["rows"], told["committed"], told["networks"]) == (41, 1, 2)
    assert told["estimate"]["seconds"]["pre-train"] > 0
    assert sorted(path.name for path in finished.rglob("*")) == before
    new = tmp_path / "new"
    assert screen("--out", new, "--dry-run")[0] == 0
    assert not new.exists()


def test_estimates_grow_with_rows_networks_and_what_is_ranked(monkeypatch):
    monkeypatch.setattr("kakehashi.screen.screening.estimate._operations_per_second", lambda: 1e11)
    rows = 10**6
    real, virtual, units = (
        SimpleNamespace(rows=rows, space=space, smiles=smiles)
        for space, smiles in ((None, False), (object(), False), (None, True))
    )
    one, two = (estimate_cost(real, networks, None, None)["seconds"] for networks in (1, 2))
    assert two["pre-train"] == pytest.approx(2 * one["pre-train"], rel=0.1)
    assert two["score"] - one["score"] == pytest.approx(rows * 0.22e6 / 0.6e11, rel=0.05)
    assert estimate_cost(real, 1, None, None)["disk_mb"] == pytest.approx(rows * 455 / 1e6)
    assert estimate_cost(real, 1, 1000, None)["disk_mb"] == pytest.approx(75.4)
    assert estimate_cost(virtual, 1, 1000, None)["disk_mb"] == pytest.approx(0.5, abs=0.05)
    assert estimate_cost(real, 1, None, 2)["memory_mb"] == 3 * estimate_cost(real, 1, None, None)["memory_mb"]
    alone, shared = (estimate_cost(units, 1, None, workers)["seconds"]["score"] for workers in (None, 4))
    assert alone > 50 * estimate_cost(real, 1, None, None)["seconds"]["score"]
    assert alone == pytest.approx(4 * shared, rel=0.05)


def test_a_virtual_catalogue_has_indices(screen, status, tmp_path):
    out = tmp_path / "run"
    assert screen("--catalog", "enumerate", "--limit", 5000, "--top", 5, "--out", out)[0] == 0
    found = json.loads(status(out, "--json")[1])
    record = json.loads((out / "run.json").read_text())
    assert (found["rows"], found["scored"]) == (5000, record["catalog"]["scored"])
    assert "5,000 indices visited" in status(out)[1]
