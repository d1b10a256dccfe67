"""NaN and infinity, in weights, element features and catalogue values: quarantined or shown, never ranked or filled."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.elements import INDEX
from kakehashi.screen.scoring.partitions import make_scorer

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]
REASON = "the prediction is not a finite number"
VALUES = pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])


def spoiled(model: Model, value: float) -> Model:
    """The model with one number of the weights of its stack's heads replaced."""
    members = [
        member._replace(params=jax.tree.map(lambda leaf: np.full_like(leaf, value), member.params))
        for member in model.stack.members
    ]
    return model._replace(stack=model.stack._replace(members=tuple(members)))


@pytest.mark.fault
@VALUES
def test_in_the_weights_no_row_is_ranked(
    screen: Run, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    monkeypatch.setattr("kakehashi.screen.screening.run.build_model", lambda *_: spoiled(tiny_model, value))
    code, out, err = screen("--out", tmp_path / "run", "--json")
    assert code == 3, err
    counted = json.loads(out)["catalog"]
    assert (counted["rows"], counted["scored"], counted["quarantined"]) == (41, 0, 41)
    assert pq.read_table(tmp_path / "run/ranking.parquet").num_rows == 0
    reasons = pq.read_table(tmp_path / "run/quarantine.parquet")["reason"].to_pylist()
    assert reasons.count(REASON) == 40


@pytest.mark.fault
@VALUES
def test_in_the_features_of_one_element_only_its_compounds_are_set_aside(
    tiny: Tiny, tiny_model: Model, value: float
) -> None:
    scorer = make_scorer(tiny_model)
    (rows,) = open_catalog(str(tiny.folder / "catalog.csv")).batches(1000)
    whole = scorer(rows)

    def spoil(table: np.ndarray) -> np.ndarray:
        table = np.array(table)
        table[INDEX["Se"]] = value
        return table

    tables = jax.tree.map(spoil, jax.device_get(scorer.device_model.arrays["tables"]))
    device_model = scorer.device_model._replace(arrays={**scorer.device_model.arrays, "tables": jax.device_put(tables)})
    with np.errstate(invalid="ignore", over="ignore"):
        part = scorer._replace(device_model=device_model)(rows)
    aside = {row["formula"] for row in part.quarantine.to_pylist() if row["reason"] == REASON}
    assert aside == {text for text in whole.scores["formula"].to_pylist() if "Se" in text}
    assert part.scores.equals(
        whole.scores.filter(pa.array(["Se" not in t for t in whole.scores["formula"].to_pylist()]))
    )


@pytest.mark.fault
def test_in_a_catalogue_they_travel_and_fail_filters(screen: Run, tmp_path: Path) -> None:
    given = [1.0, np.nan, np.inf, -np.inf, None, 0.0]
    formulas = ["MgO", "ZnS", "PbTe", "Li2O", "CdS", "NaCl"]
    pq.write_table(pa.table({"id": list("abcdef"), "formula": formulas, "hull": given}), tmp_path / "c.parquet")
    assert screen("--catalog", tmp_path / "c.parquet", "--out", tmp_path / "all")[0] == 0
    found = pq.read_table(tmp_path / "all/ranking.parquet").sort_by("id")
    np.testing.assert_array_equal(found["hull"].to_numpy(), [1, np.nan, np.inf, -np.inf, np.nan, 0])
    assert found["hull"].null_count == 1  # nothing is filled
    assert np.isfinite(found["mean"].to_numpy()).all()
    code, out, _ = screen(
        "--catalog", tmp_path / "c.parquet", "--out", tmp_path / "some", "--filter", "hull>=0", "--json"
    )
    assert code == 0
    (count,) = json.loads(out)["filters"]
    assert (count["failed"], count["null"]) == (3, 2)
    with (tmp_path / "some/ranking.csv").open(newline="") as stream:
        assert sorted(row["id"] for row in csv.DictReader(stream)) == ["a", "c", "f"]
