"""README and pages: what they name exists, what they write can be typed, and the README fits a page."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples/README.md", *sorted(ROOT.glob("docs/**/*.md"))]
PYTHON = re.compile(r"(<!-- not run: .+? -->\n)?^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """Command lines of `kakehashi` in indented and fenced blocks, without comments."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = re.findall(r"^(?:    |exec )?(kakehashi .*)$", joined, re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in lines]


def parse(words: list[str]) -> None:
    """Refuse an unknown command or flag, as the command line does before it computes."""
    from kakehashi import app

    if words[0] not in ("--help",):
        app().parse_args(words, print_error=False, exit_on_error=False)


def test_it_fits_a_page() -> None:
    assert len((ROOT / "README.md").read_bytes()) < 8_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(text_of(page)) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_can_be_typed(page: Path) -> None:
    for words in commands(text_of(page)):
        parse(words)
        named = [word.partition(":")[0] for word in words if word.startswith("examples/")]
        assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_wrong_flag_is_seen() -> None:
    (words,) = commands("    kakehashi screen --target a.csv:b --catalogue \\\n        mp_formulas   # a comment\n")
    assert words[-2:] == ["--catalogue", "mp_formulas"]
    with pytest.raises(Exception, match="catalogue"):
        parse(words)


def test_there_are_commands_and_blocks_enough() -> None:
    assert sum(len(commands(text_of(page))) for page in PAGES) > 30
    assert sum(len(PYTHON.findall(text_of(page))) for page in PAGES) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_name_what_exists(page: Path) -> None:
    import kakehashi as kh

    for _, block in PYTHON.findall(text_of(page)):
        compile(block, str(page), "exec")
        for name in re.findall(r"\bkh\.(\w+)", block):
            assert hasattr(kh, name), f"{page}: kh.{name}"
    for name in re.findall(r"`kh\.(\w+)", text_of(page)):
        assert hasattr(kh, name), f"{page}: kh.{name}"


def test_the_picture_is_small() -> None:
    picture = ROOT / "docs/images/report.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 150_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the examples, where a reader would stand."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


def run(words: list[str], place: Path) -> Any:
    return subprocess.run([sys.executable, *words], cwd=place, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_commands_of_the_readme_run(place: Path) -> None:
    for words in commands(text_of(ROOT / "README.md")):
        done = run(["-m", "kakehashi", *words], place)
        assert done.returncode == 0, (words, done.stderr[-2000:])
    for name in ("report.html", "ranking.csv", "next.csv"):
        assert (place / "runs/kappa" / name).exists()
    assert (place / "runs/tc/proposals.csv").exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/models.md"])
def test_python_blocks_run(page: str, place: Path) -> None:
    for skipped, block in PYTHON.findall(text_of(ROOT / page)):
        if not skipped:
            done = run(["-W", "error", "-c", block], place)
            assert done.returncode == 0, done.stderr[-2000:]
