"""Every command explains itself quickly, without loading what only its work needs."""

import json
import os
import resource
import subprocess
import sys

import pytest
from cyclopts import App

import kakehashi

HEAVY = ("jax", "pandas", "rdkit", "pymatgen", "mp_api", "sklearn")
CPU_SECONDS = 0.8

PROBE = f"""
import json, sys
from kakehashi import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps({{"code": code, "heavy": heavy}}), file=sys.stderr)
"""


def commands(app: App | None = None, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every registered command, nested ones too, by the words that call it."""
    app = app or kakehashi.app()
    found = [words]
    for name, entry in app._commands.items():
        if not name.startswith("-"):
            here = (*words, name)
            found += commands(entry, here) if isinstance(entry, App) else [here]
    return found


def test_all_commands_are_covered() -> None:
    assert {(), ("demo",), ("doctor",), ("screen",), ("next",), ("report",), ("catalogs", "list")} <= set(commands())


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words) or "top")
def test_help_is_quick_and_light(words: tuple[str, ...]) -> None:
    best = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE, *words, "--help"], capture_output=True, text=True, check=False
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if best < CPU_SECONDS:
            break
    assert json.loads(done.stderr.splitlines()[-1]) == {"code": 0, "heavy": []}, done.stderr
    assert " ".join(("Usage: kakehashi", *words)) in done.stdout
    assert best < CPU_SECONDS


def test_first_screen_names_every_verb_it_has() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", PROBE], capture_output=True, text=True, check=False)
    assert json.loads(done.stderr.splitlines()[-1]) == {"code": 0, "heavy": []}
    assert "try: kakehashi demo" in done.stdout
    for name in kakehashi.app():
        if not name.startswith("-"):
            assert f"kakehashi {name}" in done.stdout


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("screen",), "Example: kakehashi screen --target my.csv:kappa"),
        (("next",), "Example: kakehashi next runs/kappa --batch 8"),
        (("demo",), "transfers the foundation networks of the package"),
        (("catalogs", "list"), "catalogs list"),
    ],
)
def test_a_command_explains_itself_at_length_and_briefly_in_the_list(words: tuple[str, ...], shown: str) -> None:
    own, listed = (
        " ".join(subprocess.run([sys.executable, "-P", "-m", "kakehashi", *given, "--help"], capture_output=True,
                                text=True, check=True, env={**os.environ, "COLUMNS": "200"}).stdout.split())
        for given in (words, words[:-1])
    )  # fmt: skip
    assert shown in own
    assert shown not in listed or len(words) > 1
    assert words[-1] in listed
    assert "Rank a catalogue by a target property." in listed or len(words) > 1
