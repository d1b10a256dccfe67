"""Make a release in dist/: python .ci/release.py [--no-install] [INTERPRETER ...].

Builds sdist and wheel twice and compares bytes, checks metadata, long description and version, installs the wheel into
a clean environment of every interpreter (by default the present one and those of Python 3.11 to 3.13 on the path) and
runs it.
"""

from __future__ import annotations

import argparse
import email
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
MINORS = ("3.11", "3.12", "3.13")
LARGEST = 60_000_000
"""Bytes of a wheel: nothing that does not belong there may slip in."""


IN_SDIST = (
    "README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "constraints.txt",
    "docs/start.md", "docs/site/pages.py", "docs/images/*.png", "examples/*.csv", "examples/*.ipynb",
    "tests/test_release.py", "benchmarks/README.md", ".ci/run", "catalogs/networks/*",
)  # fmt: skip
"""Patterns of what a source distribution holds, beside the rooms: enough to test it and to build its pages."""


def build(source: Path, out: Path) -> dict[str, bytes]:
    """Build sdist and wheel of a folder, and return their bytes by name."""
    for target in ("sdist", "wheel"):
        words = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out]
        subprocess.run(words, cwd=source, check=True, stdout=subprocess.DEVNULL)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def compare(first: dict[str, bytes], second: dict[str, bytes]) -> list[str]:
    """Differences between two builds, in words."""
    names = sorted(set(first) ^ set(second))
    found = [f"{name}: in one build only" for name in names]
    for name in sorted(set(first) & set(second)):
        if first[name] != second[name]:
            sums = " and ".join(hashlib.sha256(built[name]).hexdigest()[:12] for built in (first, second))
            found.append(f"{name}: the builds differ (sha256 {sums})")
    return found


def check_metadata(metadata: str, wanted: str) -> list[str]:
    """What is wrong with the metadata of a wheel, in words.

    wanted : the version of pyproject.toml
    """
    message = email.message_from_string(metadata)
    text = message.get_payload()
    found = []
    if message["Name"] != "kakehashi" or message["Version"] != wanted:
        found.append(f"expected kakehashi {wanted}, got {message['Name']} {message['Version']}")
    if message["Requires-Python"] is None or message["License-Expression"] is None:
        found.append("expected Requires-Python and License-Expression, one is missing")
    if message["Description-Content-Type"] != "text/markdown" or not str(text).lstrip().startswith("# Kakehashi"):
        found.append("expected README.md in text/markdown as the long description")
    return found


def check_sdist(names: Sequence[str]) -> list[str]:
    """What a source distribution lacks, in words: files by their paths below its folder."""
    inside = {name.partition("/")[2] for name in names}
    return [
        f"sdist: expected {wanted}, it is missing: see [tool.hatch.build.targets.sdist]"
        for wanted in IN_SDIST
        if not any(fnmatch(name, wanted) for name in inside)
    ]


def check_version(version: str, tags: Sequence[str]) -> list[str]:
    """What is wrong with the tags of the commit, in words: where it has a tag v..., that is the version."""
    named = [tag for tag in tags if tag.startswith("v")]
    if named and f"v{version}" not in named:
        return [f"the commit is tagged {', '.join(named)}, pyproject.toml says {version}: make them equal"]
    return []


def tags_here() -> list[str]:
    """Tags of the commit, none outside a repository."""
    done = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split()


def try_wheel(python: str, wheel: Path) -> None:
    """Install the wheel beside the pinned packages into a clean environment, and screen twelve formulas."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        subprocess.run([python, "-m", "venv", work / "venv"], check=True)
        pip = [work / "venv/bin/python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
        subprocess.run([*pip, "--require-hashes", "-r", ROOT / "constraints.txt"], check=True)
        subprocess.run([*pip, "--no-deps", wheel], check=True)
        shutil.copy(ROOT / "examples/conductivity.csv", work)
        rows = (work / "conductivity.csv").read_text(encoding="utf-8").splitlines()
        (work / "few.csv").write_text("\n".join(row.split(",")[0] for row in rows[:13]) + "\n", encoding="utf-8")
        command = work / "venv/bin/kakehashi"
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "KAKEHASHI_HOME": str(work / "home")}
        screen = ["screen", "--target", "conductivity.csv:kappa_W_mK", "--log", "--catalog", "few.csv", "--out", "run"]
        for words in (["doctor"], [*screen, "--outer-folds", "3", "--heads", "ridge", "--quiet"]):
            subprocess.run([command, *words], cwd=work, env=environment, check=True)
        if len((work / "run/ranking.csv").read_text(encoding="utf-8").splitlines()) != 13:
            raise SystemExit(f"{python}: expected 12 ranked formulas in ranking.csv")


def runs(python: str) -> bool:
    """Whether an interpreter runs; a version manager's shim may be on the path and fail."""
    words = [python, "-c", "import venv, ensurepip"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def interpreters() -> list[str]:
    """The present interpreter, and those of the other releases that the path has and that run."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    others = [f"python{minor}" for minor in MINORS if minor != here]
    works = [name for name in others if shutil.which(name) and runs(name)]
    return [sys.executable, *works]


def main() -> None:
    """Build, check and try a release."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-install", action="store_true", help="build and check only")
    parser.add_argument("interpreter", nargs="*")
    chosen = parser.parse_args()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        first = build(ROOT, dist)
        sdist, wheel = (next(dist.glob(pattern)) for pattern in ("*.tar.gz", "*.whl"))
        with tarfile.open(sdist) as archive:
            contents = archive.getnames()
            archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        second = build(unpacked, Path(folder) / "again")
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"kakehashi-{version}.dist-info/METADATA").decode()
    faults = (
        compare(first, second)
        + check_sdist(contents)
        + check_metadata(metadata, version)
        + check_version(version, tags_here())
    )
    if len(first[wheel.name]) > LARGEST:
        faults.append(f"{wheel.name}: {len(first[wheel.name]):,} bytes, expected at most {LARGEST:,}")
    if faults:
        raise SystemExit("\n".join(faults))
    for name, content in first.items():
        print(f"{hashlib.sha256(content).hexdigest()}  {name}  {len(content):,} bytes, built twice to the same bytes")
    for python in [] if chosen.no_install else chosen.interpreter or interpreters():
        try_wheel(python, wheel)
        print(f"{python}: installed, doctor and a screening passed")


if __name__ == "__main__":
    main()
