"""Workers where there are no semaphores."""

from __future__ import annotations

import errno
import os

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.cli.doctor import check_cluster
from kakehashi.screen.runs.checks import check_workers
from kakehashi.screen.scoring.workers import semaphores


def test_here_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert semaphores.find_missing() is None


@pytest.mark.fault
@pytest.mark.parametrize(
    ("there", "code", "why", "fix"),
    [(False, errno.ENOSYS, "there is no /dev/shm", "mount -t tmpfs"),
     (True, errno.EACCES, "cannot be written to", "remount,rw"), (True, errno.ENOSPC, "is full", "size=256m")],
)  # fmt: skip
def test_without_them_the_mount_is_named(
    monkeypatch: pytest.MonkeyPatch, there: bool, code: int, why: str, fix: str
) -> None:
    import _multiprocessing

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("multiprocessing.synchronize._multiprocessing.SemLock", refuse)
    monkeypatch.setattr(semaphores.os.path, "isdir", lambda path: there)
    check = check_cluster()
    assert not check.ok
    assert check.detail.startswith("--workers cannot be used: no semaphore can be made")
    assert why in check.detail
    assert fix in check.fix
    assert "--shm-size" in check.fix
    with pytest.raises(UserError, match=f"--workers: no semaphore can be made .*{fix}.*or leave --workers out"):
        check_workers(2, None)
    check_workers(None, None)
    assert _multiprocessing.SemLock is refuse
