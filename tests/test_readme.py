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


MARKED = re.compile(
    r"<!-- not run: .+? -->\n\n?(?:```\w*\n.*?^```$|(?:^    [^\n]*\n|^\n(?=    ))+)", re.DOTALL | re.MULTILINE
)


def without_marked(text: str) -> str:
    """Text without the blocks that say why they are not run."""
    return MARKED.sub("", text)


def run_in_order() -> list[list[str]]:
    """Commands of all pages that are not marked, each once, those of the README first."""
    found: dict[str, list[str]] = {}
    for page in (ROOT / "README.md", ROOT / "docs/start.md", *PAGES):
        found |= {shlex.join(words): words for words in commands(without_marked(text_of(page)))}
    return list(found.values())


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


def test_what_is_not_marked_can_be_run() -> None:
    """Inputs are those of the examples, and folders that an earlier command made."""
    made: set[str] = set()
    for words in run_in_order():
        out = words[words.index("--out") + 1] if "--out" in words else ""
        for word in words:
            assert "://" not in word, words
            assert not word.startswith("runs/") or word in {out, *made}, words
            if re.search(r"\.(csv|parquet|xlsx)(:|$)", word):
                assert (ROOT / word.partition(":")[0]).exists(), words
        made |= {out}
    assert len(run_in_order()) > 15


def test_a_marked_block_is_left_out() -> None:
    text = "<!-- not run: no key -->\n\n    kakehashi a\n    kakehashi b\n\nwords\n\n    kakehashi c\n"
    assert commands(without_marked(text)) == [["c"]]
    assert commands(without_marked("<!-- not run: x -->\n```sh\nkakehashi a\n```\nkakehashi b\n")) == [["b"]]


def test_python_has_every_public_name() -> None:
    import kakehashi as kh

    page = text_of(ROOT / "docs/python.md")
    assert [name for name in kh.__all__ if name != "main" and not re.search(rf"\bkh\.{name}\b", page)] == []


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
@pytest.mark.timeout(7200)
def test_the_commands_of_the_pages_run(place: Path) -> None:
    for words in run_in_order():
        if "--out" in words:  # a reader takes another name
            shutil.rmtree(place / words[words.index("--out") + 1], ignore_errors=True)
        done = run(["-m", "kakehashi", *words], place)
        assert done.returncode == 0, (words, done.stderr[-2000:])
    for name in ("report.html", "ranking.csv"):
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
