"""The next repeat units of a design: which, in which order, what is handed on, and what new values change."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import norm

from kakehashi.catalogs.molecules.polymers import parse
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.next.batch import BatchRequest, propose_and_print, propose_batch
from kakehashi.screen.next.campaign import Campaign, simulate_campaign
from kakehashi.screen.next.finished import read_finished_run
from kakehashi.screen.next.told import current_run


def nylon(k: int, m: int) -> str:
    return parse(f"*N{'C' * k}NC(=O){'C' * m}C(*)=O")[1]


GOAL = 0.3
KNOWN = {nylon(k, m): 0.2 + 0.01 * k for k in range(2, 8) for m in range(1, 4)}
# Repeat unit, mean, half width of the 90 % interval, domain, Tg.
PROPOSED = [
    (nylon(10, 2), 0.30, 0.05, "in", 350.0),
    (parse("*OCCOC(=O)c1ccc(cc1)C(*)=O")[1], 0.29, 0.05, "in", 450.0),
    (nylon(11, 2), 0.30, 0.04, "in", 350.0),
    (parse("*CC(*)c1ccccc1")[1], 0.35, 0.05, "out", 350.0),
    (parse("*Oc1ccc(cc1)C(=O)c1ccc(*)cc1")[1], 0.25, 0.20, "edge", 350.0),
]


def write_design(
    path: Path, *, tg_window: tuple[float | None, float | None] | None = None, tc_goal: bool = True
) -> Path:
    rows = range(len(PROPOSED))
    mean, half = (np.array([row[k] for row in PROPOSED]) for k in (1, 2))
    columns: dict[str, Any] = {
        "rank": [k + 1 for k in rows], "smiles": [row[0] for row in PROPOSED], "mean": mean, "lower": mean - half,
        "upper": mean + half, "class": ["polyamide"] * len(rows), "reaction": ["polycondensation"] * len(rows),
        "conditions": ["in the melt"] * len(rows), "caution": ["the acids close"] * len(rows),
        "monomer_1": ["NCCN"] * len(rows), "monomer_2": [""] * len(rows),
        "monomer_1_name": ["ethylenediamine"] * len(rows), "monomer_1_cas": ["107-15-3"] * len(rows),
        "monomer_2_name": [""] * len(rows), "monomer_2_cas": [""] * len(rows), "sa_score": [2.0] * len(rows),
        "domain": [row[3] for row in PROPOSED], "domain_reason": [""] * len(rows),
        "nearest_training": [nylon(7, 2)] * len(rows),
    }  # fmt: skip
    properties = [{"target": {"name": "tc", "quantity": "tc", "unit": "W/(m K)", "log": False}, "verdict": {}}]
    windows: list[dict[str, Any]] = [{"property": "tc", "lower": GOAL, "upper": None}] if tc_goal else []
    if tg_window:
        tg = np.array([row[4] for row in PROPOSED])
        columns |= {"tg_mean": tg, "tg_lower": tg - 40.0, "tg_upper": tg + 40.0}
        properties.append({"target": {"name": "tg", "quantity": "tg", "unit": "K", "log": False}, "verdict": {}})
        windows.append({"property": "tg", "lower": tg_window[0], "upper": tg_window[1]})
    record = {
        "schema": 1, "kind": "design", "config": {"target": ["x.csv:tc"]}, "properties": properties,
        "windows": windows, "descriptors": "ecfp4@ring/atom",
    }  # fmt: skip
    predictions = {
        "id": [str(k) for k in range(len(KNOWN))], "formula": list(KNOWN), "smiles": list(KNOWN),
        "y": list(KNOWN.values()),
    }  # fmt: skip
    with RunDir(path) as rundir:
        rundir.write_table("proposals.parquet", pa.table(columns))
        rundir.write_table("predictions.parquet", pa.table(predictions))
        if tg_window:
            known_tg = {**predictions, "y": [300.0 + k for k in range(len(KNOWN))]}
            rundir.write_table("tg_predictions.parquet", pa.table(known_tg))
        rundir.write_text("run.json", json.dumps(record))
    return path


def expected_improvement(mean: float, half: float, best: float) -> float:
    sigma = half / norm.ppf(0.95)
    z = (mean - best) / sigma
    return float(sigma * (norm.pdf(z) + z * norm.cdf(z)))


def test_proposals_come_by_expected_improvement_on_the_goal_and_differ(tmp_path: Path) -> None:
    batch = propose_batch(read_finished_run(str(write_design(tmp_path / "run"))), BatchRequest(3))
    rows = {row[0]: expected_improvement(row[1], row[2], GOAL) for row in PROPOSED if row[3] != "out"}
    del rows[nylon(11, 2)]  # as good as a copy of the first
    order = sorted(rows, key=lambda text: -rows[text])
    assert batch.table["formula"].to_pylist() == order
    assert batch.table["acquisition"].to_pylist() == pytest.approx([rows[text] for text in order])
    assert "chance to meet the goal, above 0.3 W/(m K)" in batch.table["reason"][0].as_py()
    assert "of the goal 0.3 W/(m K)" in batch.record["acquisition"]
    assert batch.record["counts"]["outside the domain"] == 1


def test_goals_of_other_properties_count(tmp_path: Path) -> None:
    """A window that only one Tg meets makes that unit the first, worth its improvement times the chance."""
    run = read_finished_run(str(write_design(tmp_path / "run", tg_window=(400.0, 500.0))))
    batch = propose_batch(run, BatchRequest(1))
    assert batch.table["formula"][0].as_py() == PROPOSED[1][0]
    law = norm(450.0, 40.0 / norm.ppf(0.95))
    chance = law.cdf(500.0) - law.cdf(400.0)
    gain = expected_improvement(0.29, 0.05, GOAL)
    assert batch.table["acquisition"][0].as_py() == pytest.approx(gain * chance)


def test_without_a_goal_of_the_first_property_the_first_goal_chooses(tmp_path: Path) -> None:
    run = read_finished_run(str(write_design(tmp_path / "run", tg_window=(400.0, None), tc_goal=False)))
    assert (run.record["target"]["name"], run.unit, run.record["config"]["threshold"]) == ("tg", "K", 400.0)
    assert run.values.min() == 300.0
    batch = propose_batch(run, BatchRequest(1))
    assert batch.table["formula"][0].as_py() == PROPOSED[1][0]
    assert batch.table["mean"][0].as_py() == 450.0
    assert batch.table["acquisition"][0].as_py() == pytest.approx(expected_improvement(450.0, 40.0, 400.0))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (f"smiles,tg\n{PROPOSED[0][0]},400\n", "expected values of tc.* got those of tg, another property"),
        (f"smiles,tc\n{PROPOSED[0][0]},0.4\n*CC(*)CCCF,\n", r"1 of 2 rows have no value: .*CCCF"),
    ],
)  # fmt: skip
@pytest.mark.fault
def test_another_property_and_rows_without_a_value_are_not_told(tmp_path: Path, table: str, said: str) -> None:
    path = write_design(tmp_path / "run", tg_window=(400.0, 500.0))
    (tmp_path / "new.csv").write_text(table)
    with pytest.raises(UserError, match=said):
        propose_and_print(str(path), BatchRequest(2), quiet=True, values=f"{tmp_path}/new.csv:{table[7:9]}")
    assert not (path / "told.parquet").exists()


def test_files_for_radonpy_and_a_chemist(tmp_path: Path) -> None:
    path = write_design(tmp_path / "run")
    assert propose_and_print(str(path), BatchRequest(2), quiet=True) == 0
    with (path / "next.radonpy.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["RadonPy_SMILES"].count("*") for row in rows] == [2, 2]
    assert {row["RadonPy_Temp"] for row in rows} == {"300"}
    assert len({row["RadonPy_DBID"] for row in rows}) == 2
    with (path / "next.chemist.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["monomer_1_name"] == "ethylenediamine"
    assert rows[0]["monomer_1_cas"] == "107-15-3"
    assert (rows[0]["conditions"], rows[0]["caution"]) == ("in the melt", "the acids close")


def test_told_values_are_known_and_move_the_predictions(tmp_path: Path) -> None:
    path = write_design(tmp_path / "run")
    before = read_finished_run(str(path))
    first = PROPOSED[0][0]
    (tmp_path / "new.csv").write_text(f"smiles,tc\n*C(=O)NCCCCCCCCCCNC(=O)CC*,0.9\n{PROPOSED[1][0]},0.1\n")
    assert propose_and_print(str(path), BatchRequest(2), quiet=True, values=f"{tmp_path}/new.csv:tc") == 0
    after = current_run(str(path))
    assert len(after.values) == len(before.values) + 2
    assert after.values[after.best] == 0.9
    assert parse(after.keys[after.best])[1] == first
    batch = propose_batch(after, BatchRequest(5, include_out=True))
    assert not {first, PROPOSED[1][0]} & set(batch.table["formula"].to_pylist())
    assert batch.record["counts"]["measured already"] == 2
    old, new = (dict(zip(run.listing["formula"].to_pylist(), run.listing["mean"].to_pylist(), strict=True))
                for run in (before, after))  # fmt: skip
    assert new[nylon(11, 2)] > old[nylon(11, 2)] + 0.05  # its neighbour was found far better
    # Told again: the last value counts.
    (tmp_path / "again.csv").write_text(f"smiles,tc\n{first},0.2\n")
    assert propose_and_print(str(path), BatchRequest(2), quiet=True, values=f"{tmp_path}/again.csv:tc") == 0
    assert current_run(str(path)).values.max() < 0.9


@pytest.mark.parametrize(
    ("rows", "said"),
    [("*CC*,0.3\n*CC,0.2\n", "1 rows cannot be used; row 2"), ("CCO,0.3\n", "attachment points"),
     ("*CC*,\n", "no row|without a value|no value")],
)  # fmt: skip
@pytest.mark.fault
def test_values_that_cannot_be_used_are_not_told(tmp_path: Path, rows: str, said: str) -> None:
    path = write_design(tmp_path / "run")
    (tmp_path / "new.csv").write_text("smiles,tc\n" + rows)
    with pytest.raises(UserError, match=said):
        propose_and_print(str(path), BatchRequest(2), quiet=True, values=f"{tmp_path}/new.csv:tc")
    assert not (path / "told.parquet").exists()


def test_a_campaign_is_played_on_repeat_units(tmp_path: Path) -> None:
    run = read_finished_run(str(write_design(tmp_path / "run")))
    record = simulate_campaign(run, Campaign(start=4, batch=2, budget=8, repeats=2))
    assert record["pool"] == len(KNOWN)
    assert "ecfp4@ring/atom of the repeat units" in record["model"]
