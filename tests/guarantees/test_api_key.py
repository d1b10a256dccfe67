"""The key of the Materials Project is in no file, log, error or task graph, whatever is run beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cloudpickle
import dask
import pytest

import kakehashi
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.scoring.workers.deployment import ModelDeployment, score_on_worker
from kakehashi.screen.scoring.workers.pool import CONFIG

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]
KEY = "sEnTiNeL0123456789abcdefghijkLmN"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    return KEY


@pytest.mark.fault
def test_a_run_says_nothing_of_the_key(screen: Run, key: str, tmp_path: Path) -> None:
    said = [
        *screen("--out", tmp_path / "run", "--events")[1:],
        *screen("--out", tmp_path / "run", "--resume", "--json")[1:],
    ]
    said += screen("--catalog", tmp_path / "none.csv", "--out", tmp_path / "other")[1:]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if key.encode() in path.read_bytes()]
    assert key not in "".join(said)


@pytest.mark.fault
def test_neither_a_traceback_nor_the_doctor_shows_it(
    key: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import traceback

    with pytest.raises(ValueError, match="no manifest") as caught:
        kakehashi.main(["next", str(tmp_path), "--debug"])
    assert key not in "".join(traceback.format_exception(caught.value))
    kakehashi.main(["doctor", "--json"])
    found = capsys.readouterr()
    assert "set in MP_API_KEY" in found.out
    assert key not in found.out + found.err


@pytest.mark.fault
def test_what_travels_to_workers_has_no_key(tiny: Tiny, tiny_model: Model, key: str) -> None:
    rows = next(open_catalog(str(tiny.folder / "catalog.csv")).batches(5))
    graph = cloudpickle.dumps(
        (ModelDeployment("name", make_scorer(tiny_model), local=True), score_on_worker, "name", rows)
    )
    assert rows["formula"][0].as_py().encode() in graph  # nothing is compressed: the key would be seen
    assert key.encode() not in graph
    assert key not in repr(CONFIG) + repr(dask.config.config)
