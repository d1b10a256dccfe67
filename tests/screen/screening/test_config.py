"""Configuration: defaults, run.toml, flags; what is refused."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.flags import DEFAULT_SOURCES
from kakehashi.screen.screening.config import (
    DEFAULT_MOLECULAR_SOURCES,
    ScreenConfig,
    embedded_sources,
    exit_code,
    expand_sources,
    resolve,
    sources_of,
)


def toml(tmp_path: Path, text: str) -> str:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


FILE = """
target = "t.csv:kappa"
log = true
source = ["a", "b"]
networks = 7
rank-by = "lower"
threshold = 3
filter = "hull<=0.05"
exclude_elements = "Pb,Cd"
no_radioactive = true
max-quarantine = 0
"""
FLAGS: dict[str, Any] = {
    "target": "t.csv:kappa", "log": True, "source": ["a", "b"], "networks": 7, "rank_by": "lower", "threshold": 3.0,
    "filter": ["hull<=0.05"], "exclude_elements": ["Pb, Cd"], "no_radioactive": True, "max_quarantine": 0.0,
}  # fmt: skip


def test_a_file_says_what_flags_say(tmp_path: Path) -> None:
    config = resolve({}, toml(tmp_path, FILE))
    assert config == resolve(FLAGS, None)
    assert config.exclude_elements == ("Pb", "Cd")
    assert isinstance(config.threshold, float)


def test_every_flag_of_the_command_is_a_key_of_the_file() -> None:
    import inspect

    from kakehashi.screen.cli.screen import screen

    flags = set(inspect.signature(screen).parameters)
    about_the_call = {"config", "resume", "overwrite", "dry_run", "json", "quiet", "events"}
    assert flags - about_the_call == {field.name for field in fields(ScreenConfig)}


@pytest.mark.parametrize(
    ("text", "material"), [('"phase"', ("phase",)), ('["phase", "compound"]', ("phase", "compound"))]
)
def test_columns_of_materials_are_one_or_several(tmp_path: Path, text: str, material: tuple[str, ...]) -> None:
    assert resolve({}, toml(tmp_path, f"{FILE}material = {text}\n")).material == material
    assert resolve({**FLAGS, "material": list(material)}, None).material == material
    assert resolve(FLAGS, None).material is None


def test_heads_are_words_with_commas_between(tmp_path: Path) -> None:
    assert resolve(FLAGS, None).heads == ("ridge", "gp")
    assert resolve({**FLAGS, "heads": ["ridge, forest"]}, None).heads == ("ridge", "forest")
    assert resolve({}, toml(tmp_path, FILE + 'heads = ["gp", "finetune"]\n')).heads == ("gp", "finetune")
    for wrong, words in (("ridge,trees", "got 'trees'"), ("finetune", "ridge, gp or another besides")):
        with pytest.raises(UserError, match=words):
            resolve({**FLAGS, "heads": [wrong]}, None)


def test_flags_win_and_absent_flags_do_not(tmp_path: Path) -> None:
    config = resolve({"networks": 9, "source": ["c"], "log": None, "seed": None}, toml(tmp_path, FILE))
    assert (config.networks, config.source, config.log, config.seed) == (9, ("c",), True, 0)


def test_the_record_of_a_configuration_reads_back(tmp_path: Path) -> None:
    config = resolve({}, toml(tmp_path, FILE))
    assert resolve(as_dict(config), None) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("netwrks = 3", "unknown key 'netwrks'; did you mean networks?"),
        ("rank-bye = 'mean'", "unknown key 'rank-bye'; did you mean rank_by?"),
        ("zzzzzzzz = 3", "known keys: target, value, log"),
        ("[screen]\nnetworks = 3", "unknown key 'screen'"),
        ("networks = '3'", "networks: expected int, got '3'"),
        ("networks = 3.0", "networks: expected int, got 3.0"),
        ("networks = true", "networks: expected int, got True"),
        ("log = 'yes'", "log: expected bool, got 'yes'"),
        ("log = 1", "log: expected bool, got 1"),
        ("threshold = '1'", "threshold: expected float"),
        ("threshold = true", "threshold: expected float"),
        ("source = [1]", "source: expected list of texts, got"),
        ("target = 3", "target: expected text, got 3"),
        ("seed = 2020-01-01", "seed: expected int"),
        ("networks = 3\nnetworks = 4", "not valid TOML"),
        ("rank-by = 'mean'\nrank_by = 'lower'", "given twice"),
        ("networks = ", "not valid TOML"),
    ],
)
def test_what_a_file_cannot_say(text: str, said: str, tmp_path: Path) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(UserError) as caught:
        resolve({"target": "t"}, path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.code == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"target = '\xe9'")
    for path in (tmp_path / "none.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(UserError, match="--config") as caught:
            resolve({}, str(path))
        assert caught.value.code == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"target": None}, "--target is missing"),
        ({"networks": 0}, "--networks: expected at least 1, got 0"),
        ({"networks": -5}, "--networks: expected at least 1, got -5"),
        ({"outer_folds": 1}, "--outer-folds: expected at least 2, got 1"),
        ({"partition_rows": 0}, "--partition-rows: expected at least 1"),
        ({"seed": -1}, "--seed: expected at least 0, got -1"),
        ({"seed": 2**32}, "--seed: expected at most 4294967295, got 4294967296"),
        ({"convention": "celll"}, "--convention: expected one of reduced, cell, per-atom, got 'celll'"),
        ({"max_quarantine": 1.5}, "--max-quarantine: expected a share from 0 to 1, got 1.5"),
        ({"max_quarantine": float("nan")}, "--max-quarantine"),
        ({"source": ["a", "a"]}, "--source: given twice: a, a"),
    ],
)
def test_values_out_of_range(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve({"target": "t", **flags}, None)
    assert said in str(caught.value)


@pytest.mark.parametrize(("quarantined", "code"), [(0, 0), (5, 0), (6, 3), (100, 3)])
def test_the_exit_code_of_a_record(quarantined: int, code: int) -> None:
    record = {"catalog": {"rows": 100, "quarantined": quarantined}, "config": {"max_quarantine": 0.05}}
    assert exit_code(record) == code


def test_sources_are_those_named_or_of_the_kind_of_the_target_or_none() -> None:
    formulas = load_table("ltc")
    units = load_table("tg")
    assert sources_of(("none",), formulas) == sources_of(("none",), units) == ()
    assert sources_of(("density",), formulas) == ("density",)
    assert sources_of((), formulas) == DEFAULT_SOURCES
    assert sources_of((), units) == DEFAULT_MOLECULAR_SOURCES


def test_words_for_sources_stand_for_each_once() -> None:
    formulas = load_table("ltc")
    every = embedded_sources("all", formulas)
    assert expand_sources(["usual", formulas, "all"], formulas) == [
        *DEFAULT_SOURCES, formulas, *(name for name in every if name not in DEFAULT_SOURCES)
    ]  # fmt: skip
    assert expand_sources(["all", "density"], formulas) == [*(name for name in every if name != "density"), "density"]
    assert formulas.name not in every
