"""The front door: exit codes, one-line errors, the lazy public API."""

import errno
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import kakehashi as front
from kakehashi.catalogs.records import UserError

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_version(kakehashi: Run) -> None:
    done = kakehashi("--version")
    assert (done.returncode, done.stdout) == (0, f"kakehashi {version('kakehashi')}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["doctr"], "Unknown command: doctr. Did you mean doctor?"),
        (["catalogs", "lst"], "Unknown command: lst. Did you mean list?"),
        (["doctor", "--jsn"], "Unknown option: --jsn. Did you mean --json?"),
        (["doctor", "--json=3"], "--json"),
        (["doctor", "surplus"], "surplus"),
        (["screen", "--no-such-flag"], "--no-such-flag"),
        (
            ["screen", "data/bom.csv", "--out", "x"],
            "Unused words: data/bom.csv. Did you mean --target data/bom.csv:COLUMN?",
        ),
        (["evaluate", "--log", "my.csv:k"], "Did you mean --target my.csv:k?"),
        (["next", "runs/a", "two", "words"], "Unused words: two words. Words with blanks need quotes"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(kakehashi: Run, words: list[str], said: str) -> None:
    done = kakehashi(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert "--help" in done.stderr


FAILURES = [
    (UserError("expected a formula,\ngot 'Xx' (row 3)"), 2, "error: expected a formula, got 'Xx' (row 3)\n"),
    (UserError("in use", code=4), 4, "error: in use\n"),
    (UserError("damaged", code=6), 6, "error: damaged\n"),
    (KeyboardInterrupt(), 130, "interrupted\n"),
    (OSError(errno.ENOSPC, "No space left on device", "out/x"), 1, "error: No space left on device: out/x\n"),
    (OSError(errno.EFBIG, "File too large", "out/x"), 1, "error: File too large: out/x\n"),
    (PermissionError(errno.EACCES, "Permission denied", "out"), 1, "error: Permission denied: out\n"),
    (OSError(errno.EXDEV, "Cross-device", "a", None, "b"), 1, "error: Cross-device: a -> b\n"),
    (
        ZeroDivisionError("division by zero"),
        1,
        "error: ZeroDivisionError: division by zero (run again with --debug for the traceback)\n",
    ),
]


@pytest.mark.parametrize(("failure", "code", "said"), FAILURES, ids=lambda value: type(value).__name__)
def test_failures_are_one_line_with_their_code(
    failure: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(**flags: bool) -> int:
        raise failure

    monkeypatch.setattr("kakehashi.screen.cli.doctor.doctor", fail)
    assert front.main(["doctor"]) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_debug_shows_the_traceback(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("kakehashi.screen.cli.doctor.doctor", fail)
    if how == "environment":
        monkeypatch.setenv("KAKEHASHI_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        front.main(["doctor", "--debug"] if how == "flag" else ["doctor"])


def test_a_commands_number_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kakehashi.screen.cli.doctor.doctor", lambda: 3)
    assert front.main(["doctor"]) == 3


def test_words_after_two_dashes_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(front, "_run", lambda words: seen.extend(words) or 0)
    assert front.main(["--debug", "x", "--", "--debug"]) == 0
    assert seen == ["x", "--", "--debug"]


def test_a_full_output_is_an_error_and_a_reader_that_left_is_quiet() -> None:
    command = [sys.executable, "-P", "-m", "kakehashi", "--version"]
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_import_is_light() -> None:
    script = (
        "import sys, kakehashi; dir(kakehashi);"
        "rooms = [f'kakehashi.{room}' for room in ('catalogs', 'screen', 'design')];"
        "print([m for m in ('jax', 'numpy', 'cyclopts', *rooms) if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["pretrain", "rank", "transfer"])
def test_the_api_is_reached_by_name(name: str) -> None:
    from kakehashi.screen.api import load, transfer

    api = load if name == "load" else transfer
    assert getattr(front, name) is getattr(api, name)
    assert name in dir(front)


@pytest.mark.parametrize(("name", "function"), [("screen", "screen.api.transfer"), ("design", "design.api.design")])
def test_two_packages_are_called_like_functions(name: str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"kakehashi.{function}")
    package = import_module(f"kakehashi.{name}")
    assert getattr(front, name) is package
    assert name in dir(front)
    assert inspect.signature(package) == inspect.signature(getattr(module, name))
    monkeypatch.setattr(module, name, lambda *words, **named: (words, named))
    assert package(1, out="x") == ((1,), {"out": "x"})


def test_the_library_of_models_is_reached_by_name() -> None:
    from kakehashi.screen.api import models as models_api

    assert front.models is models_api
    assert "models" in dir(front)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scren'"):
        _ = front.scren
