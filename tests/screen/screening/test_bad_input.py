"""Bad input: one line that names file and row, the right exit code, no traceback; or a quarantined row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.runs.rundir import Results

if TYPE_CHECKING:
    from conftest import Tiny

Run = Callable[..., tuple[int, str, str]]

GOOD = [f"{m}{x}" for m in ("Li", "Na", "K", "Mg", "Ca", "Zn") for x in ("O", "S", "Cl")]
"""Eighteen compositions."""


def refused(found: tuple[int, str, str], *said: str, code: int = 2) -> None:
    """One line on stderr that says all of `said`, nothing on stdout, and this exit code."""
    status, out, err = found
    assert (status, out) == (code, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "--debug" not in err
    for text in said:
        assert text in err


def table(path: Path, head: str, rows: list[str]) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def rows(values: list[object]) -> list[str]:
    return [f"{formula},{value}" for formula, value in zip(GOOD, values, strict=False)]


VALUES: list[object] = [float(i + 1) for i in range(18)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ("is empty",)),
        ("\n\n", ("is empty",)),
        ("formula,kappa\n", ("has a header but no rows",)),
        ("formula,kappa", ("has a header but no rows",)),
        ("formula,kapa\nMgO,1\n", ("no column 'kappa'", "did you mean 'kapa'")),
        ("compound,kappa\nMgO,1\n", ("no column 'formula'", "--material")),
        ("formula,kappa,kappa\nMgO,1,2\n", ("column 'kappa' appears more than once",)),
        ("formula,kappa\nMgO,1\nZnO,2,3\n", ("row 2: expected 2 columns, got 3",)),
        (
            "formula,kappa\nMgO,1\nZnO,high\n",
            ("1 cell of kappa is not a number", "row 2 'high'", "leave the cell empty"),
        ),
        ("formula,kappa\nMgO,1\nZnO,1_000\n", ("row 2", "1_000")),
    ],
)
def test_tables_that_cannot_be_read(screen: Run, tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    refused(screen("--target", f"{path}:kappa", "--dry-run"), str(path), *said)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0] * 18, ("all 18 values equal 1",)),
        (VALUES[:3], ("3 usable compositions of 3 rows", "at least 10")),
        ([*VALUES[:4], "inf", *VALUES[5:]], ("row 5 (NaS)", "infinite")),
        ([*VALUES[:4], "-1e999", *VALUES[5:]], ("row 5 (NaS)", "infinite")),
        (["nan"] * 18, ("0 usable compositions of 18 rows (18 without a value",)),
        (
            [-1.0] * 18,
            ("0 usable compositions of 18 rows", "18 rejected", "below zero, which no thermal conductivity is"),
        ),
    ],
)
def test_values_that_teach_nothing(screen: Run, tmp_path: Path, values: list[object], said: tuple[str, ...]) -> None:
    path = table(tmp_path / "t.csv", "formula,kappa", rows(values))
    refused(screen("--target", f"{path}:kappa", "--dry-run"), str(path), *said)


def test_missing_negative_and_unreadable_rows_are_counted_and_kept(screen: Run, tmp_path: Path) -> None:
    given: list[object] = [*VALUES[:10], "", "NaN", "  ", -3.0, 0]
    extra = ["Xx2O3,1", "CuSO4.5H2O,2", "MgO2,7"]
    path = table(tmp_path / "t.csv", "formula,kappa", [*rows(given), *extra])
    refused(
        screen("--target", f"{path}:kappa", "--dry-run"), "4 of 15 rows with a value are refused", "--max-rejected 0.27"
    )
    code, out, _ = screen("--target", f"{path}:kappa", "--max-rejected", 0.3, "--out", tmp_path / "run", "--json")
    assert code == 0
    # The model is ready made; the rejected rows are those of this file.
    aside = pq.read_table(tmp_path / "run/quarantine_training.parquet").to_pylist()
    assert [(row["row"], row["formula"]) for row in aside] == [
        (14, GOOD[13]), (15, GOOD[14]), (16, "Xx2O3"), (17, "CuSO4.5H2O"),
    ]  # fmt: skip
    assert {row["table"] for row in aside} == {"kappa"}
    assert all(row["reason"] for row in aside)
    said = json.loads(out)["warnings"]
    for text in (
        "below zero, which no thermal conductivity is: row 14 (",
        "a value above 0: row 15 (",
        "row 16 (Xx2O3, 1)",
    ):
        assert any(text in line and line.startswith("kappa: 1 of 18 rows refused: ") for line in said)
    assert "all refused rows of targets and sources, with their reasons: quarantine_training.csv" in said
    lines = (tmp_path / "run/quarantine_training.csv").read_text().splitlines()
    assert lines[0] == '"table","row","id","formula","reason"'
    assert [line.split(",")[1] for line in lines[1:]] == ["14", "15", "16", "17"]
    # Of the catalogue.
    names = {file.name for file in (tmp_path / "run").glob("quarantine*.*")}
    assert names == {f"quarantine{of}.{kind}" for of in ("", "_training") for kind in ("parquet", "csv")}

    from kakehashi.catalogs.properties.tables import load_table

    found = load_table(f"{path}:kappa", log=True)
    assert (found.rows, found.missing, len(found.rejected), len(found)) == (18, 3, 4, 11)


def test_duplicate_formulas_with_other_values_are_grouped_and_said(tmp_path: Path) -> None:
    from kakehashi.catalogs.properties.tables import load_table

    path = table(tmp_path / "t.csv", "formula,kappa", [*rows(VALUES), "OLi,3", "Li2O2,100"])
    found = load_table(f"{path}:kappa")
    assert len(found) == 18
    assert found.values[found.keys.index("LiO")] == 3.0
    assert "1 formula had several values; merged to their median, largest spread 100x (LiO)" in found.notes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "formation_enrgy"], ("formation_enrgy", "did you mean 'formation_energy'")),
        (["--source", "nope.csv:gap"], ("no such file: nope.csv",)),
        (["--catalog", "defalt"], ("defalt", "did you mean 'default'")),
        (["--filter", "hul<=0.05"], ("no column 'hul'", "did you mean hull")),
        (["--filter", "hull<=low"], ("expected a number after <=, got 'low'",)),
        (["--exclude-elements", "Pb,Cq"], ("'Cq' is not one of the 94",)),
        (["--networks", "-5"], ("--networks",)),
        (["--networks", "1.5"], ("--networks", "expected a whole number, got '1.5'")),
        (["--networks", "many"], ("--networks", "expected a whole number")),
        (["--limit", "-1"], ("--limit must be at least 1, got -1",)),
        (["--top", "0"], ("--top",)),
        (["--threshold", "-2"], ("--threshold: expected a positive value",)),
        (["--rank-by", "best"], ("expected one of mean, lower, upper, probability",)),
        (["--rank-by", "probability"], ("needs --threshold",)),
        (["--max-quarantine", "7"], ("--max-quarantine",)),
        (["--partition-rows", "0"], ("--partition-rows",)),
        (["--convention", "atoms"], ("--convention",)),
        (["--folds", "fold"], ("no column 'fold'",)),
        (["--value", "gap"], ("two value columns",)),
        (["--material", "compound"], ("--material: no column 'compound'",)),
        (["--networs", "3"], ("--networs", "--networks")),
    ],
)
def test_options_that_cannot_be_met_are_refused_before_any_work(
    screen: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], said: tuple[str, ...]
) -> None:
    monkeypatch.setattr("kakehashi.screen.screening.run.build_model", lambda *_: pytest.fail("work was done"))
    refused(screen(*words, "--out", tmp_path / "run"), *said)


def test_a_missing_out_is_said_first(screen: Run) -> None:
    refused(screen(), "--out is missing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("netwroks = 3", "unknown key 'netwroks'; did you mean networks?"),
        ("networks = 'three'", "networks: expected int, got 'three'"),
        ("networks = -3", "--networks: expected at least 1, got -3"),
        ("networks =", "not valid TOML"),
    ],
)
def test_configuration_files(tiny: Tiny, screen: Run, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    flags = tiny.flags[: tiny.flags.index("--networks")]
    refused(screen("--config", path, "--dry-run", flags=flags), said)


@pytest.mark.fault
def test_a_truncated_parquet_is_corrupt(screen: Run, tmp_path: Path) -> None:
    pq.write_table(pa.table({"formula": GOOD, "kappa": VALUES}), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[:-20])
    (tmp_path / "none.parquet").write_bytes(b"")
    for name in ("cut.parquet", "none.parquet"):
        path = tmp_path / name
        refused(screen("--target", f"{path}:kappa", "--dry-run"), str(path), code=6)
        refused(screen("--catalog", path, "--dry-run"), str(path), code=6)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("formula\n", "has a header but no rows"), ("name\nMgO\n", "no column 'formula'")],
)
def test_empty_catalogues(screen: Run, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text)
    refused(screen("--catalog", path, "--dry-run"), str(path), said)
    pq.write_table(pa.table({"formula": pa.array([], pa.string())}), tmp_path / "c.parquet")
    refused(screen("--catalog", tmp_path / "c.parquet", "--dry-run"), "no rows")
    (tmp_path / "folder").mkdir()
    refused(screen("--catalog", tmp_path / "folder", "--dry-run"), "holds no .parquet files")


@pytest.mark.fault
def test_all_rows_quarantined_exits_3_and_writes_everything(screen: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"formula": pa.array(["Xx2O3", None, "", "CuSO4.5H2O"], pa.string())}), path)
    code, out, err = screen("--catalog", path, "--out", tmp_path / "run", "--partition-rows", 3)
    assert code == 3
    assert "4 of 4 rows are in quarantine" in err
    assert "0 scored, 4 quarantined" in out
    results = Results(tmp_path / "run")
    results.verify()
    assert {"ranking.csv", "report.html", "run.json"} <= set(results.names())
    assert results.rows("ranking.parquet") == 0
    aside = results.read_table("quarantine.parquet").to_pylist()
    assert [(row["id"], row["formula"]) for row in aside] == [
        ("1", "Xx2O3"),
        ("2", None),
        ("3", ""),
        ("4", "CuSO4.5H2O"),
    ]
    assert all(row["reason"] for row in aside)


def test_columns_that_collide_travel_under_another_name(screen: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    columns = {
        "mean": [9.0, 8.0],
        "rank": [7, 7],
        "probability": [1, 1],
        "domain": ["x", "y"],
        "catalog_mean": ["a", "b"],
    }
    pq.write_table(pa.table({"formula": ["MgO", "ZnS"], **columns, "Rank": [1, 2]}), path)
    code, _, _ = screen("--catalog", path, "--out", tmp_path / "run", "--threshold", 2)
    assert code == 0
    found = pq.read_table(tmp_path / "run/ranking.parquet").sort_by("id")
    assert len(set(found.column_names)) == len(found.column_names)
    assert found["catalog_rank"].to_pylist() == [7, 7]
    assert found["catalog_domain"].to_pylist() == ["x", "y"]
    assert found["catalog_mean"].to_pylist() == ["a", "b"]
    assert found["catalog_catalog_mean"].to_pylist() == [9.0, 8.0]
    assert all(0 <= p <= 1 for p in found["probability"].to_pylist())


def test_columns_of_any_type_travel_along(screen: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    table = pa.table(
        {"formula": ["MgO", "ZnS"], "sites": [[1, 2], None], "cell": [{"a": 1.5}, {"a": None}], "raw": [b"=x", b"\xff"],
         "large": pa.array(["=1+1", "b"], pa.large_string()), "big": [2**60 + 1, 1], "none": pa.nulls(2)}
    )  # fmt: skip
    pq.write_table(table, path)
    assert screen("--catalog", path, "--out", tmp_path / "run", "--filter", "big>=1", "--filter", "large!=c")[0] == 0
    found = pq.read_table(tmp_path / "run/ranking.parquet").sort_by("id")
    for name in table.column_names:
        assert found[name].to_pylist() == table[name].to_pylist()
    text = (tmp_path / "run/ranking.csv").read_text()
    assert "'=1+1" in text
    refused(screen("--catalog", path, "--filter", "sites==1", "--dry-run"), "sites holds list")


@pytest.mark.fault
def test_hostile_texts_stay_texts(screen: Run, tmp_path: Path, hostile: tuple[str, ...]) -> None:
    path = tmp_path / "c.parquet"
    ids = [*hostile, "=1+1", *hostile]
    formulas = ["MgO"] * (len(hostile) + 1) + list(hostile)
    pq.write_table(pa.table({"id": ids, "formula": formulas, hostile[1]: ids}), path)
    code, _, _ = screen("--catalog", path, "--out", tmp_path / "run", "--max-quarantine", 1)
    assert code == 0
    assert pq.read_table(tmp_path / "run/quarantine.parquet")["formula"].to_pylist() == list(hostile)
    html = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    for text in ("<script>alert(1)", "<img src=x", "<svg onload", '<meta http-equiv="refresh"', "49{% raw"):
        assert text not in html
    assert "\n=1+1" not in (tmp_path / "run/ranking.csv").read_text()


@pytest.mark.fault
@pytest.mark.parametrize("make", ["proc", "file", "below a file"])
def test_folders_that_cannot_be_written(screen: Run, tmp_path: Path, make: str) -> None:
    (tmp_path / "file").write_text("mine")
    out = {"proc": Path("/proc/kakehashi"), "file": tmp_path / "file", "below a file": tmp_path / "file/run"}[make]
    if make == "proc" and not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    refused(screen("--out", out), str(out), code=2 if make == "file" else 1)
    assert (tmp_path / "file").read_text() == "mine"


LIMITED = """
import resource, sys, kakehashi
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
sys.exit(kakehashi.main(sys.argv[1:]))
"""


@pytest.mark.fault
def test_a_full_disk_is_said_and_the_folder_goes_on(tiny: Tiny, screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = [sys.executable, "-P", "-c", LIMITED, "screen", *tiny.flags, "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: File too large: ")
    assert str(out) in done.stderr
    assert done.stderr.count("\n") == 1
    Results(out).verify()
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]
    assert screen("--out", out, "--resume")[0] == 0
    Results(out).verify()
    assert json.loads((out / "run.json").read_text())["catalog"]["scored"] == 40
