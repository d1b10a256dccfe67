"""Scoring of partitions: every row once, whatever it holds and however it is cut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.ranking.csv_text import csv_bytes
from kakehashi.screen.ranking.rank import Order, rank
from kakehashi.screen.scoring import partitions
from kakehashi.screen.scoring.batches import Predictions
from kakehashi.screen.scoring.columns import QUARANTINE, SCORES, ScoredPartition
from kakehashi.screen.scoring.cut import GPU
from kakehashi.screen.scoring.device_model import DeviceModel, prepare_model
from kakehashi.screen.scoring.partitions import make_scorer, score_partition

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

FORMULAS = ["MgO", "O Mg", "Mg2O2", "PbTe", "Fe2O3", "Ca(OH)2", "Li2O", "Mg0.5Zn0.5O", "CsPbI3", "UO2", "MgO\n"]
JUNK = [
    None,
    "",
    " ",
    "Xx2O3",
    "CuSO4.5H2O",
    "CuSO4·5H2O",
    "mgo",
    "Mg-1O",
    "MgO0",
    "=1+1",
    "Mg(O",
    "Og",
    "1",
    "É",
    "Mg1e400O",
]


@pytest.fixture(scope="module")
def device_model(tiny_model: Model) -> DeviceModel:
    return prepare_model(tiny_model)


def rows(formulas: list[str | None]) -> pa.Table:
    return pa.table(
        {
            "id": [f"r{i}" for i in range(len(formulas))],
            "formula": pa.array(formulas, pa.string()),
            "own": [1.5] * len(formulas),
        }
    )


@pytest.mark.fault
@settings(max_examples=60)
@given(st.lists(st.one_of(st.sampled_from(FORMULAS), st.sampled_from(JUNK), st.text(max_size=12)), max_size=12))
def test_every_row_is_scored_or_in_quarantine(
    tiny_model: Model, device_model: DeviceModel, formulas: list[str | None]
) -> None:
    part = score_partition(tiny_model, device_model, rows(formulas))
    ids = part.scores["id"].to_pylist() + part.quarantine["id"].to_pylist()
    assert sorted(ids) == sorted(f"r{i}" for i in range(len(formulas)))
    given_by_id = {f"r{i}": text for i, text in enumerate(formulas)}
    for table in (part.scores, part.quarantine):
        for row in table.to_pylist():
            assert row["formula"] == given_by_id[row["id"]]
    assert all(part.quarantine["reason"].to_pylist())
    assert part.quarantine.schema == QUARANTINE
    assert part.scores.schema.names == ["id", "formula", "own", *SCORES.names]
    assert [part.scores.schema.field(name).type for name in SCORES.names] == SCORES.types


@pytest.mark.fault
def test_junk_is_quarantined_with_its_reason_and_the_rest_scored(tiny_model: Model, device_model: DeviceModel) -> None:
    part = score_partition(tiny_model, device_model, rows([*FORMULAS, *JUNK]))
    assert part.scores["formula"].to_pylist() == FORMULAS
    reasons = dict(zip(part.quarantine["formula"].to_pylist(), part.quarantine["reason"].to_pylist(), strict=True))
    assert "unknown element Xx" in reasons["Xx2O3"]
    assert reasons["CuSO4.5H2O"]
    assert "missing" in reasons[None]


def test_one_composition_has_one_score_however_it_is_written(tiny_model: Model, device_model: DeviceModel) -> None:
    table = score_partition(tiny_model, device_model, rows(["MgO", "O Mg", "Mg2O2", "PbTe", "MgO"])).scores.to_pylist()
    own = [{name: row[name] for name in SCORES.names} for row in table]
    assert own[0] == own[1] == own[2] == own[4] != own[3]
    assert own[0]["reduced_formula"] == "MgO"


def test_cell_convention_tells_cells_apart(tiny_model: Model, device_model: DeviceModel) -> None:
    model = tiny_model._replace(library=tiny_model.library._replace(convention="cell"))
    table = score_partition(model, device_model, rows(["MgO", "Mg2O2"])).scores
    assert table["reduced_formula"].to_pylist() == ["MgO", "MgO"]
    assert table["mean"][0] != table["mean"][1]


def test_a_composition_of_the_target_is_its_own_neighbour(tiny_model: Model, device_model: DeviceModel) -> None:
    key = tiny_model.target.keys[3]
    row = score_partition(tiny_model, device_model, rows([key])).scores.to_pylist()[0]
    assert (row["nearest_training"], row["domain"], row["domain_reason"]) == (key, "in", "")
    assert row["distance"] == pytest.approx(0, abs=1e-4)
    assert row["lower"] < row["mean"] < row["upper"]
    assert row["lower"] * row["upper"] == pytest.approx(row["mean"] ** 2)


@pytest.mark.fault
def test_a_prediction_that_is_no_number_is_quarantined(
    tiny_model: Model, device_model: DeviceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = partitions.predict_compositions

    def broken(device_model: DeviceModel, compositions: Compositions, known: Any = None) -> Predictions:
        found = real(device_model, compositions, known)
        mean, spread = found.mean.copy(), found.spread.copy()
        mean[0], mean[1], spread[2] = np.nan, 1000.0, np.inf
        return found._replace(mean=mean, spread=spread)

    monkeypatch.setattr(partitions, "predict_compositions", broken)
    part = score_partition(tiny_model, device_model, rows(["MgO", "PbTe", "Li2O", "ZnS", "MgO", "Xx"]))
    assert part.scores["formula"].to_pylist() == ["ZnS"]
    assert part.quarantine["formula"].to_pylist() == ["MgO", "PbTe", "Li2O", "MgO", "Xx"]
    assert set(part.quarantine["reason"].to_pylist()[:4]) == {"the prediction is not a finite number"}


@pytest.fixture(scope="module")
def catalog_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalog") / "mixed.parquet"
    formulas = [*JUNK[:3], *FORMULAS * 3, *JUNK]  # partitions of one row hold nothing but junk
    pq.write_table(rows(formulas), path)
    return path


def parts_of(model: Model, path: Path, size: int, executor: partitions.Executor = map) -> list[ScoredPartition]:
    return list(executor(make_scorer(model), open_catalog(str(path)).batches(size)))


def result_of(parts: list[ScoredPartition]) -> tuple[pa.Table, bytes, list[dict[str, str]]]:
    scores = pa.concat_tables([part.scores for part in parts]).sort_by("id").combine_chunks()
    aside = pa.concat_tables([part.quarantine for part in parts]).sort_by("id").to_pylist()
    return scores, csv_bytes(rank(scores, Order(threshold=1.0), log=True).table), aside


@pytest.mark.parametrize("size", [1, 3, 17])
def test_partitions_change_nothing(tiny_model: Model, catalog_file: Path, size: int) -> None:
    whole = parts_of(tiny_model, catalog_file, 1000)
    cut = parts_of(tiny_model, catalog_file, size)
    n = open_catalog(str(catalog_file)).rows
    assert (len(whole), len(cut)) == (1, -(-n // size))
    expected, found = result_of(whole), result_of(cut)
    assert found[0].equals(expected[0])
    assert found[1:] == expected[1:]


def test_the_order_of_the_rows_changes_nothing(tiny_model: Model, catalog_file: Path, tmp_path: Path) -> None:
    table = pq.read_table(catalog_file)
    pq.write_table(table.take(np.random.default_rng(3).permutation(table.num_rows)), tmp_path / "shuffled.parquet")
    expected = result_of(parts_of(tiny_model, catalog_file, 1000))
    found = result_of(parts_of(tiny_model, tmp_path / "shuffled.parquet", 7))
    assert found[0].equals(expected[0])
    assert found[1:] == expected[1:]


def test_anything_like_map_can_run_the_partitions(tiny_model: Model, catalog_file: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        threaded = parts_of(tiny_model, catalog_file, 5, executor=pool.map)
    for one, other in zip(threaded, parts_of(tiny_model, catalog_file, 5), strict=True):
        assert one.scores.equals(other.scores)
        assert one.quarantine.equals(other.quarantine)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_a_few_workers_have_the_same_partitions(workers: int) -> None:
    """So that a run with two goes on where one with four was interrupted."""
    sizes = [partitions.partition_size(rows, 262_144, workers) for rows in (41, 140_000, 1_000_000)]
    assert sizes == [partitions.LEAST_ROWS, 9_216, 63_488]


@pytest.mark.parametrize("rows", [140_000, 1_000_000, 100_000_000])
@pytest.mark.parametrize("workers", [2, 16, 200])
def test_every_worker_has_a_few_partitions_or_they_are_small(rows: int, workers: int) -> None:
    size = partitions.partition_size(rows, partitions.PARTITION_ROWS, workers)
    assert size % partitions.BATCH == 0
    assert size <= partitions.PARTITION_ROWS
    assert rows / size >= 3 * workers or size == partitions.LEAST_ROWS
    assert partitions.partition_size(rows, 100, workers) == 100


def test_partitions_are_whole_batches_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "cut", lambda: GPU)
    assert partitions.partition_size(140_000, 262_144, 2) == GPU.rows
    assert partitions.partition_size(2_000_000, 262_144, 2) == 2 * GPU.rows
    assert partitions.partition_size(20_000, 262_144, 2, smiles=True) == GPU.described
    assert partitions.partition_size(140_000, 1_000, 2) == 1_000


def test_without_workers_partitions_are_as_large_as_can_be() -> None:
    assert partitions.partition_size(10**9, 262_144, None) == 262_144
