"""The assembled pages are complete, carry the cards' numbers, and build strictly."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs/site"))

from pages import CONTENTS, assemble, cards, learned_properties  # noqa: E402

SPHINX = ROOT / "build/docs/venv/bin/python"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "source"
    assemble(folder)
    return folder


def test_every_page_is_in_the_contents(source: Path) -> None:
    listed = {(source / "docs" / f"{name}.md").resolve() for names in CONTENTS.values() for name in names}
    assert {path.resolve() for path in source.rglob("*.md")} - listed == {(source / "README.md").resolve()}
    assert [path for path in listed if not path.exists()] == []


def test_numbers_are_those_of_the_cards(source: Path) -> None:
    page = (source / "docs/foundation.md").read_text(encoding="utf-8")
    assert cards()
    for card in cards():
        assert f"{card['formulas']:,} formulas" in page
        for task in card["tasks"]:
            assert f"| {task['rows']:,} | {task['metrics']['mae']:.3g} | {task['metrics']['r2']:.2f} |" in page
        assert all(source in page for source in card["training_set"])
    assert learned_properties() in page


def test_it_builds_strictly_and_loads_nothing_from_elsewhere(source: Path, tmp_path: Path) -> None:
    if not SPHINX.exists():
        pytest.skip("build/docs/venv is not there: make docs builds it")
    words = [SPHINX, "-m", "sphinx", "-n", "-W", "-q", "-E", "-b", "html", source, tmp_path / "html"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "html").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text, page
        assert 'rel="stylesheet" href="http' not in text, page


@pytest.mark.fault
def test_a_broken_link_is_an_error(source: Path, tmp_path: Path) -> None:
    if not SPHINX.exists():
        pytest.skip("build/docs/venv is not there: make docs builds it")
    page = source / "docs/limits.md"
    whole = page.read_text(encoding="utf-8")
    page.write_text(whole + "\n[nowhere](nowhere.md)\n", encoding="utf-8")
    words = [SPHINX, "-m", "sphinx", "-n", "-W", "-q", "-E", "-b", "html", source, tmp_path / "html"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    page.write_text(whole, encoding="utf-8")
    assert done.returncode != 0
    assert "nowhere" in done.stderr
