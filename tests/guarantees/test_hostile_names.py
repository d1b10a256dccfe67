"""Folders, files and columns named like markup or like a spreadsheet's formula are names, in the report and in CSV."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from conftest import Tiny

Run = Callable[..., tuple[int, str, str]]
NAMES = (
    "<img src=x onerror=alert(1)>",
    "'\"><svg onload=alert(2)>",
    "=HYPERLINK(1)",
    "{{7*7}} \u202e\u03ba \u67b6\u3051\u6a4b",
)


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.fault
@pytest.mark.parametrize("name", NAMES)
def test_a_run_among_hostile_names(tiny: Tiny, screen: Run, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    target = Path(shutil.copy(tiny.folder / "target.csv", folder / f"{name}.csv"))
    table = pa.table({"id": [name, "b"], "formula": ["MgO", "ZnS"], name: [name, "=1+1"]})
    pq.write_table(table, folder / f"{name}.parquet")
    words = ["--target", f"{target}:kappa", "--catalog", folder / f"{name}.parquet", "--out", folder / "run"]
    code, out, err = screen(*words)
    assert code == 0, err
    assert "\u202e" not in out + err
    page = Tags((folder / "run/report.html").read_text(encoding="utf-8"))
    assert page.tags["script"] == 2
    assert not page.tags["img"]
    assert page.handlers == []
    with (folder / "run/ranking.csv").open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if re.match(r"[=+@\t\r\n]", cell)]
    assert {name, "'" + name} & set(cells)
    found = pq.read_table(folder / "run/ranking.parquet").sort_by("formula")
    assert found.select(["id", "formula", name]).equals(table)  # as given where nothing runs it
