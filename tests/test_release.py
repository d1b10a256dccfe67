"""What a release checks is seen when it is wrong; container, conda and workflow files hold what they promise."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci/release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOOD = (
    "Name: kakehashi\nVersion: 1.2\nRequires-Python: >=3.11\nLicense-Expression: BSD-3-Clause\n"
    "Description-Content-Type: text/markdown\n\n# Kakehashi\n"
)


def test_builds_are_compared_byte_by_byte(release: ModuleType) -> None:
    assert release.compare({"a.whl": b"1"}, {"a.whl": b"1"}) == []
    assert "differ" in release.compare({"a.whl": b"1"}, {"a.whl": b"2"})[0]
    assert "one build only" in release.compare({"a.whl": b"1"}, {})[0]


def test_good_metadata_pass(release: ModuleType) -> None:
    assert release.check_metadata(GOOD, "1.2") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Version: 1.2", "Version: 1.3"),
        ("Requires-Python: >=3.11\n", ""),
        ("text/markdown", "text/plain"),
        ("# Kakehashi", ""),
    ],
)
def test_bad_metadata_are_named(release: ModuleType, old: str, new: str) -> None:
    assert len(release.check_metadata(GOOD.replace(old, new), "1.2")) == 1


def test_a_source_distribution_is_complete(release: ModuleType) -> None:
    whole = [f"kakehashi-1.2/{pattern.replace('*', 'x')}" for pattern in release.IN_SDIST]
    assert release.check_sdist(whole) == []
    assert "docs/start.md" in release.check_sdist([name for name in whole if "start" not in name])[0]


def test_a_tag_is_the_version(release: ModuleType) -> None:
    assert release.check_version("1.2", []) == []
    assert release.check_version("1.2", ["v1.2", "other"]) == []
    assert "make them equal" in release.check_version("1.2", ["v1.3"])[0]


def test_citation_and_commands_have_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for page in ("README.md", "docs/install.md"):
        wheels = re.findall(r"kakehashi-([\w.]+)-py3-none-any", (ROOT / page).read_text(encoding="utf-8"))
        assert set(wheels) == {version}


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Containerfile with their words."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(line[0], line[1]) for line in lines]


def test_the_image_is_pinned_and_runs_without_rights() -> None:
    found = instructions()
    assert {name for name, _ in found} <= {"ARG", "FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "ENTRYPOINT"}
    base = next(words for name, words in found if name == "ARG")
    assert re.fullmatch(r"BASE=[\w./-]+:3\.1[123][\w.-]+", base)  # a named release, never latest
    installs = [words for name, words in found if name == "RUN" and "pip install" in words]
    assert len(installs) == 1
    assert "--require-hashes -r /tmp/constraints.txt" in installs[0]
    assert "--no-deps --no-index /tmp/dist/" in installs[0]
    last_stage = found[max(i for i, (name, _) in enumerate(found) if name == "FROM") :]
    users = [words for name, words in last_stage if name == "USER"]
    assert users
    assert not {"root", "0"} & set(users)
    assert found[-1] == ("ENTRYPOINT", '["kakehashi"]')
    assert not any(word in words for _, words in found for word in ("curl", "wget", "ADD", "TOKEN", "KEY="))


def test_conda_takes_the_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "kakehashi"
    assert {"pip": ["-r constraints.txt"]} in environment["dependencies"]
    assert "python=3.12" in environment["dependencies"]


def test_the_workflow_runs_what_make_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    assert set(jobs) == {"lint", "tests", "docs", "release", "newest"}
    assert jobs["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert workflow["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert {line.split()[1] for line in used if line.startswith("make ")} <= targets


def test_pins_of_the_documentation_have_hashes() -> None:
    text = (ROOT / "docs/constraints-docs.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    pins = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    assert len(pins) > 20
    assert [line for line in pins if "--hash=sha256:" not in line] == []
    wanted = (ROOT / "docs/constraints-docs.in").read_text(encoding="utf-8")
    names = {re.match(r"[\w.-]+", line)[0] for line in wanted.split()}  # type: ignore[index]
    assert names <= {line.partition("==")[0] for line in pins}
    assert "://" not in text
