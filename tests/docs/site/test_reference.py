"""Reference pages hold every command, flag and public function."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "docs/site"))

from reference import commands_page, markdown, python_page, signature

import kakehashi


@pytest.fixture(scope="module")
def commands() -> str:
    return commands_page()


@pytest.mark.parametrize("name", ["screen", "design", "evaluate", "next", "catalogs pull mp", "models train", "doctor"])
def test_every_command_has_its_heading(commands: str, name: str) -> None:
    assert f"# kakehashi {name}\n" in commands


@pytest.mark.parametrize("flag", ["--target", "--log", "--goal", "--foundation", "--resume"])
def test_flags_are_listed(commands: str, flag: str) -> None:
    assert f"`{flag}" in commands


def test_headings_are_linked_by_nothing_but_sphinx(commands: str) -> None:
    assert "](#" not in commands


def test_every_public_function_is_there() -> None:
    page = python_page()
    missing = [name for name in kakehashi.__all__ if name != "main" and f"## kh.{name}" not in page]
    assert missing == []
    assert "## FittedModel" in page
    assert ">>> table = kh.load(" in page
    assert "doctest:" not in page


def test_a_docstring_becomes_lists_and_code() -> None:
    """Sections, entries with continuations, examples."""
    text = "Do it.\n\nParameters\n----------\na : one,\n    two\nb, c : more\n\n"
    text += "Examples\n--------\n>>> 1  # doctest: +SKIP\n1"
    assert markdown(text) == (
        "Do it.\n\n**Parameters**\n\n- `a`: one,\n  two\n- `b, c`: more\n\n**Examples**\n\n```pycon\n>>> 1\n1\n```"
    )


def test_a_signature_keeps_what_is_keyword_only() -> None:
    def example(first, *, second=2):  # type: ignore[no-untyped-def]
        return first, second

    assert signature("kh.example", example) == "kh.example(first, *, second=2)"
