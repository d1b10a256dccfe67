"""Frames and lists stand in for files: the same tables, the same scores, the same refusals."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import kakehashi as kh
from kakehashi.catalogs.records import UserError
from kakehashi.screen.api.candidates import open_candidates
from kakehashi.screen.api.fitted import fitted
from kakehashi.screen.screening import run
from kakehashi.screen.screening.tables import as_entry, load_sources, load_target, specs_of

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model


@pytest.fixture
def frame(tiny: Tiny) -> pd.DataFrame:
    return pd.read_csv(tiny.folder / "target.csv", float_precision="round_trip")


def test_a_frame_is_checked_like_its_file(tiny: Tiny, frame: pd.DataFrame) -> None:
    file = tiny.folder / "target.csv"
    of_file = kh.check(file, log=True, foundation="none", catalog=["MgO"])
    of_frame = kh.check(frame, log=True, foundation="none", catalog=["MgO"])
    assert of_file._replace(name="", notes=(), cost={}) == of_frame._replace(name="", notes=(), cost={})
    twice = pd.concat([frame, frame.head(1).assign(kappa=99.0)])
    (conflict,) = kh.check(twice, value="kappa", foundation="none", catalog=["MgO"]).conflicts
    assert conflict.values[1] == 99.0
    with pytest.raises(UserError, match="is loaded already"):
        kh.check(kh.load(frame, value="kappa"))


def test_targets_and_sources_may_be_frames(tiny: Tiny, frame: pd.DataFrame) -> None:
    of_frame, of_file = load_target(as_entry(frame)), load_target(as_entry(tiny.folder / "target.csv"))
    np.testing.assert_array_equal(of_frame.values, of_file.values)
    assert of_frame.keys == of_file.keys
    entries = [as_entry(given) for given in (frame, of_file, "ltc")]
    assert specs_of(entries) == ["<DataFrame>", f"{of_file.name} (2)", "ltc"]
    assert [len(table) for table in load_sources(entries)] == [30, 30, 31]


def test_a_board_of_frames(frame: pd.DataFrame) -> None:
    words: dict[str, Any] = {
        "sources": [], "heads": ("ridge",), "baselines": (), "outer_folds": 2, "progress": False,
    }  # fmt: skip
    board, again = kh.evaluate(frame, **words), kh.evaluate(kh.load(frame, value="kappa"), **words)
    columns = ["name", "mae", "rmse"]
    assert board.leaderboard.select(columns).equals(again.leaderboard.select(columns))


def test_a_frame_is_screened_like_its_file(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    file = tiny.folder / "catalog.csv"
    of_file = kh.screen(tiny_model, catalog=file, out=tmp_path / "file", progress=False)
    catalog = pd.read_csv(file, keep_default_na=False, na_values=[""], float_precision="round_trip")
    of_frame = kh.screen(tiny_model, catalog=catalog, out=tmp_path / "frame", progress=False)
    assert of_frame["catalog"]["rows"] == 41
    assert of_frame["catalog"]["quarantined"] == of_file["catalog"]["quarantined"] == 1
    assert of_frame.ranking.select(["id", "formula", "mean"]).equals(of_file.ranking.select(["id", "formula", "mean"]))
    again = kh.screen(tiny_model, catalog=catalog, out=tmp_path / "frame", progress=False, resume=True)
    assert again.ranking.equals(of_frame.ranking)
    other = catalog.assign(hull=0.5)
    changed = kh.screen(tiny_model, catalog=other, out=tmp_path / "frame", progress=False, resume=True)
    assert set(changed.ranking["hull"].to_pylist()) == {0.5}


def test_a_list_keeps_its_order_and_its_holes() -> None:
    catalog = open_candidates(["MgO", None, "not one"], smiles=False)
    (batch,) = catalog.batches(10)
    assert batch["formula"].to_pylist() == ["MgO", None, "not one"]
    assert batch["id"].to_pylist() == ["1", "2", "3"]
    assert open_candidates(["*CC*"], smiles=True).smiles
    assert open_candidates(Path("mp_formulas"), smiles=False).rows > 30_000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["MgO", 3.5], "candidate 2: expected a formula or SMILES as text, got float '3.5'"),
        ([], "no rows"),
        (7, "expected materials as a list, a column or a data frame, got int"),
        ({"x": [1.0]}, "formula"),
    ],
)
def test_what_is_no_candidate_is_refused(given: Any, said: str) -> None:
    with pytest.raises(UserError) as raised:
        open_candidates(given, smiles=False)
    assert said in str(raised.value)


def test_polars_frames_are_read(frame: pd.DataFrame) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    mine = polars.DataFrame({name: frame[name].tolist() for name in frame.columns})
    of_polars, of_pandas = kh.load(mine, value="kappa", log=True), kh.load(frame, value="kappa", log=True)
    assert of_polars.keys == of_pandas.keys
    np.testing.assert_array_equal(of_polars.values, of_pandas.values)
    lazy = kh.load(mine.lazy().collect(), value="kappa")
    assert len(lazy) == 30
    assert open_candidates(mine.select("formula"), smiles=False).rows == 30
    column = open_candidates(mine["formula"], smiles=False)
    assert column.rows == 30
    assert "pandas" not in type(mine).__module__
    assert sys.modules["polars"] is polars


@pytest.mark.fault
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_screening_goes_on(
    tiny: Tiny, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tiny.folder / "catalog.csv")
    real = run.score_catalog

    def interrupted(*words: Any, **named: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return real(*words, **named)

    monkeypatch.setattr(run, "score_catalog", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kh.screen(tiny_model, catalog=file, out=tmp_path / "run", progress=False)
    monkeypatch.setattr(run, "score_catalog", real)
    handler = signal.getsignal(signal.SIGINT)
    assert fitted(tiny_model).predict(["MgO"])["mean"][0].as_py() > 0
    went_on = kh.screen(tiny_model, catalog=file, out=tmp_path / "run", progress=False, resume=True)
    whole = kh.screen(tiny_model, catalog=file, out=tmp_path / "whole", progress=False)
    assert went_on.ranking.equals(whole.ranking)
    assert handler is signal.default_int_handler
