"""Structures of the best candidates as CIF: read back, the ranked formula; what has none is counted."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.runs.rundir import Results

if TYPE_CHECKING:
    from conftest import Tiny

Run = Callable[..., tuple[int, str, str]]
SALT = {"lattice": [0.0, 2.8, 2.8, 2.8, 0.0, 2.8, 2.8, 2.8, 0.0], "frac_coords": [0.0, 0.0, 0.0, 0.5, 0.5, 0.5]}


def write(path: Path, rows: list[tuple[str, str, list[str] | None]], **own: list[object]) -> Path:
    """A catalogue of rock salts; None for a row without a structure."""
    columns = {
        "material_id": [row[0] for row in rows],
        "formula": [row[1] for row in rows],
        "lattice": [SALT["lattice"] if row[2] else None for row in rows],
        "species": pa.array([row[2] for row in rows], pa.list_(pa.string())),
        "frac_coords": [SALT["frac_coords"] if row[2] else None for row in rows],
    }
    pq.write_table(pa.table({**columns, **own}), path)
    return path


ROWS = [("a/../b", "MgO", ["Mg", "O"]), ("two", "CaO", ["O", "Ca"]), ("none", "SrO", None),
        ("wrong", "BaO", ["Ba", "S"]), ("odd", "ZnO", ["Zn", "O", "O"]), ("two", "MgS", ["Mg", "S"])]  # fmt: skip


def formula_of(path: Path) -> str:
    from pymatgen.core.structure import Structure

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Issues encountered while parsing CIF: .* rounded to ideal values")
        return str(Structure.from_file(path).composition.reduced_formula)


def test_what_is_written_is_the_ranked_formula(screen: Run, tmp_path: Path) -> None:
    catalog, out = write(tmp_path / "salts.parquet", ROWS, hull=[0.0] * 6), tmp_path / "run"
    code, said, _ = screen("--catalog", catalog, "--out", out, "--export", "cif")
    assert code == 0
    ranking = pq.read_table(out / "ranking.parquet")
    assert not {"lattice", "species", "frac_coords"} & set(ranking.column_names)
    assert "hull" in ranking.column_names
    ranks = {(row["id"], row["formula"]): row["rank"] for row in ranking.to_pylist()}
    expected = {
        f"cif/{ranks['a/../b', 'MgO']}_a-..-b.cif": "MgO",
        f"cif/{ranks['two', 'CaO']}_two.cif": "CaO",
        f"cif/{ranks['two', 'MgS']}_two.cif": "MgS",
    }
    assert {name: formula_of(out / name) for name in Results(out).names("cif/")} == expected
    record = json.loads((out / "run.json").read_text())["export"]
    assert (record["written"], record["missing"]) == (3, ["none"])
    assert sorted(text.split(":")[0] for text in record["refused"]) == ["odd", "wrong"]
    assert "not of BaO" in " ".join(record["refused"])
    assert "3 CIF files in" in said
    assert "1 without a structure (none); 2 with one that is of no use" in said


def test_a_finished_run_exports_without_scoring_again(
    screen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, out = write(tmp_path / "salts.parquet", ROWS[:2]), tmp_path / "run"
    assert screen("--catalog", catalog, "--out", out)[0] == 0
    before = (out / "ranking.parquet").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("kakehashi.screen.scoring.partitions.predict_compositions", lambda *_: pytest.fail("scored"))
        assert screen("--catalog", catalog, "--out", out, "--resume", "--export", "cif", "--export-top", 1)[0] == 0
    assert len(Results(out).names("cif/")) == 1
    assert (out / "ranking.parquet").read_bytes() == before
    again = screen("--catalog", catalog, "--out", out, "--resume", "--export", "cif", "--export-top", 1)[1]
    assert again.startswith("nothing to do")
    assert screen("--catalog", catalog, "--out", out, "--resume")[1].startswith("nothing to do")


def test_structures_may_come_from_another_file_and_as_text(tiny: Tiny, screen: Run, tmp_path: Path) -> None:
    from pymatgen.core.structure import Structure

    salt = Structure([SALT["lattice"][i : i + 3] for i in (0, 3, 6)], ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    texts = {"cif": salt.to(fmt="cif"), "structure": salt.to(fmt="json")}
    (tmp_path / "catalog.csv").write_text("id,formula\nx,F2Li2\ny,NaCl\n")
    for column, text in texts.items():
        pq.write_table(pa.table({"mbid": ["q", "x"], column: [None, text]}), tmp_path / f"{column}.parquet")
        words = [
            "--catalog",
            tmp_path / "catalog.csv",
            "--export",
            "cif",
            "--structures",
            tmp_path / f"{column}.parquet",
        ]
        out = tmp_path / f"run-{column}"
        assert screen(*words, "--out", out)[0] == 0
        (name,) = Results(out).names("cif/")
        assert name.endswith("_x.cif")
        assert formula_of(out / name) == "LiF"


def test_a_text_column_called_structure_may_be_something_else(tmp_path: Path) -> None:
    pq.write_table(pa.table({"formula": ["MgO", "ZnS"], "structure": ["rock salt", "blende"]}), tmp_path / "c.parquet")
    catalog = open_catalog(str(tmp_path / "c.parquet"))
    assert catalog.structures is None
    assert catalog.schema.names == ["id", "formula", "structure"]


def test_rows_without_ids_are_found_by_number(tmp_path: Path) -> None:
    pq.write_table(
        pq.read_table(write(tmp_path / "c.parquet", ROWS)).drop_columns("material_id"), tmp_path / "c.parquet"
    )
    catalog = open_catalog(str(tmp_path / "c.parquet"))
    assert catalog.structures is not None
    assert pa.concat_tables(catalog.structures())["id"].to_pylist() == ["1", "2", "3", "4", "5", "6"]
    assert "lattice, species, frac_coords" in catalog.notes[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--export", "poscar"], "expected cif, got 'poscar'"),
        (["--export", "cif"], "holds no structures"),
        (["--structures", "CATALOG"], "expected lattice + species + frac_coords"),
        (["--structures", "SALTS"], "only with --export cif"),
        (["--structures", "SALTS", "--export", "cif", "--export-top", 0], "--export-top: expected at least 1"),
    ],
)
def test_what_cannot_be_exported_is_refused_first(
    tiny: Tiny, screen: Run, tmp_path: Path, words: list[object], said: str
) -> None:
    files = {"CATALOG": tiny.folder / "catalog.csv", "SALTS": write(tmp_path / "salts.parquet", ROWS)}
    code, _, err = screen("--out", tmp_path / "run", *(files.get(str(word), word) for word in words))
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
    assert not (tmp_path / "run" / "scores").exists()


def test_real_structures_read_back_as_ranked(screen: Run, shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "inorganic/petousis_dielectric1056_struct.parquet"
    out = tmp_path / "run"
    assert screen("--catalog", file, "--limit", 60, "--export", "cif", "--export-top", 12, "--out", out)[0] == 0
    ranked = {row["rank"]: row for row in pq.read_table(out / "ranking.parquet").slice(0, 12).to_pylist()}
    names = Results(out).names("cif/")
    assert len(names) == 12
    for name in names:
        from pymatgen.core.composition import Composition

        row = ranked[int(name.removeprefix("cif/").split("_")[0])]
        assert name.endswith(f"_{row['id']}.cif")
        assert formula_of(out / name) == Composition(row["formula"]).reduced_formula
