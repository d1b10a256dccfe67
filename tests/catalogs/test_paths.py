"""Paths: the home folder, and names that are no text."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import kakehashi
from catalogs.candidates import open_catalog
from catalogs.paths import local, path_of
from catalogs.records import UserError
from catalogs.runs import open_run, recorded_at, results_at
from catalogs.tables import split_spec

BAD = os.fsdecode(b"caf\xe9")


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
    from screen.config import ScreenConfig, from_toml

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


@pytest.mark.fault
@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX alone")
@pytest.mark.parametrize(
    "words",
    [
        ["screen", "--target", "t.csv:x", "--out", BAD],
        ["screen", "--target", f"{BAD}/t.csv:x", "--out", "run"],
        ["screen", "--target", "t.csv:x", "--catalog", f"{BAD}/t.csv", "--out", "run"],
        ["screen", "--config", f"{BAD}/run.toml"],
        ["status", BAD],
        ["report", BAD],
        ["next", BAD],
        ["models", "export", "--out", BAD],
    ],
)
def test_a_path_that_is_no_text_is_named_with_what_to_do(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    metals = ("Mg", "Ca", "Sr", "Ba", "Be", "Zn", "Cd", "Mn", "Fe", "Co", "Ni", "Cu")
    rows = "".join(f"{metal}O,{k + 1}\n" for k, metal in enumerate(metals))
    Path("t.csv").write_text("formula,x\n" + rows)
    try:
        Path(BAD).mkdir()
    except OSError as error:
        pytest.skip(f"no such names on this file system: {error}")
    shutil.copy("t.csv", f"{BAD}/t.csv")
    assert kakehashi.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "expected a path in UTF-8, got 0xE9 at character" in err
    assert r"caf\xe9" in err
    assert "rename that file or folder" in err
