"""The wheel holds the package alone, whatever it is built from, and stays out of a user's way."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOMS = ("catalogs", "screen", "design")
# Names that a script's folder may well hold; on the path before ours they must not matter.
OFTEN_TAKEN = ("screen.py", "design.py", "catalogs.py", "tables.py", "report.py")


def build(source: Path, target: str) -> Path:
    """Build a wheel or sdist of a folder and return it."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (built,) = (source / "dist").glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[target])
    return built


@pytest.fixture(scope="module")
def source(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(root / name, copy)
    for name in (*ROOMS, "kakehashi"):
        shutil.copytree(root / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return build(source, "wheel")


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with nothing but ours."""
    folder = tmp_path_factory.mktemp("site")
    words = ["--quiet", "--no-deps", "--no-index", "--target", folder, wheel]
    subprocess.run([sys.executable, "-m", "pip", "install", *words], check=True, capture_output=True)
    return folder


def test_it_holds_the_package_and_nothing_else(wheel: Path, root: Path) -> None:
    shipped = {f"kakehashi/{name}" for name in ("__init__.py", "__main__.py", "py.typed")}
    for room in ROOMS:
        shipped |= {
            f"kakehashi/{path.relative_to(root).as_posix()}"
            for path in (root / room).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
    names = zipfile.ZipFile(wheel).namelist()
    assert len(names) == len(set(names))
    assert {name for name in names if ".dist-info/" not in name} == shipped
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"kakehashi"}
    assert any(name.startswith("kakehashi/catalogs/tables/") and name.endswith(".csv") for name in names)


def test_the_source_distribution_gives_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build(source, "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    again = build(unpacked, "wheel")
    assert again.name == wheel.name
    first, second = (
        {name: file.read(name) for name in file.namelist()} for file in map(zipfile.ZipFile, (wheel, again))
    )
    assert first == second


def python(code: str, cwd: Path, *words: object) -> str:
    """What a script prints, run in a folder."""
    done = subprocess.run(
        [sys.executable, *map(str, words), "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_works_from_elsewhere(site: Path, tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(site)!r})
import kakehashi, kakehashi.catalogs, kakehashi.screen, kakehashi.design
from kakehashi.catalogs.elements import feature_table
for module in (kakehashi, kakehashi.catalogs, kakehashi.screen, kakehashi.design):
    assert module.__file__.startswith({str(site)!r}), module.__file__
assert feature_table().shape == (94, 58)
assert kakehashi.main(["--version"]) == 0
"""
    assert python(script, tmp_path, "-P").startswith("kakehashi ")
    assert {path.name for path in (site / "bin").iterdir()} == {"kakehashi"}


def test_scripts_named_like_the_rooms_do_no_harm(site: Path, tmp_path: Path) -> None:
    for name in OFTEN_TAKEN:
        (tmp_path / name).write_text("raise SystemExit('a user\\'s own script was imported')\n")
    rows = "".join(f"{a}{b},{i + 1}\n" for i, (a, b) in enumerate((a, b) for a in ("Li", "Na", "K") for b in "FI"))
    (tmp_path / "mine.csv").write_text("formula,kappa\n" + rows + "MgO,7\nCaO,8\nSrO,9\nBaO,10\n")
    script = f"""
import sys
sys.path.append({str(site)!r})
import kakehashi as kh
print(len(kh.load("mine.csv", value="kappa")), kh.__version__)
"""
    assert python(script, tmp_path).split()[0] == "10"


def test_a_checkout_without_links_works(source: Path, tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(source / room, tmp_path / room)
        (tmp_path / "kakehashi").mkdir(exist_ok=True)
        (tmp_path / "kakehashi" / room).write_text(f"../{room}")  # what is left of a link where there are none
    shutil.copy(source / "kakehashi/__init__.py", tmp_path / "kakehashi")
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import kakehashi.screen.heads, kakehashi.design.api.design, kakehashi.catalogs
assert kakehashi.screen.__file__.startswith({str(tmp_path)!r}), kakehashi.screen.__file__
"""
    python(script, tmp_path, "-P")
