"""GPUs of workers: by turns, out of those that the user allows, and nobody else's are touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kakehashi.screen.scoring.workers import gpus


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose driver shows what a test puts there, and a variable that comes back."""
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    monkeypatch.setenv(gpus.VISIBLE, "")
    monkeypatch.delenv(gpus.VISIBLE)
    for name in ("nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


def test_the_driver_s_files_are_counted_where_nothing_is_set(machine: Path) -> None:
    assert gpus.visible_gpus() == ()
    for number in (10, 0, 2):
        (machine / f"nvidia{number}").touch()
    assert gpus.visible_gpus() == ("0", "2", "10")


def test_a_user_s_choice_is_kept_to(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "nvidia0").touch()
    monkeypatch.setenv(gpus.VISIBLE, "3, GPU-8f2a")
    assert gpus.visible_gpus() == ("3", "GPU-8f2a")
    monkeypatch.setenv(gpus.VISIBLE, "")
    assert gpus.visible_gpus() == ()


@pytest.mark.parametrize(("worker", "seen"), [(0, "3"), ("1", "GPU-8f2a"), (2, "3"), ("named", "3,GPU-8f2a")])
def test_workers_take_turns(machine: Path, monkeypatch: pytest.MonkeyPatch, worker: object, seen: str) -> None:
    monkeypatch.setenv(gpus.VISIBLE, "3,GPU-8f2a")
    gpus.show_one_gpu(worker)
    assert os.environ[gpus.VISIBLE] == seen
    gpus.show_one_gpu(worker)  # once more, and it is the same
    assert os.environ[gpus.VISIBLE] == seen


def test_one_gpu_or_none_changes_nothing(machine: Path) -> None:
    gpus.show_one_gpu(1)
    (machine / "nvidia0").touch()
    gpus.show_one_gpu(1)
    assert gpus.VISIBLE not in os.environ
