"""Every flag of two commands comes from one declaration; names in help come from registries."""

from __future__ import annotations

import inspect
from collections import defaultdict
from importlib import import_module
from typing import Annotated, Any, get_args, get_origin

import pytest
from cyclopts import App

import kakehashi
from kakehashi.catalogs.flag import USUAL, Declared, collect_flags
from kakehashi.design.run.config import DesignConfig
from kakehashi.screen.evaluation.config import HOLDOUTS, EvaluateConfig
from kakehashi.screen.heads.registry import LINES, direct_heads
from kakehashi.screen.models.config import TrainConfig
from kakehashi.screen.ranking.acquisition_names import ACQUISITIONS
from kakehashi.screen.runs.flags import RunFlags
from kakehashi.screen.screening.config import ScreenConfig
from kakehashi.screen.studies.config import StudyConfig

# Flags of one name that are different things in different commands, and the commands of each.
HOMONYMS = {
    "elements": "allowed in a batch; of formulas in `catalogs build`",
    "foundation": "networks that serve; a folder of tables in `models train`",
    "exclude": "elements in `catalogs build`, a target in `models train`",
    "filter": "of candidates; of networks in `models query`; in OPTIMADE's language in `catalogs pull`",
    "limit": "of rows that are read; of lines that are printed in `models query`",
    "max_atoms": "of a formula in `catalogs build`, of a repeat unit in `design`",
    "out": "the folder of a run; a file in `models export` and `catalogs build`",
    "rank_by": "of candidates by their value; of proposals by their chance, too, in `design`",
    "structures": "of candidates, by id; in `catalogs pull` whether they are pulled",
    "target": "one of `screen` and `evaluate`, several of `design`",
    "unit": "of a column; part of a unit in `models query`",
}
# Arguments that have a place, not a name.
PLACED = {"directory", "name", "id", "ids", "file"}


def commands(app: App | None = None, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Functions of all commands by the words that call them."""
    found: dict[tuple[str, ...], Any] = {}
    for name, entry in (app or kakehashi.app())._commands.items():
        if name.startswith("-"):
            continue
        if isinstance(entry, App):
            found |= commands(entry, (*words, name))
        else:
            module, _, function = entry.import_path.partition(":")
            found[*words, name] = getattr(import_module(module), function)
    return found


def declarations() -> dict[str, dict[tuple[str, ...], Declared | None]]:
    """Declarations of all flags by name and command, None for a parameter of the command itself."""
    flags: dict[str, dict[tuple[str, ...], Declared | None]] = defaultdict(dict)
    for words, command in commands().items():
        for name in inspect.signature(command).parameters:
            if name not in PLACED:
                flags[name][words] = command.flags.get(name)
    return flags


def test_flags_of_two_commands_are_declared_once() -> None:
    shared = {name: of for name, of in declarations().items() if len(of) > 1}
    assert len(shared) >= 27
    owners = {name: {flag.owner if flag else None for flag in of.values()} for name, of in shared.items()}
    assert {name for name, of in owners.items() if len(of) > 1 or None in of} == {*HOMONYMS}


def test_a_key_of_the_file_is_a_flag_of_the_command() -> None:
    about_the_call = {*collect_flags(RunFlags)}
    configs: dict[tuple[str, ...], type[Any]] = {
        ("screen",): ScreenConfig, ("evaluate",): EvaluateConfig, ("design",): DesignConfig, ("study",): StudyConfig,
        ("models", "train"): TrainConfig,
    }  # fmt: skip
    found = commands()
    for words, config in configs.items():
        assert {*inspect.signature(found[words]).parameters} - about_the_call == {*collect_flags(config)}, words


def help_of(words: tuple[str, ...], flag: str) -> str:
    """Help of one flag, as the parser has it."""
    annotation = inspect.signature(commands()[words]).parameters[flag].annotation
    assert get_origin(annotation) is Annotated
    return str(get_args(annotation)[-1].help)


@pytest.mark.parametrize(
    ("words", "flag", "names"),
    [
        (("screen",), "heads", LINES),
        (("evaluate",), "heads", LINES),
        (("design",), "heads", LINES),
        (("evaluate",), "baselines", direct_heads()),
        (("evaluate",), "holdout", HOLDOUTS),
        (("next",), "by", ACQUISITIONS),
    ],
)
def test_help_names_what_registries_hold(words: tuple[str, ...], flag: str, names: Any) -> None:
    text = help_of(words, flag)
    assert [name for name in names if name not in text] == []


def test_usual_flags_are_few() -> None:
    for words, command in commands().items():
        usual = [name for name, flag in command.flags.items() if flag.flag.group == USUAL]
        assert len(usual) <= 10, (words, usual)
