"""`kakehashi evaluate` and `kh.evaluate`: files, report, refusals, the command they recommend."""

import json
import shlex

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kakehashi as kh
from kakehashi.catalogs.records import UserError
from kakehashi.screen.evaluation.config import resolve
from kakehashi.screen.screening.config import resolve as resolve_screen

CONTRACT = {
    "source", "networks", "depth", "head", "mae", "mae_std", "mae_unit", "rmse", "r2", "spearman", "coverage_90",
    "optimism", "beats_direct",
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory, planted):
    folder = tmp_path_factory.mktemp("evaluate")
    for table, name in ((planted.target, "target"), (planted.source, "source")):
        rows = {"id": table.ids, "formula": table.materials, name: np.exp(table.values)}
        pq.write_table(pa.table(rows), folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAKEHASHI_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def words(tables):
    return [
        "evaluate", "--target", f"{tables}/target.parquet:target", "--log", "--source",
        f"{tables}/source.parquet:log(source)", "--networks", "1", "--heads", "ridge", "--baselines", "elastic-net",
        "--foundation", "none", "--outer-folds", "3", "--learning-curve", "--out", str(tables / "run"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def finished(words, home, tables):
    assert kh.main([*words, "--quiet"]) == 0
    return tables / "run"


def test_files_of_an_evaluation(finished, planted):
    board = pq.read_table(finished / "leaderboard.parquet")
    assert set(board.column_names) >= CONTRACT
    assert {"width_90", "null_mae", "p_value", "p_holm"} <= set(board.column_names)
    found = pq.read_table(finished / "predictions.parquet").to_pylist()
    assert [set(r) for r in found[:1]] == [{"id", "formula", "fold", "y", "mean", "lower", "upper"}]
    record = json.loads((finished / "run.json").read_text())
    recommended = record["recommendation"]["model"]
    (own,) = (r for r in board.to_pylist() if r["name"] == recommended)
    errors = [abs(np.log(r["mean"]) - np.log(r["y"])) for r in found]
    assert np.mean(errors) == pytest.approx(own["mae"])
    assert len(found) == len(planted.target)
    assert record["verdict"]["coverage_90"] == own["coverage_90"]
    assert pq.read_table(finished / "learning_curve.parquet").num_rows >= 6


def test_the_report_is_rebuilt_from_the_files(finished, capsys):
    page = finished / "report.html"
    before = page.read_text()
    record = json.loads((finished / "run.json").read_text())
    assert "Does transfer help for target?" in before
    assert "Learning curve" in before
    assert record["recommendation"]["text"].replace("'", "&#39;") in before
    page.write_text("gone")
    assert kh.main(["report", str(finished)]) == 0
    assert page.read_text() == before


def test_too_little_memory_is_refused_before_anything_is_trained(words, tables, monkeypatch, capsys):
    monkeypatch.setattr("kakehashi.screen.screening.model_cost.available_bytes", lambda: 1_000_000)
    monkeypatch.setattr("kakehashi.screen.evaluation.run.pretrain_library", lambda *_, **__: pytest.fail("trained"))
    assert kh.main([*words[:-1], str(tables / "refused")]) == 2
    assert "known values need about" in capsys.readouterr().err
    with pytest.raises(UserError, match="known values need about"):
        kh.evaluate(f"{tables}/target.parquet:target", sources=[], heads=["ridge"], baselines=[])


def test_hostile_names_are_text(finished, tmp_path):
    from kakehashi.screen.report.evaluation import write_report

    record = json.loads((finished / "run.json").read_text())
    record["recommendation"]["text"] = record["holdout"]["text"] = "<script>alert(1)</script>"
    record["baselines"] = {"<b>": [{"<i>": 1}, 3, None], "x": 5}
    worth = {"source": "<script>alert(2)</script>", "mae": 0.4, "difference": 0.1, "p_value": None}
    record["sources_alone"] = [{**worth, "keep": True, "sure": False}, {**worth, "source": "gap", "keep": False}]
    for path in finished.glob("*.parquet"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "run.json").write_text(json.dumps(record))
    page = write_report(tmp_path)
    assert "<script>alert" not in page
    alone = page.split("Each source alone")[1].split("</table>")[0]
    assert "yes, perhaps by chance" in alone.split("gap")[0]
    assert "<td>no</td>" in alone.split("gap")[1]
    assert "<b>" not in page.split("Settings selected for the models")[1].split("</details>")[0]


def test_a_finished_evaluation_is_not_done_again(finished, words, capsys):
    assert kh.main([*words, "--resume"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert kh.main([*words, "--resume", "--seed", "3"]) == 2
    assert "another configuration (seed)" in capsys.readouterr().err
    assert kh.main(words) == 2
    assert "already holds a run" in capsys.readouterr().err


def test_the_recommended_command_is_one_that_screen_takes(finished, tables):
    record = json.loads((finished / "run.json").read_text())
    command = shlex.split(record["recommendation"]["command"])
    assert command[:4] == ["kakehashi", "screen", "--target", f"{tables}/target.parquet:target"]
    assert command[-2:] == ["--out", "runs/target"]
    small = [f"{tables}/target.parquet" if word == "default" else word for word in command]
    assert kh.main([*small[1:], "--dry-run", "--quiet"]) == 0


def test_what_is_printed(finished, words, capsys, tables):
    again = [{"elastic-net": "none", str(finished): str(tables / "shown")}.get(word, word) for word in words]
    again = [*(word for word in again if word != "--learning-curve"), "--holdout", "top"]
    assert kh.main(again) == 0
    out = capsys.readouterr().out
    assert "Held-out errors of ln(target), best first" in out
    assert "largest values" in out
    assert "next: kakehashi screen" in out


def test_the_function(tables, home, planted):
    target = kh.load(f"{tables}/target.parquet:target", log=True)
    board = kh.evaluate(target, sources=[], heads=["ridge"], baselines=[], outer_folds=3)
    assert board.leaderboard.column("name").to_pylist() == sorted(
        board.leaderboard.column("name").to_pylist(),
        key=lambda name: board.leaderboard.filter(pa.compute.field("name") == name)["mae"][0].as_py(),
    )
    assert board.verdict.startswith("No transfer: no source was given.")
    assert "--source none" in board.command
    assert board.predictions.num_rows == len(planted.target)
    assert board.learning_curve.num_rows == 0


def test_the_function_takes_all_sources_by_their_word(finished, tables, home, monkeypatch):
    spec = f"{tables}/source.parquet:log(source)"
    monkeypatch.setattr("kakehashi.screen.screening.config.embedded_sources", lambda word, target: (spec,))
    target = kh.load(f"{tables}/target.parquet:target", log=True)
    board = kh.evaluate(
        target, sources=["all"], networks=1, foundation="none", heads=["ridge"], baselines=[], outer_folds=3
    )
    assert [source.name for source in board.evaluation.library.sources] == ["source"]
    assert {"source"} < set(board.leaderboard["source"].to_pylist())


def test_screen_takes_no_source(tables, home):
    config = resolve_screen(
        {"target": f"{tables}/target.parquet:target", "source": ["none"], "catalog": "default"}, None
    )
    from kakehashi.screen.screening.inputs import read_inputs

    assert read_inputs(config).sources == ()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({}, "--target is missing"),
        ({"target": "t", "holdout": "elements"}, "--holdout: expected one of random, formula, family, element, top"),
        ({"target": "t", "baselines": ["svm"]}, "--baselines: expected some of ridge, gp, block-gp, forest"),
        ({"target": "t", "top_fraction": 1.0}, "--top-fraction"),
        ({"target": "t", "source": ["none"], "trunk": "shared"}, "at least 2 sources"),
    ],
)
def test_mistakes_are_said(flags, words):
    with pytest.raises(UserError, match=words):
        resolve(flags, None)
