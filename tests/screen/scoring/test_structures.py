"""From files of structures to a ranking of them: transfer that sees them, polymorphs apart, every row accounted for."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.networks.crystal.network import Shape
from kakehashi.screen.networks.crystal.train import Schedule
from kakehashi.screen.progress import Progress
from kakehashi.screen.scoring.columns import SCORES
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.screening.config import ScreenConfig, resolve
from kakehashi.screen.screening.inputs import ScreenInputs, read_inputs
from kakehashi.screen.screening.run import build_model, finish_run
from kakehashi.screen.transfer.fit import Model

METALS = ["Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Mn", "Fe", "Co", "Ni", "Cu"]
ANIONS = ["O", "S", "Se", "Te"]
KINDS = {"blende": (0.25, 1.1), "salt": (0.5, 1.0)}
FACE_CENTRED = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def cell(metal: str, anion: str, kind: str) -> Structure:
    place, stretch = KINDS[kind]
    a = stretch * (4.4 + 0.05 * METALS.index(metal) + 0.3 * ANIONS.index(anion))
    return Structure(a * FACE_CENTRED, [metal, anion], [[0, 0, 0], [place] * 3])


def columns(structures: list[Structure | None]) -> dict[str, pa.Array]:
    return {
        "lattice": pa.array([s and s.lattice.matrix.ravel().tolist() for s in structures], pa.list_(pa.float64())),
        "species": pa.array([s and [site.specie.symbol for site in s] for s in structures], pa.list_(pa.string())),
        "frac_coords": pa.array([s and s.frac_coords.ravel().tolist() for s in structures], pa.list_(pa.float64())),
    }


class World(NamedTuple):
    """A model fitted on structures, its configuration and inputs, and a finished run."""

    folder: Path
    config: ScreenConfig
    inputs: ScreenInputs
    model: Model
    out: Path


def values(metal: str, anion: str, kind: str) -> float:
    return 0.05 * METALS.index(metal) - 0.2 * ANIONS.index(anion) + (2.0 if kind == "salt" else 0.0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("structures")
    every = [(m, x, k) for m in METALS for x in ANIONS for k in KINDS]
    target = [row for row in every if (METALS.index(row[0]) + ANIONS.index(row[1])) % 3 == 0]

    def write(name: str, rows: list[tuple[str, str, str]], column: str, scale: float) -> Path:
        path = folder / name
        cells = [cell(*row) for row in rows]
        own = {"id": [" ".join(row) for row in rows], "formula": [row[0] + row[1] for row in rows]}
        pq.write_table(pa.table({**own, column: [scale * values(*row) for row in rows], **columns(cells)}), path)
        return path

    source, small = write("source.parquet", every, "energy", 1.0), write("target.parquet", target, "affinity", 3.0)
    salt = cell("Mg", "S", "salt")
    catalog = [
        ("salt", "MgS", salt), ("blende", "MgS", cell("Mg", "S", "blende")), ("large", "Mg8S8", salt * (2, 2, 2)),
        ("other", "CaTe", cell("Ca", "Te", "salt")), ("wrong", "CaO", salt), ("none", "MgS", None),
        ("lonely", "Ar", Structure(Lattice.cubic(30), ["Ar"], [[0, 0, 0]])),
    ]  # fmt: skip
    rows = {"material_id": [row[0] for row in catalog], "formula": [row[1] for row in catalog], "hull": [0.1] * 7}
    pq.write_table(pa.table({**rows, **columns([row[2] for row in catalog])}), folder / "catalog.parquet")
    out = folder / "run"
    flags: dict[str, Any] = {
        "architecture": "cgcnn", "target": f"{small}:affinity", "source": [f"{source}:energy"], "networks": 1,
        "outer_folds": 3, "heads": ["ridge"], "catalog": str(folder / "catalog.parquet"), "out": str(out),
        "max_quarantine": 0.5,
    }  # fmt: skip
    config = resolve(flags, None)
    with pytest.MonkeyPatch.context() as patched:
        from kakehashi.screen.networks.crystal import source as graph_source

        schedule = Schedule(max_epochs=30, crystals=16, learning_rate=1e-2)
        quick = functools.partial(graph_source.crystal_library, shape=Shape(8, 2, 6), schedule=schedule)
        patched.setattr(graph_source, "crystal_library", quick)
        inputs = read_inputs(config)
        model = build_model(config, inputs, Progress("quiet"))
    with RunDir(out) as rundir:
        finish_run(config, inputs, model, rundir, Progress("quiet"), "kakehashi screen")
    return World(folder, config, inputs, model, out)


def test_the_target_is_never_seen_before(world: World) -> None:
    assert len(world.inputs.target) == 32
    assert len(set(world.inputs.target.keys)) == 16
    (source,) = world.model.library.sources
    assert not source.keys & set(world.inputs.target.keys)
    assert (source.tasks[0].excluded, source.tasks[0].used) == (32, 64)
    # Structures of one formula are held out together.
    folds = dict(zip(world.model.target.keys, world.model.out_of_fold.folds.tolist(), strict=True))
    assert [folds[key] for key in world.model.target.keys] == world.model.out_of_fold.folds.tolist()


def test_structures_are_worth_having_where_they_decide(world: World) -> None:
    board = {entry.name: entry for entry in world.model.leaderboard}
    composition, graphs = board["direct ridge"], board["energy: selected"]
    # Half of all pairs of polymorphs are 6 apart: a composition model errs by 3 at least on average.
    assert composition.mae > 2.9
    assert graphs.mae < 1.0
    assert world.model.verdict.helps is True


def test_every_row_is_ranked_or_in_quarantine(world: World) -> None:
    ranking = pq.read_table(world.out / "ranking.parquet")
    assert set(SCORES.names) < set(ranking.column_names)
    assert not {"lattice", "species", "frac_coords", "structure of the row"} & set(ranking.column_names)
    assert "hull" in ranking.column_names
    aside = {row["id"]: row["reason"] for row in pq.read_table(world.out / "quarantine.parquet").to_pylist()}
    assert aside.keys() == {"wrong", "none", "lonely"}
    assert aside["wrong"] == "its structure is of MgS, not of CaO"
    assert aside["none"] == "no structure"
    assert "no neighbour" in aside["lonely"]
    record = json.loads((world.out / "run.json").read_text())
    assert (record["catalog"]["scored"], record["catalog"]["quarantined"]) == (4, 3)
    assert not [text for text in record["warnings"] if "share one score" in text]
    assert "Transfer helps" in (world.out / "report.html").read_text()


def test_polymorphs_get_scores_of_their_own_and_cells_do_not_matter(world: World) -> None:
    rows = {row["id"]: row for row in pq.read_table(world.out / "ranking.parquet").to_pylist()}
    truth = {kind: 3.0 * values("Mg", "S", kind) for kind in KINDS}
    assert rows["salt"]["mean"] - rows["blende"]["mean"] > 3
    for kind in KINDS:
        assert rows[kind]["mean"] == pytest.approx(truth[kind], abs=2)
    for name in ("mean", "spread", "distance"):
        assert rows["large"][name] == pytest.approx(rows["salt"][name], rel=1e-5, abs=1e-5)
    assert rows["salt"]["reduced_formula"] == rows["large"]["reduced_formula"] == "MgS"


def test_a_strange_structure_of_a_known_formula_is_further(world: World) -> None:
    import kakehashi as kh

    key = world.inputs.target.keys[0]
    known = next(cell(m, x, "salt") for m in METALS for x in ANIONS if m + x == key)
    strange = Structure(Lattice.orthorhombic(2.2, 9, 9), known.species, [[0, 0, 0], [0.5, 0, 0]])
    table = pa.table({"formula": [key] * 2, **columns([known, strange])})
    ranked = {row["id"]: row for row in kh.rank(world.model, table).to_pylist()}
    assert ranked["1"]["distance"] == pytest.approx(0, abs=1e-3)
    assert ranked["1"]["domain"] == "in"
    assert ranked["2"]["distance"] > 0.2  # the composition alone would say 0


def test_partitions_change_nothing_that_can_be_seen(world: World) -> None:
    scorer = make_scorer(world.model)
    whole = scorer(next(world.inputs.catalog.batches(100))).scores
    parts = pa.concat_tables(scorer(rows).scores for rows in world.inputs.catalog.batches(2))
    assert whole["id"].to_pylist() == parts["id"].to_pylist()
    for name in ("mean", "lower", "upper", "spread", "distance"):
        np.testing.assert_allclose(whole[name].to_numpy(), parts[name].to_numpy(), rtol=1e-9, atol=1e-9)
    assert scorer.sha256 == make_scorer(world.model).sha256
    other = world.model._replace(interval=2 * world.model.interval)
    assert scorer.sha256 != make_scorer(other).sha256


def test_a_folder_of_files_is_a_catalogue(world: World, tmp_path: Path) -> None:
    import kakehashi as kh

    folder = tmp_path / "cells"
    folder.mkdir()
    for kind in KINDS:
        (folder / f"{kind}.cif").write_text(cell("Mg", "S", kind).to(fmt="cif"))
    (folder / "broken.cif").write_text("data_nothing")
    record = kh.screen(world.model, catalog=str(folder), out=tmp_path / "run")
    assert (record["catalog"]["scored"], record["catalog"]["quarantined"]) == (2, 1)
    again = {row["id"]: row["mean"] for row in pq.read_table(tmp_path / "run" / "ranking.parquet").to_pylist()}
    first = {row["id"]: row["mean"] for row in pq.read_table(world.out / "ranking.parquet").to_pylist()}
    for kind in KINDS:
        assert again[kind] == pytest.approx(first[kind], abs=1e-3)
