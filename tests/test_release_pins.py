"""Releases of jax and flax that compute wrongly or crash are kept out, in the ranges and in the pins."""

import re
import tomllib
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

BROKEN_JAX = ("0.10.2", "0.11.0")
BROKEN_PAIRS = tuple(product(("0.11.1", "0.11.2"), ("0.12.8", "0.12.9")))


@pytest.fixture(scope="module")
def wanted(root: Path) -> dict[str, Requirement]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    return {item.name: item for item in map(Requirement, [*project["dependencies"], *extras])}


@pytest.fixture(scope="module")
def pinned(root: Path) -> dict[str, set[str]]:
    """Pinned versions by normalised name; a package may have one per Python."""
    found: dict[str, set[str]] = {}
    for name, pin in re.findall(r"^([\w.-]+)==([^\s;]+)", (root / "constraints.txt").read_text(), re.MULTILINE):
        found.setdefault(normal(name), set()).add(pin)
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("release", BROKEN_JAX)
def test_broken_jax_is_excluded(wanted: dict[str, Requirement], release: str) -> None:
    assert not wanted["jax"].specifier.contains(release)


@pytest.mark.parametrize(("jax", "flax"), BROKEN_PAIRS)
def test_broken_pairs_are_excluded(wanted: dict[str, Requirement], jax: str, flax: str) -> None:
    assert not (wanted["jax"].specifier.contains(jax) and wanted["flax"].specifier.contains(flax))


def test_pins_are_none_of_these(pinned: dict[str, set[str]]) -> None:
    assert not (pinned["jax"] | pinned["jaxlib"]) & set(BROKEN_JAX)
    assert not set(product(pinned["jax"], pinned["flax"])) & set(BROKEN_PAIRS)
    assert pinned["jax"] == pinned["jaxlib"]


def test_every_requirement_is_pinned_within_its_range(
    wanted: dict[str, Requirement], pinned: dict[str, set[str]]
) -> None:
    for name, requirement in wanted.items():
        assert pinned.get(normal(name)), f"{name} is not pinned"
        for pin in pinned[normal(name)]:
            assert requirement.specifier.contains(Version(pin)), f"{name}=={pin}"


def test_every_pin_has_a_hash(root: Path) -> None:
    text = (root / "constraints.txt").read_text().replace("\\\n", " ")
    pins = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    assert len(pins) > 100
    assert [line for line in pins if "--hash=sha256:" not in line] == []


def test_what_runs_here_is_none_of_these() -> None:
    from importlib.metadata import version

    assert version("jax") not in BROKEN_JAX
    assert (version("jax"), version("flax")) not in BROKEN_PAIRS
