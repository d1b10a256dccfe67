"""What a screening answers: the next batch, measured compounds, bounds, trust, places; from end to end."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.ranking.bounds import Bounds
from kakehashi.screen.ranking.rank import Order
from kakehashi.screen.ranking.summary import ScoreSummary
from kakehashi.screen.report.lead import lead_lines
from kakehashi.screen.screening.inputs import ScreenInputs
from kakehashi.screen.screening.run_warnings import _not_positive

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def measured_rows(tiny: Tiny) -> list[dict[str, str]]:
    with (tiny.folder / "target.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def candidates(tiny: Tiny, tmp_path: Path) -> Path:
    """Three measured compounds, an element, a gas, a noble-gas compound, and twelve others."""
    known = [row["formula"] for row in measured_rows(tiny)[:3]]
    others = [
        "MgCaO2",
        "SrCaS2",
        "BaO2",
        "ZnCdTe2",
        "LiNaO",
        "KMgF3",
        "CaSe2",
        "SrTe3",
        "BaCl3",
        "CdBr3",
        "MgZnS2",
        "PbSe3",
    ]
    formulas = [*known, "Si", "SF6", "XeF2", *others]
    pq.write_table(
        pa.table({"id": [f"c{k}" for k in range(len(formulas))], "formula": formulas}), tmp_path / "few.parquet"
    )
    return tmp_path / "few.parquet"


def test_a_finished_run_holds_the_batch_and_says_it_last(
    tiny_run: tuple[Path, Any], screen: Run, tmp_path: Path
) -> None:
    code, out, _ = screen("--out", tmp_path / "run", "--partition-rows", 9)
    assert code == 0
    record = record_of(tmp_path / "run")
    chosen = record["next"]
    assert out.splitlines()[-len(lead_lines(record)) :] == lead_lines(record)
    assert chosen["counts"]["scored"] == 40
    batch = pq.read_table(tmp_path / "run/next.parquet").to_pylist()
    assert [row["id"] for row in batch] == [row["id"] for row in chosen["batch"]]
    assert 1 <= len(batch) <= 5
    page = unescape((tmp_path / "run/report.html").read_text(encoding="utf-8"))
    assert page.index("Make these next") < page.index(record["trust"]["text"]) < page.index("The ranking")
    # neither partitions nor processes decide it
    theirs = record_of(tiny_run[0])
    assert theirs["next"] == chosen
    assert theirs["trust"] == record["trust"]
    assert theirs["places"] == record["places"]


def test_the_record_of_trust_and_places_agrees_with_the_tables(tiny_run: tuple[Path, Any]) -> None:
    folder, _ = tiny_run
    record, held_out = record_of(folder), pq.read_table(folder / "predictions.parquet")
    y, mean, lower, upper = (held_out[name].to_numpy() for name in ("y", "mean", "lower", "upper"))
    assert record["trust"]["factor"] == pytest.approx(np.exp(np.abs(np.log(y / mean)).mean()))
    assert record["trust"]["covered"] == int(np.sum((lower <= y) & (y <= upper)))
    assert f"{record['trust']['covered']} of 30 lay in their" in record["trust"]["text"]
    scores = pq.read_table(folder / "scores/part-00000.parquet")["mean"].to_numpy()
    assert record["places"] == {"of": 40, "better": [int(np.sum(scores > value)) for value in mean]}


def test_measured_ones_and_gases_are_ranked_but_not_proposed(
    tiny: Tiny, screen: Run, candidates: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    code, _, err = screen("--catalog", candidates, "--out", out, "--batch", 20, "--filter", "domain!=nowhere")
    assert code == 0, err
    ranking = {row["id"]: row for row in pq.read_table(out / "ranking.parquet").to_pylist()}
    assert len(ranking) == 18
    for place, row in enumerate(measured_rows(tiny)[:3]):
        assert ranking[f"c{place}"]["measured"] == pytest.approx(float(row["kappa"]))
        assert ranking[f"c{place}"]["measured_row"] == place + 1
    known = {row["formula"] for row in measured_rows(tiny)}
    assert {row["measured"] is None for row in ranking.values() if row["formula"] not in known} == {True}
    chosen = record_of(out)["next"]
    proposed = {row["id"] for row in chosen["batch"]}
    assert not proposed & {"c0", "c1", "c2", "c3", "c4", "c5"}
    out_of_it = sum(row["domain"] == "out" for row in ranking.values())
    everyday = sum(ranking[name]["domain"] != "out" for name in ("c3", "c4", "c5"))
    assert chosen["counts"]["outside the domain"] == out_of_it
    assert chosen["counts"]["elements, noble gases and gases at room temperature"] == everyday
    columns = pq.read_schema(out / "ranking.parquet").names
    assert columns.index("measured") == columns.index("distance") + 1
    with (out / "ranking.csv").open(newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert rows["c0"]["measured_row"] == "1"
    assert rows["c3"]["measured"] == ""


def test_another_batch_is_chosen_when_asked_for(screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert screen("--out", out, "--batch", 1)[0] == 0
    assert len(record_of(out)["next"]["batch"]) <= 1
    assert screen("--out", out, "--batch", 1, "--resume")[1].startswith("nothing to do")
    code, said, _ = screen("--out", out, "--by", "variance", "--batch", 2, "--resume")
    assert code == 0
    assert not said.startswith("nothing to do")
    assert record_of(out)["next"]["by"] == "variance"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--batch", "0"], "--batch: expected at least 1, got 0"),
        (["--by", "luck"], "--by"),
        (["--bounds", "1"], "--bounds: expected LOW,HIGH"),
        (["--bounds", ",0.5"], "--bounds ,0.5: "),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    screen: Run, tmp_path: Path, words: list[str], said: str
) -> None:
    code, out, err = screen("--out", tmp_path / "run", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").glob("scores/*"))


@pytest.fixture
def low_model(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> FloatArray:
    """The model of the tiny world with its logarithms taken for values, all below its target's; these values."""
    shifted = tiny_model._replace(target=replace(tiny_model.target, log=False))
    monkeypatch.setattr("kakehashi.screen.screening.run.build_model", lambda config, inputs, progress: shifted)
    return shifted.target.values


