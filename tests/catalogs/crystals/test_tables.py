"""Structures in: every format gives the same crystal, polymorphs stay apart, what cannot be used says why."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.candidates.catalog import STRUCTURE
from kakehashi.catalogs.candidates.structure_catalog import with_structures
from kakehashi.catalogs.crystals.structures import structure_file
from kakehashi.catalogs.crystals.tables import load_crystals, parse_rows
from kakehashi.catalogs.formulas.slots import formula_text, reduced_keys
from kakehashi.catalogs.records import UserError

FACES = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def pair(a: float, first: str, second: str, place: float) -> Structure:
    return Structure(Lattice.cubic(a), [first] * 4 + [second] * 4, np.vstack([FACES, FACES + place]))


ROCKSALT = pair(5.64, "Na", "Cl", 0.5)
BLENDE = pair(5.42, "Zn", "S", 0.25)
SALT_ZNS = pair(5.0, "Zn", "S", 0.5)


def as_lists(structure: Structure) -> dict[str, Any]:
    return {
        "lattice": structure.lattice.matrix.ravel().tolist(),
        "species": [site.specie.symbol for site in structure],
        "frac_coords": structure.frac_coords.ravel().tolist(),
    }


def test_every_format_gives_the_same_crystal() -> None:
    texts = [BLENDE.to(fmt="json"), BLENDE.to(fmt="cif"), BLENDE.to(fmt="poscar")]
    found = parse_rows([as_lists(BLENDE), *({"structure": text} for text in texts)])
    assert found.reasons.tolist() == [""] * 4
    crystals = found.crystals
    assert crystals.sites.tolist() == [0, 8, 16, 24, 32]
    assert formula_text(crystals.compositions) == ["Zn4S4"] * 4
    for i in range(4):
        one = crystals.take(np.array([i]))
        np.testing.assert_allclose(one.lattices[0], BLENDE.lattice.matrix, atol=1e-5)
        own = list(zip(one.elements.tolist(), np.round(one.positions % 1, 4).tolist(), strict=True))
        numbers = [number - 1 for number in BLENDE.atomic_numbers]
        assert sorted(own) == sorted(zip(numbers, np.round(BLENDE.frac_coords % 1, 4).tolist(), strict=True))


def test_oxidation_states_are_read_as_elements() -> None:
    charged = ROCKSALT.copy()
    charged.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    found = parse_rows([{"structure": charged.to(fmt="json")}, {"structure": ROCKSALT.to(fmt="json")}])
    assert found.reasons.tolist() == ["", ""]
    np.testing.assert_array_equal(*found.crystals.elements.reshape(2, -1))


def test_what_cannot_be_used_says_why() -> None:
    alloy = Structure(Lattice.cubic(3), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    heavy = Structure(Lattice.cubic(4), ["D", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    flat = {**as_lists(BLENDE), "lattice": [1.0, 0, 0, 0, 1, 0, 0, 0, 1]}
    rows = [
        as_lists(BLENDE), {"structure": alloy.to(fmt="json")}, {**as_lists(heavy), "species": ["D", "O"]},
        {"structure": "no crystal"}, {"structure": None}, flat,
        {**as_lists(BLENDE), "species": ["Zn"]}, as_lists(ROCKSALT),
    ]  # fmt: skip
    found = parse_rows(rows, ["ZnS", "CuAu", "HO", "ZnS", "ZnS", "ZnS", "ZnS", "KCl"])
    words = [
        "",
        "partially occupied",
        "isotope D: isotopes are not supported, write H",
        "",
        "no structure",
        "cannot hold 8 atoms",
        "1 species",
        "not of KCl",
    ]
    assert found.reasons[0] == ""
    assert len(found.crystals.lattices) == 1
    for reason, word in list(zip(found.reasons, words, strict=True))[1:]:
        assert reason
        assert word in reason


def write_table(path: Path, structures: list[Structure], **columns: list[Any]) -> Path:
    rows = [as_lists(structure) for structure in structures]
    held = {name: pa.array([row[name] for row in rows]) for name in ("lattice", "species", "frac_coords")}
    pq.write_table(pa.table({**columns, **held}), path)
    return path


def test_polymorphs_are_rows_of_their_own(tmp_path: Path) -> None:
    several = [BLENDE, SALT_ZNS, ROCKSALT, BLENDE]
    path = write_table(
        tmp_path / "a.parquet", several, material_id=list("abcd"), formula=["ZnS", "ZnS", "NaCl", "ZnS"],
        gap=[3.5, 1.0, 5.0, None],
    )  # fmt: skip
    table = load_crystals(f"{path}:gap", minimum=2)
    assert table.keys == ("ZnS", "ZnS", "NaCl")
    assert table.ids == ("a", "b", "c")
    assert table.values.tolist() == [3.5, 1.0, 5.0]
    assert table.missing == 1
    assert table.inputs is table.crystals
    assert reduced_keys(table.compositions) == ["ZnS", "ZnS", "NaCl"]
    assert "1 formulas have several" in " ".join(table.notes)


def test_structures_come_by_id_from_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    folder.mkdir()
    BLENDE.to(filename=str(folder / "one.cif"))
    ROCKSALT.to(filename=str(folder / "POSCAR_two"), fmt="poscar")
    (folder / "notes.txt").write_text("not a structure")
    table = tmp_path / "values.csv"
    table.write_text("id,formula,gap\none,ZnS,3.5\nPOSCAR_two,NaCl,5\nthree,MgO,7\n")
    found = load_crystals(f"{table}:gap", structures=structure_file(folder), minimum=2)
    assert found.keys == ("ZnS", "NaCl")
    assert [(row.id, row.reason) for row in found.rejected] == [("three", "no structure")]
    with pytest.raises(UserError, match="give them by id with --structures"):
        load_crystals(f"{table}:gap")


def test_a_formula_in_two_folds_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", [BLENDE, SALT_ZNS], formula=["ZnS", "ZnS"], gap=[3.5, 1.0], fold=[0, 1])
    with pytest.raises(UserError, match="ZnS is in folds 0 and 1"):
        load_crystals(f"{path}:gap", folds="fold", minimum=2)


@pytest.mark.parametrize("name", ["mp.json", "mp.jsonl", "mp.json.gz"])
def test_documents_are_a_catalogue(tmp_path: Path, name: str) -> None:
    documents = [
        {"material_id": "mp-1", "structure": BLENDE.as_dict()},
        {"material_id": "mp-2", "structure": None},
        {"structure": ROCKSALT.as_dict()},
    ]
    text = json.dumps(documents) if "jsonl" not in name else "\n".join(json.dumps(d) for d in documents)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    catalog = with_structures(open_catalog(str(path)))
    (rows,) = catalog.batches(10)
    assert rows["id"].to_pylist() == ["mp-1", "mp-2", "3"]
    assert rows["formula"].to_pylist() == ["Zn4 S4", "", "Na4 Cl4"]
    parsed = parse_rows(rows[STRUCTURE].to_pylist(), rows["formula"].to_pylist())
    assert parsed.reasons.tolist() == ["", "no structure", ""]


def test_damaged_documents_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mp.json"
    for text, words in (("[{", "expected a JSON list"), ("[1]", "document 1 is no JSON object")):
        path.write_text(text)
        with pytest.raises(UserError, match=words):
            open_catalog(str(path))


def test_structures_stay_with_their_rows_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kakehashi.catalogs.reading.csv_files._BLOCK", 4096)
    path = tmp_path / "many.csv"
    kinds = [ROCKSALT, BLENDE]
    lines = [f'm{i},{"NaCl" if i % 2 == 0 else "ZnS"},"{kinds[i % 2].to(fmt="cif")}"' for i in range(30)]
    path.write_text("\n".join(["id,formula,cif", *(line.replace('""', '"') for line in lines)]) + "\n")
    catalog = with_structures(open_catalog(str(path)))
    tables = list(catalog.batches(7))
    assert [table.num_rows for table in tables] == [7, 7, 7, 7, 2]
    assert catalog.schema.names == ["id", "formula"]
    for table in tables:
        assert parse_rows(table[STRUCTURE].to_pylist(), table["formula"].to_pylist()).reasons.tolist() == [""] * len(
            table
        )


def test_by_id_where_the_catalogue_has_none(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("id,formula\na,ZnS\nb,NaCl\nc,MgO\n")
    cells = write_table(tmp_path / "cells.parquet", [ROCKSALT, BLENDE], id=["b", "a"])
    bare = open_catalog(str(tmp_path / "names.csv"))
    with pytest.raises(UserError, match="holds no structures"):
        with_structures(bare)
    catalog = with_structures(bare, structure_file(cells), "1")
    assert catalog.sha256 != with_structures(bare, structure_file(cells), "2").sha256
    (rows,) = catalog.batches(10)
    held = [row or {"structure": ""} for row in rows[STRUCTURE].to_pylist()]
    assert parse_rows(held, rows["formula"].to_pylist()).reasons.tolist() == ["", "", "no structure"]
