"""Assemble the pages that `make docs` builds: python docs/site/pages.py FOLDER.

The folder mirrors the repository, so that links between Markdown files hold in both places. Reference pages are made
from docstrings, commands and the cards of networks; they are in the built documentation alone.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from notebooks import SOURCES as NOTEBOOKS
from reference import commands_page, python_page

from kakehashi.catalogs.shown import say
from kakehashi.screen.report.glossary import TERMS

ROOT = Path(__file__).parents[2]
COPIED = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", "pyproject.toml", "environment.yml",
    "Containerfile", "docs/*.md", "docs/*.svg", "docs/images/*", "docs/notebooks/*", "benchmarks/*.md",
    "benchmarks/*.py", "examples/*", "catalogs/tables/README.md", "screen/heads/families.py",
    "screen/descriptors/backbone.py", "design/proposals/reactions/reactions.py", "design/chemistry/*.py",
)  # fmt: skip
CONTENTS = {
    "Begin": ("start", "install", "questions", "glossary"),
    "Notebooks": tuple(f"notebooks/{name}" for name in NOTEBOOKS),
    "How to": (
        "screening",
        "polymers",
        "ranking",
        "catalogues",
        "python",
        "cluster",
        "models",
        "assistant",
        "../examples/README",
    ),
    "Concepts": ("transfer", "foundation", "intervals", "architecture"),
    "Reference": ("reference/commands", "reference/python", "guarantees", "limits", "../catalogs/tables/README"),
    "Project": ("../benchmarks/README", "../CHANGELOG", "../CONTRIBUTING"),
}  # fmt: skip


def assemble(target: Path) -> None:
    """Write all pages into a folder, replacing it."""
    shutil.rmtree(target, ignore_errors=True)
    for pattern in COPIED:
        found = [path for path in ROOT.glob(pattern) if path.is_file()]
        if not found:
            raise SystemExit(f"expected files at {pattern}, found none: mend COPIED in {__file__}")
        for path in found:
            place = target / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    shutil.copyfile(ROOT / "docs/site/conf.py", target / "conf.py")
    reference = target / "docs/reference"
    reference.mkdir()
    (reference / "commands.md").write_text(commands_page(), encoding="utf-8")
    (reference / "python.md").write_text(python_page(), encoding="utf-8")
    append(target / "README.md", contents())
    append(target / "docs/glossary.md", words())
    append(target / "docs/foundation.md", learned_properties())


def append(page: Path, text: str) -> None:
    """Add to the end of a page."""
    page.write_text(f"{page.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")


def contents() -> str:
    """Table of contents of all pages, for Sphinx."""
    parts = []
    for title, names in CONTENTS.items():
        pages = "\n".join(name.removeprefix("../") if name.startswith("../") else f"docs/{name}" for name in names)
        parts.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```")
    return "\n\n".join(parts)


def words() -> str:
    """The words of a report, as a list."""
    return "\n".join(["## Words of the report", "", *(f"- **{term}**: {meaning}" for term, meaning in TERMS)])


def cards() -> list[dict[str, Any]]:
    """Cards of the foundation networks of the package."""
    found = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob("catalogs/networks/*/card.json"))
    ]
    return [card for card in found if card["kind"] == "foundation"]


def learned_properties() -> str:
    """What the networks of the package learned, from their cards."""
    parts = []
    for card in cards():
        parts += [
            f"## The networks `{card['name']}`",
            "",
            f"{card['networks']} networks of {len(card['tasks'])} properties, {card['formulas']:,} formulas,"
            f" {card['parameters']:,} parameters each. Errors are those of every formula by the networks that never saw"
            " it, on the scale that was fitted.",
            "",
            "| property | column | unit | fitted as | formulas | MAE | R² |",
            "|---|---|---|---|---|---|---|",
        ]
        for task in card["tasks"]:
            column = task["name"].replace("|", "\\|")
            parts.append(
                f"| {task['property']} | `{column}` | {task['unit'] or '-'} | {task['transform']} | {task['rows']:,}"
                f" | {task['metrics']['mae']:.3g} | {task['metrics']['r2']:.2f} |"
            )
        data = card["license"]["data"]
        listed = [*(f"- {source}" for source in card["training_set"]), "", "Licences of the data:", ""]
        licences = [f"- {licence}" for licence in ([data] if isinstance(data, str) else data)]
        parts += ["", "Learned from:", "", *listed, *licences, ""]
    return "\n".join(parts)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
    say(f"pages: {sys.argv[1]}")