@pytest.fixture
def plain(tiny: Tiny) -> list[str]:
    """Flags of the tiny world without --log."""
    return [word for word in tiny.flags if word != "--log"]


def figures(low: float, not_positive: int = 0) -> ScoreSummary:
    return ScoreSummary(40, 40, {}, 0, 3.0, 1, low, 3.0, not_positive)


def test_predictions_below_zero_of_a_positive_property_are_said(tiny_model: Model) -> None:
    plain = replace(tiny_model.target, log=False, unit="eV")
    inputs = ScreenInputs(plain, (), None, Order())  # type: ignore[arg-type]  # no catalogue is read
    (said,) = _not_positive(inputs, figures(-0.1234, 7))
    assert said.startswith(
        "all target values are positive, but 7 of 40 predictions are not (down to −0.123 eV): --log fits"
    )
    assert "--bounds 0, keeps this fit" in said
    assert _not_positive(inputs, figures(-0.1234))[0].count("some predictions") == 1  # of a virtual catalogue
    quiet = (
        (inputs, figures(0.1)),
        (inputs._replace(bounds=Bounds(0.0)), figures(-1.0, 7)),
        (inputs._replace(target=tiny_model.target), figures(-1.0, 7)),
        (inputs._replace(target=replace(plain, values=plain.values - plain.values.max())), figures(-1.0, 7)),
    )
    assert [_not_positive(*case) for case in quiet] == [[]] * 4
    assert _not_positive(inputs._replace(bounds=Bounds(high=9.0)), figures(-1.0, 7)) != []


def test_bounds_cut_the_ranking_and_leave_the_scores(
    screen: Run, low_model: FloatArray, plain: list[str], tmp_path: Path
) -> None:
    assert screen("--out", tmp_path / "free", "--batch", 20, flags=plain)[0] == 0
    free = pq.read_table(tmp_path / "free/ranking.parquet").to_pylist()
    low = float(np.median([row["mean"] for row in free]))
    assert low < low_model.min()
    assert screen("--out", tmp_path / "cut", "--batch", 20, "--bounds", f"{low!r},", flags=plain)[0] == 0
    cut = pq.read_table(tmp_path / "cut/ranking.parquet").to_pylist()
    assert [row["id"] for row in cut] == [row["id"] for row in free]
    names = ("mean", "lower", "upper")
    for before, after in zip(free, cut, strict=True):
        assert [after[name] for name in names] == [max(before[name], low) for name in names]
        assert [after[f"{name}_unclipped"] for name in names] == [before[name] for name in names]
        assert after["clipped"] == ", ".join(name for name in ("lower", "mean", "upper") if before[name] < low)
    assert {row["clipped"] for row in cut} >= {"lower", "lower, mean"}
    assert "clipped" not in free[0]
    scores = [pq.read_table(tmp_path / name / "scores/part-00000.parquet") for name in ("free", "cut")]
    assert scores[0].equals(scores[1])
    mine, theirs = (record_of(tmp_path / name)["next"]["batch"] for name in ("cut", "free"))
    # cutting changes neither chances nor choice
    assert [(row["id"], row["chance"]) for row in mine] == [(row["id"], row["chance"]) for row in theirs]
    assert all(row["lower"] >= low for row in mine)
    page = (tmp_path / "cut/report.html").read_text(encoding="utf-8")
    assert "cut at bounds" in page
    assert "Predictions and intervals of the ranking are cut there" in page
