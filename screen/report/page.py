"""Assemble a page from a template, with everything inline and nothing else allowed to run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kakehashi.catalogs.numbers import MISSING, number
from kakehashi.screen.report.data import mappings, texts
from kakehashi.screen.report.ranking import link_id
from kakehashi.screen.report.text import duration, figure, formula, moment, words

TEMPLATES = Path(__file__).parent / "templates"


def assemble(template: str, content: Mapping[str, Any], more: Sequence[Path] = ()) -> str:
    """HTML of a template with style sheet and script.

    more : folders whose templates come before those here; a file report.css there is added to the style sheet
    """
    sheets = [folder / "report.css" for folder in (TEMPLATES, *more)]
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets if sheet.exists())
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    page = (
        _environment((*more, TEMPLATES))
        .get_template(template)
        .render(
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            **content,
        )
    )
    # JSON may carry a lone surrogate, which UTF-8 cannot encode
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment(folders: tuple[Path, ...]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: MISSING if value is None else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number, "words": words, "moment": moment, "duration": duration, "formula": formula,
        "figure": figure,
        "link_id": link_id,
        "texts": texts,
        "records": mappings,
    }  # fmt: skip
    return environment


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
