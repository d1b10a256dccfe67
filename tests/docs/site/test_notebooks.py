"""Notebooks are what their pages say, hold no outputs, and run in a real kernel."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs/site"))

from notebooks import BLOCK, SOURCES, as_text, notebook  # noqa: E402


def page(name: str) -> str:
    return (ROOT / "docs/notebooks" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_what_its_page_says(name: str) -> None:
    written = (ROOT / "examples" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert written == as_text(page(name)), "run: python docs/site/notebooks.py"
    assert "".join(json.loads(written)["cells"][0]["source"]).startswith("# ")


def test_text_and_code_alternate_and_nothing_is_lost() -> None:
    made = notebook("# Title\n\nwords\n\n```python\na = 1\nb = 2\n```\n\n```python\nc = 3\n```\nend\n")
    assert [cell["cell_type"] for cell in made["cells"]] == ["markdown", "code", "code", "markdown"]
    assert ["".join(cell["source"]) for cell in made["cells"]] == ["# Title\n\nwords", "a = 1\nb = 2", "c = 3", "end"]
    assert all(cell["outputs"] == [] for cell in made["cells"] if cell["cell_type"] == "code")
    assert len({cell["id"] for cell in made["cells"]}) == 4


@pytest.mark.parametrize("name", SOURCES)
def test_code_compiles(name: str) -> None:
    blocks = BLOCK.findall(page(name))
    assert len(blocks) >= 3
    for block in blocks:
        compile(block, name, "exec")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SOURCES)
def test_it_runs_in_a_kernel(name: str, tmp_path: Path) -> None:
    """Needs nbclient and ipykernel, which are no dependencies: pip install nbclient ipykernel."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: the notebooks were not run")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: the notebooks were not run")
    import nbformat

    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    read = nbformat.read(tmp_path / "examples" / f"{name}.ipynb", as_version=4)
    client = nbclient.NotebookClient(read, timeout=1000, resources={"metadata": {"path": tmp_path / "examples"}})
    client.execute()
    outputs = [output for cell in read.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs
    assert [output for output in outputs if output.output_type == "error"] == []
