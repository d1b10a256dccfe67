"""Commands with the flags of dataclasses: parsed, given, built, refused."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from cyclopts import App, CycloptsError

from kakehashi.catalogs.cli.flatten import FlagValues, flatten_flags
from kakehashi.catalogs.flag import COMPUTING, Flag


@dataclass(frozen=True, kw_only=True)
class WorkFlags:
    tables: Annotated[tuple[str, ...], Flag("Tables.")] = ()
    words: Annotated[tuple[str, ...], Flag("Words.", commas=True)] = ("a",)
    networks: Annotated[int, Flag("Networks.", COMPUTING)] = 5
    log: Annotated[bool, Flag("Logarithm.")] = False


@dataclass(frozen=True, kw_only=True)
class CallFlags:
    out: Annotated[str, Flag("File.")]
    quiet: Annotated[bool, Flag("Print nothing.")] = False


@flatten_flags
def work(name: str, *, flags: Annotated[FlagValues, WorkFlags], call: CallFlags) -> Any:
    """Do the work."""
    return name, flags, call


def parse(*words: str) -> Any:
    app = App(name="work", result_action="return_value")
    app.default(work)
    return app(words, print_error=False, exit_on_error=False)


def test_what_is_given_alone_and_what_is_built() -> None:
    assert parse("n", "--out", "f") == ("n", {}, CallFlags(out="f"))
    words = ["n", "--tables", "a,b", "--tables", "c", "--words", "x,y", "--networks", "3", "--log", "--quiet"]
    _, flags, call = parse(*words, "--out", "f")
    assert flags == {"tables": ["a,b", "c"], "words": "x,y", "networks": 3, "log": True}
    assert call == CallFlags(out="f", quiet=True)
    assert work("n", networks=0, log=None, out="f") == ("n", {"networks": 0}, CallFlags(out="f"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("n",), "out"),
        (("n", "--out", "f", "--networks", "1.5"), "expected a whole number"),
        (("n", "--out", "f", "--no-log"), "no-log"),
        (("n", "--out", "f", "--tables", "a", "b"), "b"),
    ],
)
def test_mistakes_are_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CycloptsError, match=message):
        parse(*words)


def test_help_stands_under_headings(capsys: pytest.CaptureFixture[str]) -> None:
    app = App(name="work", result_action="return_value")
    app.default(work)
    app(["--help"])
    text = capsys.readouterr().out
    assert text.index("Computing") < text.index("--networks") < text.index("Output") < text.index("--tables")
    assert "Networks. Default: 5." in text


def test_the_signature_lists_every_flag() -> None:
    assert [*inspect.signature(work).parameters] == ["name", "tables", "words", "networks", "log", "out", "quiet"]
