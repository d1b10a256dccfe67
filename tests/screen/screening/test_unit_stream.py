"""Catalogues of repeat units pass through in pieces: descriptors of a few rows at a time, whatever the partition."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kakehashi as kh
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.scoring import partitions
from kakehashi.screen.scoring.committed import score_catalog
from kakehashi.screen.transfer.fit import Model

UNITS = [f"*CC({'C' * a}O{'C' * b})*" for a in range(8) for b in range(1, 9)]


@pytest.fixture(scope="module")
def model() -> Model:
    """A model without transfer: what is tested is how rows reach it."""
    target = kh.load("polymer_thermal_conductivity", log=True)
    return kh.transfer(
        kh.pretrain([], exclude=target, cache=False), target, outer_folds=3, heads=("ridge",), cache=False
    )


@pytest.fixture
def catalog_file(tmp_path: Path) -> Path:
    path = tmp_path / "units.parquet"
    pq.write_table(pa.table({"smiles": [*UNITS, "*CC(", *UNITS[:5]]}), path, row_group_size=16)
    return path


def scored(model: Model, file: Path, out: Path, size: int) -> tuple[pa.Table, int]:
    with RunDir(out) as rundir:
        found = score_catalog(rundir, model, open_catalog(str(file)), partition_rows=size)
        return pa.concat_tables(found.scores()).combine_chunks(), found.quarantined


def test_descriptors_of_few_rows_at_a_time(
    model: Model, catalog_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []

    def counted(inputs: object, convention: str) -> object:
        rows.append(len(inputs.smiles))  # type: ignore[attr-defined]
        return describe(inputs, convention)  # type: ignore[arg-type]

    monkeypatch.setattr(partitions, "describe", counted)
    whole, aside = scored(model, catalog_file, tmp_path / "whole", 1000)
    assert (rows, whole.num_rows, aside) == ([len(UNITS)], len(UNITS) + 5, 1)
    rows.clear()
    monkeypatch.setattr(partitions, "DESCRIBED_ROWS", 10)
    pieces, aside = scored(model, catalog_file, tmp_path / "pieces", 1000)
    assert rows == [10] * 6 + [4]
    assert (pieces.equals(whole), aside) == (True, 1)
    parts, aside = scored(model, catalog_file, tmp_path / "parts", 20)
    assert (parts.equals(whole), aside) == (True, 1)


def test_one_piece_is_small_beside_what_a_worker_may_hold(model: Model) -> None:
    width = len(model.reference.mean)
    assert partitions.DESCRIBED_ROWS * width * 4 < 100e6 < partitions.PARTITION_ROWS * width * 4
