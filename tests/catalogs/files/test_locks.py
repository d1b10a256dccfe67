"""Folders on file systems without locks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kakehashi.catalogs.files.locks import Timeout, take
from kakehashi.catalogs.pull.collect import alone
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir, holder

fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")
CASE = Path(__file__).parents[3] / "../shared/cases/locked.py"


def test_one_at_a_time(tmp_path: Path) -> None:
    lock = take(tmp_path / "lock")
    with pytest.raises(Timeout):
        take(tmp_path / "lock")
    lock.release()
    take(tmp_path / "lock").release()


@pytest.mark.fault
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def flock(fd: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    with RunDir(tmp_path / "before") as rundir:
        rundir.write_text("a.txt", "a")
    monkeypatch.setattr(fcntl, "flock", flock)
    for opened in (RunDir(tmp_path / "run"), alone(tmp_path / "run")):
        with (
            pytest.raises(UserError, match=rf"{tmp_path}/run: files cannot be locked there.*on a local disk") as caught,
            opened,
        ):
            pass
        assert caught.value.code == 2
    assert holder(tmp_path / "before") == ""  # what can be read is read


@pytest.mark.fault
def test_the_command_where_locks_fail(tmp_path: Path) -> None:
    if not CASE.is_file():
        pytest.skip(f"no shared cases in {CASE.parent}")
    (tmp_path / "t.csv").write_text(
        "formula,x\n" + "".join(f"{m}O,{i}\n" for i, m in enumerate(["Mg", "Ca", "Sr", "Ba"]))
    )
    words = ["screen", "--target", f"{tmp_path}/t.csv:x", "--catalog", f"{tmp_path}/t.csv", "--out", f"{tmp_path}/run"]
    for code in ("ENOLCK", "ENOSYS"):
        done = subprocess.run([sys.executable, str(CASE), code, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("\n") == 1
        assert f"{tmp_path}/run: files cannot be locked there" in done.stderr
