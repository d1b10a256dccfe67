"""The wheel holds everything the packages need, and nothing else."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SHIPPED = ("catalogs", "screen", "design")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "kakehashi.py"):
        shutil.copy(root / name, copy)
    for name in SHIPPED:
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return built


def test_contents(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {"kakehashi.py"}
    for package in SHIPPED:
        shipped |= {
            path.relative_to(root).as_posix()
            for path in (root / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
    assert shipped <= names
    assert {name for name in names - shipped if ".dist-info/" not in name} == set()
    assert any(name.startswith("catalogs/tables/") and name.endswith(".csv") for name in names)
    assert "catalogs/py.typed" in names


def test_works_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            site,
            wheel,
        ],
        check=True,
        capture_output=True,
    )
    script = f"""
import sys
sys.path.insert(0, {str(site)!r})
import kakehashi, catalogs, screen, design
from kakehashi.catalogs.elements import feature_table
for module in (kakehashi, catalogs, screen, design):
    assert module.__file__.startswith({str(site)!r}), module.__file__
assert feature_table().shape == (94, 58)
assert kakehashi.main(["--version"]) == 0
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kakehashi ")
    scripts = {path.name for path in (site / "bin").iterdir()}
    assert scripts == {"kakehashi"}
