"""`kakehashi status`: what it says of a folder is what happened to the run."""

import json
import shutil
from pathlib import Path

import pytest

import kakehashi
from catalogs.rundir import RunDir
from screen.status import PLAN


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
    assert (code, out.splitlines()[:2]) == (
        0,
        [f"{finished}: finished", "41 rows: 40 scored, 1 in quarantine, 0 left; partitions 1 of 1"],
    )
    found = json.loads(status(finished, "--json")[1])
    assert (found["state"], found["scored"], found["quarantined"], found["command"]) == ("finished", 40, 1, "")
    assert not (finished / PLAN).exists()


def test_an_interrupted_run_says_how_to_go_on_and_then_does(tiny, screen, status, tmp_path, monkeypatch):
    out = tmp_path / "run"

    def stopped(*args, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("screen.run.rank_into", stopped)
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
