"""A run on a folder of structures says at its end what was read, what was refused and why, and what was left aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    (folder / "calc").mkdir(parents=True)
    salts = {m: Structure(Lattice.cubic(5), [m, "O"], [[0, 0, 0], [0.5] * 3]) for m in ("Mg", "Ca", "Sr")}
    (folder / "two.cif").write_text(salts["Mg"].to(fmt="cif") + salts["Ca"].to(fmt="cif"))
    (folder / "calc/POSCAR").write_text(salts["Sr"].to(fmt="poscar"))
    (folder / "lost.cif").write_text(salts["Mg"].to(fmt="cif").replace("'Mg1 O1'", "'H2 Mg1 O2'"))
    (folder / "notes.txt").write_text("x")
    return folder


NOTES = ("4 structures in 3 files; further ones are called id#2 ...", "1 file is not read as structures: notes.txt")


def test_a_folder_as_catalogue(folder: Path, screen: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, said, _ = screen("--catalog", folder, "--out", out, "--max-quarantine", 0.5)
    assert code == 0
    assert "3 scored, 1 quarantined" in said
    for note in NOTES:
        assert f"note: {folder}: {note}\n" in said
    ranking = pq.read_table(out / "ranking.parquet")
    assert "refusal of the row" not in ranking.column_names
    assert {row["id"]: row["formula"] for row in ranking.to_pylist()} == {
        "two": "Mg1 O1", "two#2": "Ca1 O1", "calc": "Sr1 O1"
    }  # fmt: skip
    (aside,) = pq.read_table(out / "quarantine.parquet").to_pylist()
    assert (aside["id"], aside["formula"]) == ("lost", "")
    assert aside["reason"].startswith("its sites are Mg1 O1, but its _chemical_formula_sum is 'H2 Mg1 O2'")
    plan = json.loads(screen("--catalog", folder, "--out", tmp_path / "other", "--dry-run", "--json")[1])
    assert plan["notes"] == [f"{folder}: {note}" for note in NOTES]


def test_a_folder_of_structures_by_id(folder: Path, screen: Run, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("id,formula\ntwo#2,CaO\nlost,MgO\ncalc,SrO\nnone,BaO\n")
    words = ["--catalog", tmp_path / "names.csv", "--structures", folder, "--export", "cif", "--out", tmp_path / "run"]
    code, said, _ = screen(*words)
    assert code == 0
    assert "2 CIF files in" in said
    assert "1 without a structure (none); 1 with one that is of no use (lost: its sites are Mg1 O1, but" in said
    for note in NOTES:
        assert f"note: {folder}: {note}\n" in said
