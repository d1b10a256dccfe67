"""Folders of structures: files in folders, packed files, several structures in one, and what is left aside."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.candidates.catalog import REFUSED
from kakehashi.catalogs.candidates.structure_catalog import structures_sha256
from kakehashi.catalogs.crystals import structure_folders
from kakehashi.catalogs.crystals.structure_folders import UNREAD, holds_structures, list_folder, notes_of, read_folder
from kakehashi.catalogs.records import UserError


def salt(metal: str = "Na") -> Structure:
    return Structure(Lattice.cubic(5), [metal, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def rows_of(folder: Path) -> dict[str, tuple[str, str]]:
    return {
        row["id"]: (row["formula"], row[REFUSED])
        for batch in open_catalog(str(folder)).batches(100)
        for row in batch.to_pylist()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "one.cif": salt("Li").to(fmt="cif"), "two.vasp": salt().to(fmt="poscar"), "three.contcar": "x",
        "calc-1/POSCAR": salt("K").to(fmt="poscar"), "calc-1/INCAR": "ENCUT = 520", "calc-1/OUTCAR": "",
        "calc-2/POSCAR": salt("Rb").to(fmt="poscar"), "calc-2/CONTCAR": salt("Rb").to(fmt="poscar"),
        "deep/er/a.cif": salt("Cs").to(fmt="cif"), "notes.txt": "x", ".hidden.cif": "x", ".git/b.cif": "x",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / "all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "all/packed.cif.gz").write_bytes(gzip.compress(salt("Ag").to(fmt="cif").encode()))
    (tmp_path / "all/broken.cif.gz").write_bytes(gzip.compress(b"x" * 100)[:-9])
    (tmp_path / "all/empty.cif").write_text(" \n")
    (tmp_path / "all/loop").symlink_to(tmp_path / "all")
    return tmp_path / "all"


def test_every_structure_is_a_row_and_every_other_file_is_named(folder: Path) -> None:
    found = rows_of(folder)
    read = {name: formula for name, (formula, reason) in found.items() if not reason}
    assert read == {
        "one": "Li1 Cl1", "two": "Na1 Cl1", "packed": "Ag1 Cl1", "calc-1": "K1 Cl1", "calc-2/POSCAR": "Rb1 Cl1",
        "calc-2/CONTCAR": "Rb1 Cl1", "deep/er/a": "Cs1 Cl1",
    }  # fmt: skip
    reasons = {name: reason for name, (_, reason) in found.items() if reason}
    assert reasons.keys() == {"three", "broken", "empty"}
    assert reasons["three"].startswith("no structure: expected CIF")
    assert reasons["broken"].startswith("the file cannot be read: Compressed file ended")
    assert reasons["empty"] == "the file is empty"
    (note,) = open_catalog(str(folder)).unread
    assert note.startswith(f"{folder}: 6 files are not read as structures: ")
    assert sorted(list_folder(folder).others) == [".git/", ".hidden.cif", "INCAR", "OUTCAR", "loop/", "notes.txt"]


def test_several_structures_of_one_file_are_rows(tmp_path: Path) -> None:
    text = "data_global\n_journal_year 2001\n" + "".join(salt(metal).to(fmt="cif") for metal in ("Li", "Na", "Na"))
    (tmp_path / "many.cif").write_text(text + "data_empty\n_cell_length_a 4\n")
    found = rows_of(tmp_path)
    assert [(name, formula) for name, (formula, _) in found.items()] == [
        ("many", "Li1 Cl1"), ("many#2", "Na1 Cl1"), ("many#3", "Na1 Cl1"), ("many#4", "")
    ]  # fmt: skip
    assert found["many#4"][1] == "the CIF has no _atom_site_label"
    assert open_catalog(str(tmp_path)).unread == (
        f"{tmp_path}: 4 structures in 1 file; further ones are called id#2 ...",
    )


def test_files_that_share_an_id_are_named(tmp_path: Path) -> None:
    for name in ("a.cif", "a.vasp", "b.cif"):
        (tmp_path / name).write_text(salt().to(fmt="cif" if name.endswith("cif") else "poscar"))
    assert notes_of(tmp_path, 3) == (f"{tmp_path}: several files are called a: their rows share an id",)


def test_files_too_large_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure_folders, "LARGEST", 1 << 20)
    (tmp_path / "bomb.cif.gz").write_bytes(gzip.compress(b" " * (2 << 20)))
    (piece,) = read_folder(tmp_path)
    assert piece.to_pylist() == [
        {"id": "bomb", "structure": "", UNREAD: "the file has more than 1 MiB: no structure that is read has"}
    ]


def test_tables_stay_tables(tmp_path: Path) -> None:
    (tmp_path / "calc").mkdir()
    (tmp_path / "calc/POSCAR").write_text(salt().to(fmt="poscar"))
    assert holds_structures(tmp_path)
    (tmp_path / "part.parquet").write_bytes(b"")
    assert not holds_structures(tmp_path)
    (tmp_path / "a.cif").write_text("x")
    assert holds_structures(tmp_path)
    assert "part.parquet" in open_catalog(str(tmp_path)).unread[0]


def test_content_of_folders_below_counts(tmp_path: Path) -> None:
    (tmp_path / "calc").mkdir()
    path = tmp_path / "calc/POSCAR"
    (tmp_path / "b.cif").write_text(salt().to(fmt="cif"))
    hashes = []
    for metal in ("Na", "K"):
        path.write_text(salt(metal).to(fmt="poscar"))
        hashes.append(structures_sha256(tmp_path))
    path.rename(tmp_path / "calc/CONTCAR")
    assert len({*hashes, structures_sha256(tmp_path)}) == 3


def test_names_that_are_no_text_are_written_out(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.cif"))
    odd.write_text(salt().to(fmt="cif"))
    (tmp_path / "b.cif").write_text(salt("K").to(fmt="cif"))
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_text("x")
    assert list(rows_of(tmp_path)) == ["b", "caf\\xe9"]
    assert open_catalog(str(tmp_path)).unread[0].endswith(": 1 file is not read as structures: \\xff")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text("x")
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(UserError, match="closed: Permission denied: make the folder readable"):
        list_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "id"), [("two.vasp", "two"), ("one.cif", "one"), ("packed.cif.gz", "packed"), ("calc-1/POSCAR", "POSCAR")]
)
def test_a_file_is_a_folder_of_itself(name: str, id: str, folder: Path) -> None:
    path = folder / name
    assert holds_structures(path)
    catalog = open_catalog(str(path))
    (formula, reason) = rows_of(path)[id]
    assert (catalog.rows, catalog.unread, reason) == (1, (), "")
    assert formula.endswith(" Cl1")
    assert catalog.sha256 == structures_sha256(path)


def test_blocks_of_one_file_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "both.cif"
    path.write_text(salt("Li").to(fmt="cif") + salt("K").to(fmt="cif"))
    assert rows_of(path) == {"both": ("Li1 Cl1", ""), "both#2": ("K1 Cl1", "")}
    assert open_catalog(str(path)).unread == (f"{path}: 2 structures in 1 file; further ones are called id#2 ...",)


def test_a_table_is_no_structure_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "POSCAR_list.csv").write_text("formula\nNaCl\n")
    assert rows_of_table(tmp_path / "POSCAR_list.csv") == ["NaCl"]


def rows_of_table(path: Path) -> list[str]:
    return [formula for batch in open_catalog(str(path)).batches(9) for formula in batch["formula"].to_pylist()]
