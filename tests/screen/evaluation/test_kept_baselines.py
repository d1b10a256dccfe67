"""Baselines are read back bit by bit, by other runs on the same values and splits, and by no others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from kakehashi.catalogs.models.library import ARRAYS
from kakehashi.screen.evaluation import kept_baselines
from kakehashi.screen.evaluation.kept_baselines import BaselineData, baseline_key, predict_splits
from kakehashi.screen.heads.drawn import unfinished
from kakehashi.screen.validation.folds import Split

RNG = np.random.default_rng(0)
ROWS = np.arange(30)
DATA = BaselineData(
    RNG.normal(size=(30, 6)).astype(np.float32),
    RNG.normal(size=30),
    tuple(f"k{i}" for i in range(30)),
    tuple(Split(np.flatnonzero(k != ROWS % 3), np.flatnonzero(k == ROWS % 3)) for k in range(3)),
    0,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    return tmp_path


def measure(data: BaselineData = DATA, *, head: str = "elastic-net", cache: bool = True):  # type: ignore[no-untyped-def]
    seen: list[tuple[str, int]] = []

    @contextmanager
    def stage(name: str, total: int) -> Iterator[Callable[[int], None]]:
        done: list[int] = []
        yield done.append
        seen.append((name, sum(done)))
        assert sum(done) == total

    made: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] = stage
    with ThreadPoolExecutor(2) as pool, unfinished():
        return predict_splits(head, data, pool, cache=cache, stage=made), seen


def equal(one, other) -> bool:  # type: ignore[no-untyped-def]
    return all(
        a.mean.tobytes() == b.mean.tobytes()
        and a.spread.tobytes() == b.spread.tobytes()
        and (a.setting, a.inner_mae) == (b.setting, b.inner_mae)
        for a, b in zip(one.splits, other.splits, strict=True)
    )


def test_a_second_evaluation_reads_them(home: Path) -> None:
    umask = os.umask(0o002)  # as many systems have it: what the group may write to is no cache
    try:
        first, said = measure()
    finally:
        os.umask(umask)
    again, said_again = measure()
    assert (said, said_again) == ([("baseline elastic-net", 3)], [("baseline elastic-net (cached)", 3)])
    assert equal(first, again)
    assert equal(first, measure(cache=False)[0])
    (entry,) = (home / "baselines").iterdir()
    assert entry.stat().st_mode & 0o022 == 0
    assert (home / "baselines").stat().st_mode & 0o077 == 0
    data = bytearray((entry / ARRAYS).read_bytes())
    data[-1] ^= 1
    (entry / ARRAYS).write_bytes(data)
    mended, said = measure()
    assert said == [("baseline elastic-net", 3)]
    assert "damaged" in mended.warning
    assert equal(first, mended)
    assert measure()[0].warning == ""


def test_nothing_is_kept_where_nothing_should_be(home: Path) -> None:
    measure(cache=False)
    assert not (home / "baselines").exists()


def test_all_that_decides_them_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = DATA.y.copy()
    moved[0] = np.nextafter(moved[0], 9)
    keys = [
        baseline_key("forest", DATA),
        baseline_key("boosting", DATA),
        baseline_key("forest", DATA._replace(y=moved)),
        baseline_key("forest", DATA._replace(raw=DATA.raw + 1)),
        baseline_key("forest", DATA._replace(keys=("same", "same", *DATA.keys[2:]))),
        baseline_key("forest", DATA._replace(splits=DATA.splits[:2])),
        baseline_key("forest", DATA._replace(seed=1)),
    ]
    for name in ("TRANSFER_VERSION", "BASELINE_VERSION"):
        with monkeypatch.context() as patch:
            patch.setattr(kept_baselines, name, 99)
            keys.append(baseline_key("forest", DATA))
    assert len(set(keys)) == len(keys)
    assert baseline_key("forest", DATA._replace(keys=list(DATA.keys))) == keys[0]


def test_a_folder_that_cannot_be_made_costs_time_alone(home: Path) -> None:
    (home / "baselines").write_text("a file")
    found, _ = measure()
    assert "not kept" in found.warning
    assert equal(found, measure(cache=False)[0])
