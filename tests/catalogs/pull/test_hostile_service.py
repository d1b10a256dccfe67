"""Structures of a service that name a module, or hold no number where one is due: nothing is imported, all is said."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from services import KEY, MaterialsProject, serving, summary

import kakehashi as kh
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.pull import materials_project
from kakehashi.catalogs.pull.materials_project import sites_of
from kakehashi.catalogs.pull.web import Fault

BOOM = {"@module": "hostile_module_of_a_service", "@class": "Boom", "@version": None}
PLANTED = "from pathlib import Path\nPath(__file__).parents[1] / 'mark'.write_text('imported')\nraise SystemExit(2)\n"


def pull(records: list[dict[str, Any]], folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Pull records with structures from a server of this machine; the exit code."""
    (folder / "hostile_module_of_a_service.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("KAKEHASHI_HOME", str(folder / "home"))
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setattr(materials_project, "STRUCTURE_ROWS", 10)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with serving(MaterialsProject(records)) as server:
        monkeypatch.setenv("MP_API_ENDPOINT", server.url)
        code = kh.main(["catalogs", "pull", "mp", "--structures"])
    assert not (folder / "mark").exists()
    return code


@pytest.mark.fault
def test_what_a_record_names_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = summary(12)
    records[3]["structure"] |= BOOM
    records[4]["structure"]["sites"][0] |= {"properties": {"magmom": BOOM}, "label": BOOM}
    records[5] |= BOOM
    assert pull(records, tmp_path, monkeypatch) == 0
    catalog = open_catalog("mp")
    assert catalog.structures is not None
    rows = [row for piece in catalog.structures() for row in piece.to_pylist()]
    assert len(rows) == 12
    assert all(row["lattice"] for row in rows)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("site", "words"),
    [
        ({"species": [{"element": BOOM, "occu": 1}]}, "site 1: expected the symbol of an element, got a mapping of 3"),
        ({"species": [{"element": "\ud800", "occu": 1}]}, r"site 1: expected the symbol of an element, got '\\ud800'"),
        ({"abc": [0, 0, 10**400]}, "site 1: abc: expected a number, got a whole number of more than 20 digits"),
        ({"abc": [0, 0]}, "site 1: abc: expected 3 numbers, got a list of 2"),
    ],
)
def test_a_structure_that_is_none_names_its_record(site: dict[str, Any], words: str) -> None:
    structure = summary(1)[0]["structure"]
    structure["sites"][0] |= site
    with pytest.raises(Fault, match=f"the structure of mp-4 cannot be read: {words}"):
        sites_of(structure, "mp-4")
