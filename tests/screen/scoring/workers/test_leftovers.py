"""What a killed run left in its folder: swept by the next `--resume` or `status`, never from under a run at work."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kakehashi
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.scoring.workers.leftovers import PREFIX, remove_idle_leftovers, remove_leftovers

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.fault
Run = Callable[..., tuple[int, str, str]]


def leave(folder: Path, name: str = "dask-worker-ab12") -> Path:
    """Certificates as a run that was killed leaves them."""
    left = folder / f"{PREFIX}ab12"
    left.mkdir()
    for file, text in {"ca_file": "public", "cert": "public", "key": "secret", "job-name": name}.items():
        (left / file).write_text(text)
    return left


@pytest.fixture
def unfinished(tiny_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_run[0], tmp_path / "run"))
    with RunDir(folder, resume=True) as rundir:
        rundir.remove("run.json")
    leave(folder)
    return folder


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A script that stands for squeue."""

    def write(text: str) -> None:
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin/squeue").write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin/squeue").chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")

    return write


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '12 (PENDING)'; echo '13 (RUNNING)'", "still there: 12 (PENDING), 13 (RUNNING); end them with: scancel"),
        ("exit 1", "SLURM does not answer here; jobs of that run that still wait end with: scancel"),
        ("exit 0", None),
    ],
)
def test_status_sweeps_and_names_jobs(
    unfinished: Path, squeue: Callable[[str], None], capsys: pytest.CaptureFixture[str], script: str, said: str | None
) -> None:
    squeue(script)
    assert kakehashi.main(["status", str(unfinished)]) == 0
    told = capsys.readouterr().out
    assert f"the certificates of a run that was killed were removed: {PREFIX}ab12" in told
    assert ("scancel --name=dask-worker-ab12" in told) == (said is not None)
    assert (said or "") in told
    assert not list(unfinished.glob(f"{PREFIX}*"))
    kakehashi.main(["status", str(unfinished), "--json"])
    assert json.loads(capsys.readouterr().out)["left_behind"] == []


def test_the_run_that_goes_on_sweeps_too(unfinished: Path, squeue: Callable[[str], None], screen: Run) -> None:
    squeue("echo '12 (PENDING)'")
    code, _, err = screen("--out", unfinished, "--resume")
    assert code == 0
    assert "warning: jobs of that run are still there: 12 (PENDING)" in err
    assert not list(unfinished.glob(f"{PREFIX}*"))


def test_the_certificates_of_a_run_at_work_stay(unfinished: Path) -> None:
    with RunDir(unfinished, resume=True):
        assert remove_idle_leftovers(unfinished) == []
    assert len(list(unfinished.glob(f"{PREFIX}*/key"))) == 1


def test_what_is_something_else_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "key").write_text("of somebody else")
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    (said,) = remove_leftovers(tmp_path)
    assert "left as it is" in said
    assert (other / "key").exists()
    leave(tmp_path, name="$(touch planted) --all")
    (tmp_path / f"{PREFIX}ab12/more").write_text("")
    assert "cannot be removed" in remove_leftovers(tmp_path)[0]
    (tmp_path / f"{PREFIX}ab12/more").unlink()
    assert remove_leftovers(tmp_path)[0].endswith(f"removed: {PREFIX}ab12")  # and SLURM is asked for no such name
