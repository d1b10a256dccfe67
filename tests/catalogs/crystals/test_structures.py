"""Rows that hold a structure are read whatever it is written as; one that takes its reader down costs itself alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.crystals import structures
from kakehashi.catalogs.crystals.sites import formula_of
from kakehashi.catalogs.crystals.structures import StructureReader
from kakehashi.catalogs.files import guarded
from kakehashi.catalogs.records import UserError

SALT = Structure(Lattice.cubic(5), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def read(rows: list[dict[str, Any]]) -> list[str]:
    with StructureReader() as reader:
        return [reason or formula_of(sites) for sites, reason in reader.read(rows) if sites or reason]


@pytest.mark.fault
def test_a_text_that_takes_its_worker_down_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = str(Path(__file__).parents[1] / "poison_structures.py")
    monkeypatch.setattr(guarded, "COMMAND", (sys.executable, worker))
    monkeypatch.setattr(guarded, "SECONDS", 1.0)
    good = {"structure": SALT.to(fmt="cif")}
    texts = ["HANG", "CRASH", "EAT", "EXIT", "TALK"]
    found = read([good, *({"structure": text} for text in texts), good])
    assert found == [
        "Na1 Cl1",
        "parsing took longer than 1 s",
        "crashed the parser",
        "reading it takes more memory than a structure is given",
        "SystemExit: 2",
        "no structure: expected CIF with a data_ block of cell and atoms",
        "Na1 Cl1",
    ]


@pytest.mark.fault
def test_operations_times_sites_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "SECONDS", 1.0)
    lines = SALT.to(fmt="cif").splitlines()
    at = lines.index(next(line for line in lines if "x, y, z" in line))
    lines[at : at + 1] = [f"  {i}  'x+{i / 4000}, y, z'" for i in range(1, 3001)]
    sites = [f"  Na  Na{i}  1  0.{i:04}  0.{(i * 7) % 9973:04}  0.5  1" for i in range(1, 3001)]
    start = time.monotonic()
    assert read([{"cif": "\n".join([*lines, *sites])}]) == ["parsing took longer than 1 s"]
    assert time.monotonic() - start < 60


def test_a_reader_that_exits_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structures, "of_json", lambda text: sys.exit(2))
    assert read([{"structure": "{}"}, {"structure": " "}]) == ["SystemExit: 2", "no structure"]


def test_too_many_sites_are_refused() -> None:
    from kakehashi.catalogs.crystals import structure_text

    text = (SALT * (2, 2, 2)).to(fmt="poscar")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(structure_text, "MOST_SITES", 15)
        assert structure_text.attempt(text) == "a structure of 16 sites: at most 15 are read"
    assert not isinstance(structure_text.attempt(text), str)


def test_a_cell_of_several_structures_is_refused() -> None:
    (reason,) = read([{"cif": 2 * SALT.to(fmt="cif")}])
    assert reason == "a CIF of 2 structures where one was expected: give each a row of its own"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"material_id": "\\ud800", "structure": {}}]', r"document 1: its id '\\ud800' is not valid Unicode"),
        ("[" * 100_000, "expected a JSON list of documents"),
    ],
)
def test_documents_that_cannot_be_text_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mp.json").write_text(text)
    with pytest.raises(UserError, match=words) as raised:
        open_catalog(str(tmp_path / "mp.json"))
    assert raised.value.code == 6
