"""The configuration of a design run: every flag a key of the file, unknown keys refused."""

import inspect
from dataclasses import fields

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.design.cli.design import design
from kakehashi.design.run.config import DesignConfig, resolve

LEAST = {"target": ["a.csv:x"], "goal": ["x>1"]}


def test_every_flag_of_the_command_is_a_key_of_the_file():
    flags = set(inspect.signature(design).parameters)
    about_the_call = {"config", "resume", "overwrite", "dry_run", "json", "quiet", "events"}
    assert flags - about_the_call == {field.name for field in fields(DesignConfig)}


def test_flags_win_over_the_file(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('target = "b.csv:y"\ngoal = ["y>2", "z<3"]\nnetworks = 7\npolymer-class = "polyamide, polyimide"\n')
    config = resolve({"target": ["a.csv:x"], "networks": None}, str(file))
    assert (config.target, config.goal, config.networks) == (("a.csv:x",), ("y>2", "z<3"), 7)
    assert config.polymer_class == ("polyamide", "polyimide")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"goal": ["x>1"]}, "--target is missing"),
        ({"target": ["a.csv:x"]}, "--goal is missing"),
        (LEAST | {"sampler": "annealing"}, "--sampler: expected one of smc, exact, iqspr"),
        (LEAST | {"heads": ["ridge,magic"]}, "got 'magic'"),
        (LEAST | {"corpus": "c.csv"}, "--corpus is what"),
        (LEAST | {"proposal": "ngram", "pool": "p.csv"}, "--pool holds monomers"),
        (LEAST | {"target": ["a", "a"]}, "--target: given twice"),
        (LEAST | {"workers": 0}, "--workers: expected at least 1"),
        (LEAST | {"max_atoms": 0}, "--max-atoms: expected at least 1"),
    ],
)
def test_mistakes_are_said(flags, said):
    with pytest.raises(UserError, match=said):
        resolve(flags, None)


def test_unknown_keys_are_refused_with_the_nearest(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('targets = "b.csv:y"\n')
    with pytest.raises(UserError, match="did you mean target"):
        resolve(LEAST, str(file))
