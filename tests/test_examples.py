"""The examples of docstrings run, and print what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("catalogs", "screen", "design")


def with_examples() -> list[str]:
    """Modules whose docstrings hold an example."""
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if ">>> " in path.read_text())
    names = [".".join(("kakehashi", *path.relative_to(ROOT).with_suffix("").parts)) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def failures(module: object) -> tuple[int, int]:
    """Examples that failed, and those tried."""
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)  # type: ignore[arg-type]
    return result.failed, result.attempted


@pytest.mark.parametrize("name", with_examples())
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = failures(import_module(name))
    assert (failed, tried > 0) == (0, True)


def test_there_are_examples_for_a_newcomer() -> None:
    assert len(with_examples()) > 40


def test_a_wrong_example_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "planted_example.py").write_text('"""One.\n\n>>> 1 + 1\n3\n"""\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert failures(import_module("planted_example")) == (1, 1)


# Their examples take minutes; the notebook of polymers runs a design.
NOT_RUN = {"design"}


def test_every_public_function_has_an_example_that_runs() -> None:
    import inspect

    import kakehashi

    for name in set(kakehashi.__all__) - {"main", "models", "catalogs"}:
        lines = [
            line for line in (inspect.getdoc(inspect.unwrap(getattr(kakehashi, name))) or "").splitlines()
            if line.lstrip().startswith(">>> ")
        ]  # fmt: skip
        runs = [line for line in lines if "+SKIP" not in line]
        assert len(runs) >= (1 if name in NOT_RUN else 2), name
