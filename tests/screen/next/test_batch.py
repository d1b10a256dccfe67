"""The next experiments: which rows may be proposed, in which order, in which words."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from scipy.stats import norm

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.next.batch import COLUMNS, propose_and_print, propose_batch
from kakehashi.screen.next.candidates import BatchRequest
from kakehashi.screen.next.finished import read_finished_run
from kakehashi.screen.ranking.bounds import Bounds, clip
from kakehashi.screen.ranking.filters import parse_filter

Run = Callable[..., subprocess.CompletedProcess[str]]

# id, formula, reduced formula, mean, factor of the interval, domain, hull
ROWS = [
    ("a", "GaN", "GaN", 90.0, 2.0, "in", 0.0),
    ("b", "Mg2O2", "MgO", 500.0, 2.0, "in", 0.0),  # in the target
    ("c", "Ga2N3", "Ga2N3", 80.0, 2.0, "in", 0.1),  # second of its system
    ("d", "PbTe", "PbTe", 20.0, 9.0, "edge", 0.0),
    ("e", "HeO", "HeO", 900.0, 3.0, "out", 0.0),
    ("f", "AlN", "AlN", 70.0, 1.5, "in", 0.2),
    ("g", "BeS", "BeS", 5.0, 1.2, "in", 0.0),
    ("h", "CdTe", "CdTe", 60.0, 2.0, "in", None),
    ("i", "MgO", "MgO", 500.0, 2.0, "out", 0.0),  # counted once, as outside
]


def make_run(path: Path, rows: list[Any], *, log: bool = True, names: tuple[str, ...] = (), **config: Any) -> Path:
    """A finished run of these scores on a target of MgO, NaCl and LiF with 100, 7 and 14 W/(m K)."""
    mean = np.array([row[3] for row in rows])
    width = np.array([row[4] for row in rows])
    lower, upper = (mean / width, mean * width) if log else (mean - width, mean + width)
    table = pa.table(
        {
            "id": [row[0] for row in rows], "formula": [row[1] for row in rows],
            "reduced_formula": [row[2] for row in rows], "mean": mean, "lower": lower, "upper": upper,
            "domain": [row[5] for row in rows],
            "domain_reason": ["" if row[5] == "in" else f"why {row[0]}" for row in rows],
            "nearest_training": ["MgO"] * len(rows), "hull": pa.array([row[6] for row in rows], pa.float64()),
        }
    )  # fmt: skip
    record = {
        "config": {"minimise": False, "filter": [], "exclude_elements": [], "no_radioactive": False,
                   "convention": "reduced", **config},
        "target": {"log": log, "quantity": "kappa", "unit": "W/(m K)"}, "interval": {"level": 0.9},
    }  # fmt: skip
    known = {"id": ["1", "2", "3"], "formula": ["Mg4 O4", "NaCl", "LiF"], "y": [100.0, 7.0, 14.0]}
    with RunDir(path) as rundir:
        if names:
            for k, name in enumerate(names):
                rundir.write_table(name, table.slice(k * 3, 3) if k < len(names) - 1 else table.slice(k * 3))
        else:
            rundir.write_table("ranking.parquet", table)
        rundir.write_table("predictions.parquet", pa.table(known))
        rundir.write_text("run.json", json.dumps(record))
    return path


PARTS = ("scores/part-0.parquet", "scores/part-1.parquet")


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", ROWS, names=PARTS)


def ids(path: Path, **request: Any) -> list[str]:
    return propose_batch(read_finished_run(str(path)), BatchRequest(**request)).table["id"].to_pylist()


def improvement(row: Any, best: float = 100.0) -> float:
    """Expected improvement of ln(value), by summing over the normal law."""
    sigma = np.log(row[4]) / norm.ppf(0.95)
    y = np.linspace(np.log(best), np.log(best) + 30, 300_001)
    return float(np.trapezoid((y - np.log(best)) * norm.pdf(y, np.log(row[3]), sigma), y))


def test_the_order_is_that_of_the_expected_improvement(run_path: Path) -> None:
    table = propose_batch(read_finished_run(str(run_path)), BatchRequest()).table
    assert table.column_names == list(COLUMNS)
    assert table["rank"].to_pylist() == [1, 2, 3, 4, 5]
    allowed = {row[0]: improvement(row) for row in ROWS if row[0] in "adfgh"}
    assert table["id"].to_pylist() == sorted(allowed, key=lambda name: -allowed[name])
    for name, value in zip(table["id"].to_pylist(), table["acquisition"].to_pylist(), strict=True):
        assert value == pytest.approx(allowed[name], rel=1e-5, abs=1e-12)


def test_what_is_known_out_or_a_second_of_its_system_is_left_out_and_counted(run_path: Path) -> None:
    proposal = propose_batch(read_finished_run(str(run_path)), BatchRequest())
    assert not {"b", "c", "e"} & set(proposal.table["id"].to_pylist())
    assert proposal.record["counts"] == {
        "scored": 9, "filtered out": 0, "outside the domain": 2, "measured already": 1,
        "elements, noble gases and gases at room temperature": 0, "without interval": 0,
    }  # fmt: skip
    assert "only 5 of 8" in proposal.record["notes"][0]
    assert ids(run_path, include_out=True, elements=True)[0] == "e"
    assert ids(run_path, include_out=True, elements=True, exclude=("He",))[0] != "e"


def test_elements_and_gases_are_proposed_only_when_asked_for(tmp_path: Path) -> None:
    rows = [*ROWS, ("k", "CO2", "CO2", 400.0, 2.0, "in", 0.0), ("s", "Si8", "Si", 300.0, 2.0, "edge", 0.0)]
    path = make_run(tmp_path / "run", rows, names=PARTS)
    proposal = propose_batch(read_finished_run(str(path)), BatchRequest(include_out=True))
    assert not {"e", "k", "s"} & set(proposal.table["id"].to_pylist())
    assert proposal.record["counts"]["elements, noble gases and gases at room temperature"] == 3
    assert ids(path, elements=True)[:2] == ["k", "s"]
    allowing = make_run(tmp_path / "allowing", rows, names=PARTS, elements=True)
    assert ids(allowing)[:2] == ["k", "s"]


def test_the_other_orders(run_path: Path) -> None:
    assert ids(run_path, by="upper") == ["a", "d", "h", "f", "g"]  # 180 (twice: by id), 120, 105, 6
    assert ids(run_path, by="variance", size=2) == ["d", "a"]


def test_small_values_are_wanted_where_the_run_wanted_them(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", ROWS, names=PARTS, minimise=True)
    proposal = propose_batch(read_finished_run(str(path)), BatchRequest(by="upper", size=2))
    assert proposal.record["best_known"] == {"formula": "NaCl", "value": 7.0, "unit": "W/(m K)"}
    assert proposal.record["acquisition"] == "better bound of the interval on the scale of -ln(kappa), larger is better"
    assert proposal.table["acquisition"].to_pylist() == pytest.approx([-np.log(20 / 9), -np.log(5 / 1.2)])
    assert proposal.table["id"].to_pylist() == ["d", "g"]  # lower bounds 2.2 and 4.2
    assert "may be as low as 2.22 W/(m K)" in proposal.table["reason"][0].as_py()
    assert ids(path, size=1) == ["g"]  # 5 for sure beats 7, 20 within a factor of 9 rarely does


def test_a_target_fitted_as_it_is(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", ROWS, names=PARTS, log=False)
    proposal = propose_batch(read_finished_run(str(path)), BatchRequest(by="upper", size=2))
    assert proposal.table["acquisition"].to_pylist() == pytest.approx([92.0, 71.5])
    spans = propose_batch(read_finished_run(str(path)), BatchRequest(by="variance", size=1)).table["reason"][0].as_py()
    assert "its 90% interval spans 18 W/(m K)" in spans


def test_filters_of_the_run_and_of_the_call_both_hold(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", ROWS, names=PARTS, filter=["hull<=0.15"], exclude_elements=["Pb"])
    assert set(ids(path)) == {"a", "g"}  # f above, h without a value, d holds Pb
    assert ids(path, filters=(parse_filter("mean<50"),), exclude=("Ga",)) == ["g"]
    with pytest.raises(UserError, match=r"no column 'hul'.*did you mean hull"):
        ids(path, filters=(parse_filter("hul<1"),))
    with pytest.raises(UserError, match="'Xx' is not one of the 94"):
        ids(path, exclude=("Xx",))


def test_nothing_left_is_an_error_that_says_why(run_path: Path) -> None:
    with pytest.raises(UserError, match=r"no candidate is left of 9: 9 filtered out.*--include-out"):
        ids(run_path, filters=(parse_filter("mean>1e6"),))


def test_neither_partitions_nor_the_order_of_rows_change_the_batch(tmp_path: Path, run_path: Path) -> None:
    mixed = [ROWS[i] for i in np.random.default_rng(1).permutation(len(ROWS))]
    whole = make_run(tmp_path / "whole", mixed, names=PARTS[:1])
    first, second = (propose_batch(read_finished_run(str(path)), BatchRequest()) for path in (run_path, whole))
    assert first.table.equals(second.table)
    assert first.record == second.record


def test_without_scores_the_ranking_serves_and_that_is_said(tmp_path: Path) -> None:
    proposal = propose_batch(read_finished_run(str(make_run(tmp_path / "run", ROWS))), BatchRequest(size=2))
    assert proposal.table["id"].to_pylist() == ids(make_run(tmp_path / "other", ROWS, names=PARTS), size=2)
    assert "kept its ranking only" in proposal.record["notes"][0]


def test_a_ranking_cut_at_bounds_serves_like_the_scores(tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole", ROWS, log=False, bounds="60,")
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    with RunDir(cut, resume=True) as rundir:
        rundir.write_table("ranking.parquet", clip(rundir.read_table("ranking.parquet"), Bounds(60.0)))
    first, second = (propose_batch(read_finished_run(str(path)), BatchRequest()) for path in (whole, cut))
    assert first.table.equals(second.table)
    assert first.lead == second.lead
    assert {row["id"]: row["clipped"] for row in first.lead}["d"] == "lower, mean, upper"
    assert min(first.table["lower"].to_pylist()) == 60.0


def test_the_first_screen_compares_with_the_threshold_or_the_best(run_path: Path, tmp_path: Path) -> None:
    best = {row["id"]: row for row in propose_batch(read_finished_run(str(run_path)), BatchRequest()).lead}
    assert best["a"]["why"] == "predicted below the best known, but may reach 180"
    assert best["a"]["chance"] == pytest.approx(norm.sf(np.log(100 / 90) / (np.log(2) / norm.ppf(0.95))))
    assert (best["a"]["nearest"], best["a"]["nearest_value"]) == ("MgO", 100.0)
    assert best["g"]["why"] == "predicted below the best known, and unlikely to reach it"
    path = make_run(tmp_path / "other", ROWS, names=PARTS, threshold=65.0)
    goal = {row["id"]: row for row in propose_batch(read_finished_run(str(path)), BatchRequest()).lead}
    assert goal["f"]["why"] == "predicted above the threshold"
    assert goal["h"]["why"] == "predicted below the threshold, but may reach 120"
    assert goal["f"]["chance"] == pytest.approx(norm.sf(np.log(65 / 70) / (np.log(1.5) / norm.ppf(0.95))))


def test_candidates_without_a_usable_interval_are_counted(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", [*ROWS, ("z", "ZnO", "ZnO", 50.0, np.inf, "in", 0.0)], names=PARTS)
    proposal = propose_batch(read_finished_run(str(path)), BatchRequest())
    assert proposal.record["counts"]["without interval"] == 1
    assert "z" not in proposal.table["id"].to_pylist()


def test_reasons_in_words(run_path: Path) -> None:
    table = propose_batch(read_finished_run(str(run_path)), BatchRequest()).table
    reasons = dict(zip(table["id"].to_pylist(), table["reason"].to_pylist(), strict=True))
    assert reasons["a"] == (
        "40% chance to beat the best known, Mg4 O4 with 100 W/(m K); predicted to be worse, but may be as high as 180"
        " W/(m K) (90% interval); inside the domain; nearest known compound MgO"
    )
    assert "at the edge of the domain: why d" in reasons["d"]
    assert reasons["g"].startswith("under 1% chance")


@pytest.mark.parametrize(
    ("request_", "said"),
    [({"size": 0}, "--batch"), ({"by": "luck"}, "improvement, chance, upper, variance"), ({"apart": 1.5}, "--apart")],
)
def test_impossible_requests(run_path: Path, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ids(run_path, **request_)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    with RunDir(tmp_path / "run") as rundir:
        rundir.write_text("other.txt", "")
    with pytest.raises(UserError, match="no finished run"):
        read_finished_run(str(tmp_path / "run"))


def test_what_is_printed_steers_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("\x1b[2J", "GaN", "GaN", 90.0, 2.0, "in", 0.0)]
    path = make_run(tmp_path / "run", rows, names=PARTS[:1])
    assert propose_and_print(str(path), BatchRequest(), dry_run=True) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "GaN      \N{REPLACEMENT CHARACTER}[2J" in printed


def test_the_command_on_a_real_run(tiny_run: tuple[Path, Any], kakehashi: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(tiny_run[0], out)
    before = set(Results(out).names())
    dry = kakehashi("next", out, "--include-out", "--batch", 3, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert set(Results(out).names()) == before
    done = kakehashi("next", out, "--include-out", "--batch", 3, "--json")
    said = json.loads(done.stdout)
    assert said["written"] == [str(out / "next-2.parquet"), str(out / "next-2.csv")]  # the run's own batch is kept
    assert {**said, "written": []} == json.loads(dry.stdout)
    table = Results(out).read_table("next-2.parquet")
    assert table.to_pylist() == said["batch"]
    assert pyarrow.csv.read_csv(out / "next-2.csv").column_names == list(COLUMNS)
    again = json.loads(kakehashi("next", out, "--include-out", "--batch", 3, "--overwrite", "--json").stdout)
    assert again["written"] == [str(out / "next.parquet"), str(out / "next.csv")]
    assert Results(out).read_table("next.parquet").to_pylist() == said["batch"]
    quiet = kakehashi("next", out, "--include-out", "--batch", 3, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    shown = kakehashi("next", out, "--include-out", "--batch", 3)
    names, first = (line.split() for line in shown.stdout.splitlines()[1:3])
    assert names[:3] == ["rank", "formula", "id"]
    assert first[:3] == ["1", said["batch"][0]["formula"], said["batch"][0]["id"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "luck"], "--by"),
        (["--budget", "20"], "--budget: only with --simulate"),
        (["--simulate", "--filter", "mean>1"], "no meaning with --simulate"),
        (["--batch", "1.5"], "expected a whole number"),
    ],
)
def test_flags_that_do_not_fit(run_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    import kakehashi as front

    assert front.main(["next", str(run_path), *words]) == 2
    assert said in capsys.readouterr().err
