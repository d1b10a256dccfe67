"""`kakehashi predict`: a file in, a file of predictions out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

import kakehashi as kh
from kakehashi.screen.api.fitted import fitted

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model


@pytest.fixture
def model(tiny_model: Model, tmp_path: Path) -> Path:
    (tmp_path / "mine.csv").write_text("name,Composition\na,MgO\nb,Xx2\nc,PbTe\n")
    return fitted(tiny_model).save(tmp_path / "model")


def run(*words: object) -> int:
    return kh.main(["predict", *map(str, words)])


def test_rows_in_are_rows_out(
    model: Path, tmp_path: Path, tiny_model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = fitted(tiny_model).predict(["MgO", "Xx2", "PbTe"])
    for kind in ("csv", "parquet"):
        assert run("--model", model, tmp_path / "mine.csv", "--out", tmp_path / f"out.{kind}") == 0
        printed = capsys.readouterr()
        assert "2 of 3 rows predicted" in printed.out
        assert "1 rows have no prediction" in printed.err
    table = pc.read_csv(tmp_path / "out.csv")
    assert table["formula"].to_pylist() == ["MgO", "Xx2", "PbTe"]
    assert [table["mean"][i].as_py() for i in (0, 2)] == [expected["mean"][i].as_py() for i in (0, 2)]
    assert table["mean"][1].as_py() is None
    assert table["reason"][1].as_py() == "unknown element Xx"
    assert pq.read_table(tmp_path / "out.parquet")["mean"][0] == expected["mean"][0]
    assert run("--model", model, tmp_path / "mine.csv", "--out", tmp_path / "out.csv") == 2
    assert "--overwrite replaces it" in capsys.readouterr().err


def test_it_prints_csv_or_json(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", model, tmp_path / "mine.csv", "--material", "Composition") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith('"formula","mean"')
    assert run("--model", model, tmp_path / "mine.csv", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["refused"] == 1
    assert said["rows"][1]["mean"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.csv"], "no such file"),
        (["mine.csv", "--out", "x.txt"], "expected a name that ends in .csv or .parquet"),
        (["mine.csv", "--material", "nme"], "did you mean 'name'"),
    ],
)
def test_mistakes_are_said(
    model: Path, tmp_path: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run("--model", model, *words) == 2
    assert said in capsys.readouterr().err
