"""Paths: the home folder, and names that are no text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import kakehashi
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.files.paths import as_text, for_arrow, local, path_of
from kakehashi.catalogs.properties.tables import load_table, split_spec
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import open_run, recorded_at, results_at


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "me").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "me"


def test_the_home_folder_is_meant_at_the_beginning_alone(home: Path) -> None:
    assert path_of("~/x") == path_of(Path("~/x")) == home / "x"
    assert path_of("~") == home
    for text in ("./~/x", "a~b", "x/~", "", "/tmp/~"):
        assert local(text) == text


def test_a_user_who_is_not_there() -> None:
    with pytest.raises(UserError, match=r"there is no user 'nobody-of-that-name'.*write \./~nobody-of-that-name/x"):
        local("~nobody-of-that-name/x")


@pytest.mark.parametrize("out", ["~/runs/a", Path("~/runs/a")])
def test_a_run_folder_in_the_home_folder(home: Path, out: str | Path) -> None:
    with open_run(out) as rundir:
        rundir.write_text("run.json", "{}")
    assert (home / "runs/a/run.json").is_file()
    assert results_at("~/runs/a").names() == ["run.json"]
    assert recorded_at("~/runs/a") is not None
    assert recorded_at("~/runs/b") is None
    assert not Path("~").exists()


def test_tables_catalogues_and_configs_in_the_home_folder(home: Path) -> None:
    from kakehashi.screen.runs.config import from_toml
    from kakehashi.screen.screening.config import ScreenConfig

    (home / "t.csv").write_text("formula,x\nMgO,1\n")
    (home / "run.toml").write_text("out = '~/x'\n")
    assert split_spec("~/t.csv:x") == (home / "t.csv", "x")
    assert split_spec("~/t.csv") == (home / "t.csv", None)
    assert open_catalog("~/t.csv").rows == 1
    assert from_toml(Path("~/run.toml"), ScreenConfig) == {"out": "~/x"}


def test_the_whole_command(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kakehashi.main(["catalogs", "build", "enumerate", "--out", "~/space.toml", "--quiet"]) == 0
    assert (home / "space.toml").is_file()
    assert kakehashi.main(["models", "import", "~/no.zip"]) == 2
    assert str(home / "no.zip") in capsys.readouterr().err


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder whose name is no UTF-8, with a table in a file of such a name."""
    if os.name != "posix":
        pytest.skip("names of files are bytes on POSIX alone")
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no such names on this file system: {error}")
    return folder


@pytest.mark.fault
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_files_whose_names_are_no_text_are_read(odd: Path, ending: str) -> None:
    path = odd / f"{os.fsdecode(bytes([0xFF]))}{ending}"
    metals = ["Mg", "Ca", "Sr", "Ba", "Be", "Zn", "Cd", "Mn", "Fe", "Co", "Ni", "Cu"]
    data = pa.table({"formula": [f"{metal}O" for metal in metals], "x": [float(i) for i in range(1, 13)]})
    if ending == ".csv":
        pyarrow.csv.write_csv(data, pa.OSFile(os.fsencode(path), "w"))
    else:
        pq.write_table(data, pa.OSFile(os.fsencode(path), "w"))
    table = load_table(f"{path}:x")
    assert len(table.values) == 12
    assert r"caf\xe9/\xff" in table.source
    table.source.encode()
    catalog = open_catalog(str(path))
    assert sum(batch.num_rows for batch in catalog.batches(5)) == 12


@pytest.mark.fault
def test_a_run_in_a_folder_whose_name_is_no_text(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pa.table({"id": ["a"], "x": [1.0]})
    with open_run(odd / "run") as rundir:
        rundir.write_text("run.json", json.dumps({"out": str(odd)}, ensure_ascii=False))
        rundir.write_table("scores/part-00000.parquet", table)
    results = results_at(str(odd / "run"))
    assert json.loads(results.read_text("run.json")) == {"out": str(odd)}
    assert results.read_table("scores/part-00000.parquet").select(["id", "x"]).replace_schema_metadata() == table
    assert kakehashi.main(["status", str(odd / "nothing")]) == 2
    err = capsys.readouterr().err
    assert "caf\N{REPLACEMENT CHARACTER}/nothing" in err


def test_paths_of_text_are_left_alone() -> None:
    assert for_arrow("架け橋.csv") == "架け橋.csv"
    assert as_text(Path("a/架け橋.csv")) == "a/架け橋.csv"


@pytest.mark.fault
def test_text_that_is_none_elsewhere_is_no_internal_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(words: list[str]) -> int:
        "\udce9".encode()
        return 0

    monkeypatch.setattr(kakehashi, "_run", fail)
    assert kakehashi.main(["doctor"]) == 2
    assert "expected text in UTF-8, got '\\udce9': rename" in capsys.readouterr().err
