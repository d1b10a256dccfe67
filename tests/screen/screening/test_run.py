"""Runs from end to end through the command line: files, records, exit codes, what is printed where."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import kakehashi
from kakehashi.catalogs.runs.rundir import Results, RunDir
from kakehashi.screen.screening.config import resolve
from kakehashi.screen.screening.run import _most_left

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]
Finished = tuple[Path, subprocess.CompletedProcess[str]]
TABLES = ("ranking.parquet", "quarantine.parquet", "quarantine_training.parquet", "leaderboard.parquet",
          "predictions.parquet", "ranking.csv", "quarantine.csv", "quarantine_training.csv",
          "scores/part-00000.parquet", "quarantine/part-00000.parquet")  # fmt: skip
MADE = ("run.json", "report.html", "next.parquet", "next.csv", "model/card.json", "model/stack.safetensors")
WHOLE = tuple(name for name in TABLES if "part-" not in name)


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def test_a_run_leaves_what_it_promises(tiny_run: Finished) -> None:
    folder, done = tiny_run
    assert done.returncode == 0, done.stderr
    results = Results(folder)
    results.verify()
    assert set(results.names()) == {*TABLES, *MADE}
    assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


def test_the_record_agrees_with_the_tables(tiny_run: Finished) -> None:
    folder, _ = tiny_run
    record, tables = record_of(folder), {name: pq.read_table(folder / name) for name in TABLES if "csv" not in name}
    scores, ranking = tables["scores/part-00000.parquet"], tables["ranking.parquet"]
    catalog = record["catalog"]
    assert catalog["rows"] == 41 == catalog["scored"] + catalog["quarantined"]
    assert (scores.num_rows, tables["quarantine.parquet"].num_rows) == (catalog["scored"], catalog["quarantined"])
    assert catalog["unique"] == len(set(scores["reduced_formula"].to_pylist()))
    domains = scores["domain"].to_pylist()
    assert record["domain"] == {name: domains.count(name) for name in ("in", "edge", "out")}
    assert sum(record["histogram"]["training"]) == record["target"]["used"] == 30
    assert sum(record["histogram"]["predicted"]) == catalog["scored"]
    assert record["ranked"] == ranking.num_rows == 40
    assert record["quarantine_reasons"] == [{"reason": "unknown element Xx", "count": 1, "example": "Xx2O3"}]
    assert tables["quarantine.parquet"].to_pylist() == [
        {"id": "bad", "formula": "Xx2O3", "reason": "unknown element Xx"}
    ]
    board, verdict = tables["leaderboard.parquet"], record["verdict"]
    assert board["mae"].to_pylist() == sorted(board["mae"].to_pylist())
    assert verdict["chosen_mae"] in board["mae"].to_pylist()
    held_out = tables["predictions.parquet"]
    y, mean = np.log(held_out["y"].to_numpy()), np.log(held_out["mean"].to_numpy())
    assert np.mean(np.abs(y - mean)) == pytest.approx(verdict["chosen_mae"])
    inside = (held_out["lower"].to_numpy() <= held_out["y"].to_numpy()) & (
        held_out["y"].to_numpy() <= held_out["upper"].to_numpy()
    )
    assert inside.mean() == pytest.approx(record["interval"]["coverage_90"])
    assert sorted(set(held_out["fold"].to_pylist())) == [0, 1, 2]
    assert sum(member["weight"] for member in record["model"]["members"]) == pytest.approx(1, abs=1e-3)
    bins, kin = record["interval"]["by_distance"], record["interval"]["by_family"]
    assert sum(b["compounds"] * b["coverage"] for b in bins) == pytest.approx(30 * inside.mean())
    assert kin["families"] >= kin["folds"] >= 2
    assert verdict["null_looks"] < verdict["null_mae"]
    assert verdict["null_mae_p5"] <= verdict["null_mae"]
    (chosen,) = board.filter(pc.equal(board["mae"], verdict["chosen_mae"])).slice(0, 1).to_pylist()
    assert verdict["optimism"] == chosen["optimism"]
    assert any("source gap may be the target under another name" in warning for warning in record["warnings"])
    assert verdict["text"] in unescape((folder / "report.html").read_text(encoding="utf-8"))
    source = record["sources"][0]
    assert (source["name"], source["rows"], source["excluded"], source["used"]) == ("gap", 160, 30, 130)


def test_ranking_and_scores_hold_the_same_rows(tiny_run: Finished) -> None:
    folder, _ = tiny_run
    ranking, scores = (pq.read_table(folder / name) for name in ("ranking.parquet", "scores/part-00000.parquet"))
    assert ranking.drop_columns("rank").sort_by("id").select(scores.column_names).equals(scores.sort_by("id"))
    assert ranking["mean"].to_pylist() == sorted(ranking["mean"].to_pylist(), reverse=True)
    with (folder / "ranking.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ranking["id"].to_pylist()
    assert [float(row["mean"]) for row in rows] == ranking["mean"].to_pylist()


def test_events_are_json_lines_of_every_stage(tiny_run: Finished) -> None:
    lines = [json.loads(line) for line in tiny_run[1].stderr.splitlines()]
    ends = [(line["stage"], line["done"], line["total"]) for line in lines if line["event"] == "end"]
    stages = [("pre-train gap", 2, 2), ("transfer", 3, 3), ("score candidates", 41, 41), ("rank and write", 1, 1)]
    assert ends == stages


def test_another_process_and_hash_seed_write_the_same_bytes(tiny_run: Finished, screen: Run, tmp_path: Path) -> None:
    code, _, _ = screen("--out", tmp_path / "again")
    assert code == 0
    for name in TABLES:
        assert (tmp_path / "again" / name).read_bytes() == (tiny_run[0] / name).read_bytes(), name
    volatile = ("command", "config", "started", "finished", "timings")
    records = [record_of(folder) for folder in (tiny_run[0], tmp_path / "again")]
    one, other = ({k: v for k, v in record.items() if k not in volatile} for record in records)
    assert one == other


def test_the_summary_is_on_stdout(screen: Run, tmp_path: Path) -> None:
    code, out, err = screen("--out", tmp_path / "run", "--filter", "hull<=0.2", "--top", 30)
    assert (code, err) == (0, "")
    assert "held-out MAE" in out
    assert "40 scored, 1 quarantined" in out
    assert "hull<=0.2 fails 22 (6 without a value)" in out
    assert "report.html" in out


def test_json_is_one_document_and_nothing_else(screen: Run, tmp_path: Path) -> None:
    code, out, err = screen("--out", tmp_path / "run", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == record_of(tmp_path / "run")


def test_quiet_is_quiet(screen: Run, tmp_path: Path) -> None:
    assert screen("--out", tmp_path / "run", "--quiet", "--max-quarantine", 0) == (3, "", "")
    assert screen("--out", tmp_path / "run", "--quiet", "--max-quarantine", 0, "--resume") == (3, "", "")
    assert screen("--quiet", "--dry-run") == (0, "", "")


def test_a_dry_run_writes_nothing_and_says_what_would_be_done(screen: Run, tmp_path: Path) -> None:
    code, out, err = screen("--out", tmp_path / "run", "--dry-run", "--json", "--partition-rows", 10)
    assert (code, err) == (0, "")
    plan = json.loads(out)
    assert (plan["rows"], plan["partitions"], plan["networks"]) == (41, 5, 2)
    assert plan["target"] == "kappa: 30 compositions"
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_trains_nothing(screen: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kakehashi.screen.screening.run.build_model", lambda *_: pytest.fail("trained"))
    assert screen("--dry-run")[0] == 0


def test_a_file_equals_flags_and_flags_win(tiny: Tiny, screen: Run, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        f"target = '{tiny.folder}/target.csv:kappa'\nlog = true\nsource = '{tiny.folder}/source.csv:gap'\n"
        f"catalog = '{tiny.folder}/catalog.csv'\nnetworks = 2\nouter_folds = 3\ntop = 7\nfilter = ['flag==1']\n"
        "foundation = 'none'\n"
    )
    assert screen("--out", tmp_path / "flags", "--top", 7, "--filter", "flag==1")[0] == 0
    assert screen("--config", tmp_path / "run.toml", "--out", tmp_path / "file", flags=[])[0] == 0
    assert (tmp_path / "flags/ranking.parquet").read_bytes() == (tmp_path / "file/ranking.parquet").read_bytes()
    flags, file = (record_of(tmp_path / name)["config"] for name in ("flags", "file"))
    assert {**flags, "out": ""} == {**file, "out": ""}
    screen("--config", tmp_path / "run.toml", "--top", 3, "--out", tmp_path / "win", flags=[])
    assert pq.read_table(tmp_path / "win/ranking.parquet").num_rows == 3


def test_options_of_the_ranking(screen: Run, tmp_path: Path) -> None:
    words = [
        "--rank-by",
        "probability",
        "--threshold",
        2,
        "--minimise",
        "--per-system",
        1,
        "--exclude-elements",
        "Pb,Cd",
    ]
    code, _, _ = screen("--out", tmp_path / "run", *words, "--filter", "domain!=out", "--filter", "at_ceiling==false")
    assert code == 0
    table = pq.read_table(tmp_path / "run/ranking.parquet")
    assert table["probability"].to_pylist() == sorted(table["probability"].to_pylist(), reverse=True)
    assert not [f for f in table["formula"].to_pylist() if "Pb" in f or "Cd" in f]
    assert "out" not in table["domain"].to_pylist()
    record = record_of(tmp_path / "run")
    assert [c["expression"] for c in record["filters"]] == ["domain!=out", "at_ceiling==false", "without Cd, Pb"]
    # Scores hold every candidate, whatever the ranking leaves out.
    assert pq.read_table(tmp_path / "run/scores/part-00000.parquet").num_rows == 40


@pytest.mark.parametrize("size", [1, 17])
def test_partitions_change_no_byte_of_the_ranking(screen: Run, tiny_run: Finished, tmp_path: Path, size: int) -> None:
    assert screen("--out", tmp_path / "run", "--partition-rows", size)[0] == 0
    for name in WHOLE:
        assert (tmp_path / "run" / name).read_bytes() == (tiny_run[0] / name).read_bytes(), name
    assert sum(Results(tmp_path / "run").rows(name) for name in Results(tmp_path / "run").names("scores/")) == 40
    assert record_of(tmp_path / "run")["catalog"] == record_of(tiny_run[0])["catalog"]


def test_limit_reads_the_first_rows(screen: Run, tmp_path: Path) -> None:
    assert screen("--out", tmp_path / "run", "--limit", 5)[0] == 0
    assert sorted(pq.read_table(tmp_path / "run/ranking.parquet")["id"].to_pylist()) == [f"m{i:02}" for i in range(5)]


def test_quarantine_above_the_limit_exits_3_and_writes_everything(screen: Run, tmp_path: Path) -> None:
    code, out, err = screen("--out", tmp_path / "run", "--max-quarantine", 0.02)
    assert code == 3
    assert "warning: 1 of 41 rows are in quarantine" in err
    assert "held-out MAE" in out
    assert set(Results(tmp_path / "run").names()) == {*TABLES, *MADE}
    code, _, err = screen("--out", tmp_path / "run", "--max-quarantine", 0.02, "--overwrite", "--events")
    assert code == 3
    assert json.loads(err.splitlines()[-1])["event"] == "warning"


def test_a_finished_run_is_left_alone(screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    screen("--out", out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    code, said, err = screen("--out", out)
    assert (code, said) == (2, "")
    assert "already holds a run" in err
    assert "--resume" in err
    code, said, _ = screen("--out", out, "--resume")
    assert code == 0
    assert said.startswith("nothing to do")
    assert json.loads(screen("--out", out, "--resume", "--json")[1]) == record_of(out)
    code, _, err = screen("--out", out, "--resume", "--top", 3)
    assert code == 2
    assert "another configuration" in err
    assert screen("--out", out, "--resume", "--overwrite")[0] == 2
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert {k: v for k, v in after.items() if "lock" not in k.name} == {
        k: v for k, v in before.items() if "lock" not in k.name
    }


@pytest.mark.fault
@pytest.mark.parametrize(("name", "role"), [("target", "target"), ("source", "source"), ("catalog", "catalogue")])
def test_resume_names_the_input_that_changed(
    tiny: Tiny, screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    world = tmp_path / "world"
    shutil.copytree(tiny.folder, world)
    flags = [word.replace(str(tiny.folder), str(world)) for word in tiny.flags]
    out = tmp_path / "run"
    assert screen("--out", out, flags=flags)[0] == 0
    assert screen("--out", out, "--resume", flags=flags)[1].startswith("nothing to do")
    with (world / f"{name}.csv").open("a") as stream:
        stream.write({"target": "t30,RbCl,1.5", "source": "RbCl,1.5", "catalog": "m40,RbCl,0,0"}[name] + "\n")
    monkeypatch.setattr("kakehashi.screen.screening.run.build_model", lambda *_: pytest.fail("trained"))
    code, said, err = screen("--out", out, "--resume", flags=flags)
    assert (code, said) == (2, "")
    assert f"{role} {world}/{name}.csv" in err
    assert err.count("has sha256") == 1
    assert "--overwrite" in err


@pytest.mark.fault
def test_resume_of_a_damaged_run_is_refused(screen: Run, tmp_path: Path) -> None:
    screen("--out", tmp_path / "run")
    path = tmp_path / "run/ranking.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    code, _, err = screen("--out", tmp_path / "run", "--resume")
    assert code == 6
    assert "ranking.parquet is damaged" in err


def test_overwrite_replaces_but_not_for_a_mistake(screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    screen("--out", out, "--partition-rows", 5)
    for wrong in (["--filter", "nope<1"], ["--target", "nope.csv:kappa"]):
        assert screen("--out", out, "--overwrite", *wrong)[0] == 2
        Results(out).verify()
        assert record_of(out)["catalog"]["rows"] == 41
    assert screen("--out", out, "--overwrite", "--limit", 3)[0] == 0
    assert Results(out).names("scores/") == ["scores/part-00000.parquet"]
    assert [path.name for path in (out / "scores").iterdir()] == ["part-00000.parquet"]


@pytest.mark.fault
def test_an_unfinished_run_goes_on_and_keeps_nothing_stale(
    screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(
            "kakehashi.screen.screening.run.write_ranking",
            lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")),
        )
        code, _, err = screen("--out", out, "--partition-rows", 5)
    assert (code, err) == (1, "error: No space left\n")
    assert len(Results(out).names("scores/")) == 9
    assert screen("--out", out)[0] == 2
    with RunDir(out, resume=True) as rundir:
        rundir.write_text("next.csv", "chosen from former scores")
    assert screen("--out", out, "--resume", "--partition-rows", 30)[0] == 0
    assert "chosen from former scores" not in Results(out).read_text("next.csv")
    assert [Results(out).rows(name) for name in Results(out).names("scores/")] == [30, 10]
    assert screen("--out", out, "--resume", "--partition-rows", 30)[1].startswith("nothing to do")


@pytest.mark.parametrize(
    ("given", "most"),
    [
        ({}, 262_144),
        ({"partition_rows": 30}, None),
        ({"partition_rows": 30, "workers": 2}, 30),
        ({"workers": 2}, 262_144),
    ],
)
def test_partitions_of_an_interrupted_run_hold_unless_others_were_asked_for(
    tiny: Tiny, given: dict[str, Any], most: int | None
) -> None:
    config = resolve({"target": f"{tiny.folder}/target.csv:kappa", **given}, None)
    assert _most_left(config) == most


@pytest.mark.fault
def test_what_workers_left_is_kept_without_them(screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        full = lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left"))
        patched.setattr("kakehashi.screen.screening.run.write_ranking", full)
        patched.setattr("kakehashi.screen.screening.run.partition_size", lambda *_, **__: 9)  # as workers would have
        assert screen("--out", out)[0] == 1
    before = {name: (out / name).stat().st_mtime_ns for name in Results(out).names("scores/")}
    assert len(before) == 5
    assert screen("--out", out, "--resume")[0] == 0
    assert {name: (out / name).stat().st_mtime_ns for name in Results(out).names("scores/")} == before


@pytest.mark.fault
def test_a_strangers_folder_is_left_alone(screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    for words in ([], ["--resume"]):
        code, _, err = screen("--out", out, *words)
        assert code == 2
        assert "other files" in err
    assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == ["thesis.txt"]
    assert screen("--out", out, "--overwrite")[0] == 0
    assert (out / "thesis.txt").read_text() == "years of work"


@pytest.mark.fault
def test_a_folder_in_use_exits_4(screen: Run, tmp_path: Path) -> None:
    with RunDir(tmp_path / "run"):
        code, _, err = screen("--out", tmp_path / "run")
    assert code == 4
    assert f"process {os.getpid()}" in err


@pytest.mark.fault
@pytest.mark.usefixtures("interruptible")
def test_control_c_exits_130_and_the_folder_goes_on(tiny: Tiny, screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = [
        sys.executable,
        "-P",
        "-m",
        "kakehashi",
        "screen",
        *tiny.flags,
        "--out",
        str(out),
        "--events",
        "--no-cache",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        said, err = process.communicate(timeout=60)
    assert first["stage"] == "pre-train gap"
    assert (process.returncode, said) == (130, "")
    assert "Traceback" not in err
    assert "--resume" in json.loads(err.splitlines()[-1])["text"]
    assert screen("--out", out, "--resume")[0] == 0


def test_control_c_says_how_to_go_on(screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kakehashi.screen.screening.run.build_model", interrupted)
    code, out, err = screen("--out", tmp_path / "a b", "--overwrite")
    assert (code, out) == (130, "")
    assert "kakehashi screen" in err
    assert err.rstrip().endswith(f"--out '{tmp_path}/a b' --resume")
    assert "--overwrite" not in err


@pytest.mark.parametrize("columns", [60, 80])
def test_the_summary_fits_the_terminal_and_cannot_steer_it(
    tiny: Tiny, screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    hostile = ["[red]x[/red]", "\x1b]0;owned\x07", "[/]", "=cmd()", "x" * 300, "line\nbreak", "\u202egnp"]
    table = pa.table({"id": hostile, "formula": ["MgO", "ZnS", "Li2O", "CdS", "NaCl", "KBr", "TiO2"]})
    pq.write_table(table, tmp_path / "hostile.parquet")
    code, out, _ = screen("--catalog", tmp_path / "hostile.parquet", "--out", tmp_path / "run")
    assert code == 0
    assert "\x1b" not in out.replace("\x1b[", "")
    assert "[red]x[/red]" in out.replace(" ", "") or columns < 80  # folded there
    assert "\u202e" not in out
    rows = out[out.index("rank") : out.index("report:")].splitlines()
    assert max(len(line) for line in rows if "MgO" in line or "ZnS" in line) <= columns
    with (tmp_path / "run/ranking.csv").open(newline="") as stream:
        ids = [row["id"] for row in csv.DictReader(stream)]
    assert sorted(ids) == sorted(["'=cmd()" if text == "=cmd()" else text for text in hostile])


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns_may_have_other_names(tiny: Tiny, screen: Run, tmp_path: Path) -> None:
    renamed = (tiny.folder / "target.csv").read_text().replace("id,formula,kappa", "id,compound,kappa")
    target = write(tmp_path / "renamed.csv", renamed)
    flags = ["--source", f"{tiny.folder}/source.csv:gap", "--networks", "2", "--dry-run", "--json"]
    words: list[object] = ["--target", target, "--value", "kappa", "--log", "--material", "compound", *flags]
    for catalog in (tiny.folder / "catalog.csv", "mp_formulas"):
        code, out, err = screen(*words, "--catalog", catalog, flags=[])
        assert (code, err) == (0, "")
        assert json.loads(out)["target"] == "kappa: 30 compositions"
    words[words.index("compound")] = "compond"
    code, _, err = screen(*words, "--catalog", tiny.folder / "catalog.csv", flags=[])
    assert code == 2
    assert "compond" in err
    other = write(tmp_path / "catalog.csv", "compound\nMgO\n")
    assert screen("--catalog", other, "--material", "compound", "--dry-run")[::2] == (0, "")
    words[words.index("compond")] = "phase"
    phases = write(tmp_path / "phases.csv", "phase\nMgO\n")
    code, _, err = screen(*words, "--catalog", phases, flags=[])
    assert (code, "renamed.csv: no column 'formula'" in err) == (2, True)
    code, out, _ = screen(*words, "--catalog", phases, "--material", "compound", flags=[])
    assert (code, json.loads(out)["config"]["material"]) == (0, ["phase", "compound"])


def test_sources_may_be_logarithms_and_share_a_name(tiny: Tiny, tmp_path: Path) -> None:
    from kakehashi.screen.screening.config import resolve
    from kakehashi.screen.screening.inputs import read_inputs

    text = (tiny.folder / "target.csv").read_text()
    first, second = write(tmp_path / "a.csv", text), write(tmp_path / "b.csv", text)
    specs = [f"{first}:log(kappa)", f"{second}:kappa", "melting_temperature"]
    flags = {"target": tiny.flags[1], "catalog": str(tiny.folder / "catalog.csv"), "source": specs}
    inputs = read_inputs(resolve(flags, None))
    assert [table.log for table in inputs.sources] == [True, False, True]
    names = [inputs.target.name, *(table.name for table in inputs.sources)]
    assert len(set(names)) == 4
    assert names[0] == "kappa"


def test_given_folds_are_used(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    from kakehashi.catalogs.properties.tables import load_table
    from kakehashi.screen.transfer.fit import transfer

    lines = (tiny.folder / "target.csv").read_text().splitlines()
    folds = [(7, 3, 3, 12)[i % 4] for i in range(30)]
    text = "\n".join([lines[0] + ",mine", *(f"{line},{fold}" for line, fold in zip(lines[1:], folds, strict=True))])
    target = load_table(f"{write(tmp_path / 't.csv', text)}:kappa", log=True, folds="mine")
    found = transfer(tiny_model.library, target, inner=3).out_of_fold.folds
    assert [(3, 7, 12)[fold] for fold in found] == folds


def test_the_report_is_built_again(screen: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    screen("--out", out)
    first = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    capsys.readouterr()
    assert kakehashi.main(["report", str(out), "--dry-run"]) == 0
    assert not (out / "report.html").exists()
    assert kakehashi.main(["report", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"report": str(out / "report.html")}
    assert (out / "report.html").read_bytes() == first
    Results(out).verify()
    assert kakehashi.main(["report", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_demo_says_what_it_would_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert kakehashi.main(["demo", "--dry-run", "--json", "--out", str(tmp_path / "demo")]) == 0
    forward, backward = map(json.loads, capsys.readouterr().out.splitlines())
    assert forward["rows"] == 140_000
    assert backward["goals"] == ["polymer_thermal_conductivity>0.3"]
    assert not (tmp_path / "demo").exists()


def test_the_demo_replaces_no_other_run(tiny_run: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    assert kakehashi.main(["demo", "--out", str(tiny_run[0])]) == 2
    assert "not the demo's" in capsys.readouterr().err
    Results(tiny_run[0]).verify()
    assert kakehashi.main(["demo", "--networks", "0", "--dry-run"]) == 2
