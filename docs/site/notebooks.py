"""Write the notebooks in examples/ from the pages in docs/notebooks: python docs/site/notebooks.py [FOLDER].

A page is the source: its Python blocks become code cells without outputs, the text between them Markdown cells.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCES = ("first_screening", "polymers_from_values", "own_catalogue")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def notebook(page: str) -> dict[str, Any]:
    """Notebook (format 4.5) of a page of Markdown."""
    pieces = BLOCK.split(page)
    texts = [(text.strip(), "code" if i % 2 else "markdown") for i, text in enumerate(pieces)]
    return {
        "cells": [cell(text, kind, number) for number, (text, kind) in enumerate(texts) if text],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cell(text: str, kind: str, number: int) -> dict[str, Any]:
    """Cell with an id that its place and text decide."""
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": hashlib.sha256(f"{number} {text}".encode()).hexdigest()[:8],
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def as_text(page: str) -> str:
    """Notebook of a page as the text of its file."""
    return json.dumps(notebook(page), indent=1, ensure_ascii=False) + "\n"


def write_notebooks(folder: Path) -> None:
    """Write all notebooks into a folder."""
    for name in SOURCES:
        page = (ROOT / "docs/notebooks" / f"{name}.md").read_text(encoding="utf-8")
        (folder / f"{name}.ipynb").write_text(as_text(page), encoding="utf-8")


if __name__ == "__main__":
    write_notebooks(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples")
