"""The commands of examples/README.md can be pasted: each is checked without being done."""

import shlex
from pathlib import Path

import pytest

import kakehashi as front

ROOT = Path(__file__).parents[1]
LINES = [line.strip() for line in (ROOT / "examples" / "README.md").read_text().splitlines() if line.startswith("    ")]


def test_there_are_some_of_every_kind() -> None:
    assert {line.split()[1] for line in LINES} == {"check", "evaluate", "screen", "design"}
    named = {word.partition(":")[0] for line in LINES for word in shlex.split(line) if word.startswith("examples/")}
    assert named <= {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.csv")}


@pytest.mark.parametrize("line", LINES)
def test_an_example_command_runs_dry(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    words = shlex.split(line)[1:]
    dry = [] if words[0] == "check" else ["--dry-run"]
    assert front.main([*words, *dry]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out
