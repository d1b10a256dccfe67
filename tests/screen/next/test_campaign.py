"""Simulated campaigns: no look at unknown values, chance as it must be, a planted rule found, none found in noise."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.heads.gp import gp
from kakehashi.screen.next.batch import FinishedRun
from kakehashi.screen.next.campaign import (
    _HEADS,
    TOP,
    Campaign,
    composition_picker,
    count_best,
    play_campaign,
    simulate_campaign,
)

METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Zn", "Cd", "Pb", "Ti", "Y", "Cu")
FORMULAS = [f"{metal}{anion}" for metal in METALS for anion in ("O", "S", "Se", "Te", "F", "Cl")]


def compounds() -> Compositions:
    return parse_column(FORMULAS).compositions


def run_of(values: np.ndarray, tmp_path: Path, minimise: bool = False) -> FinishedRun:
    from kakehashi.catalogs.runs.rundir import RunDir

    with RunDir(tmp_path / "run"):
        pass
    record = {"target": {"log": False}, "config": {"minimise": minimise, "convention": "reduced"}}
    return FinishedRun(Results(tmp_path / "run"), record, FORMULAS, FORMULAS, compounds(), values)


def planted() -> np.ndarray:
    """A smooth function of the two elements."""
    elements = compounds().elements[:, :2].astype(float)
    return np.sin(elements[:, 0] / 15) + np.cos(elements[:, 1] / 10)


def test_unknown_values_are_not_looked_at() -> None:
    rng = np.random.default_rng(0)
    x, y, shuffled = rng.normal(size=(96, 5)), rng.normal(size=96), rng.permutation(96)
    first = play_campaign(x, y, composition_picker(compounds()), shuffled, Campaign(batch=4), 14)
    hidden = np.where(np.isin(np.arange(96), shuffled[:10]), y, np.nan)
    np.testing.assert_array_equal(
        play_campaign(x, hidden, composition_picker(compounds()), shuffled, Campaign(batch=4), 14), first
    )


@pytest.mark.parametrize("by", ["improvement", "upper", "variance"])
@pytest.mark.parametrize("head", ["gp", "ridge"])
def test_every_row_is_measured_once(by: Any, head: Any) -> None:
    rng = np.random.default_rng(1)
    x, y, shuffled = rng.normal(size=(96, 5)), rng.normal(size=96), rng.permutation(96)
    order = play_campaign(x, y, composition_picker(compounds()), shuffled, Campaign(batch=30, by=by, head=head), 96)
    np.testing.assert_array_equal(order[:10], shuffled[:10])
    assert sorted(order) == list(range(96))


def test_a_batch_spreads_over_systems_while_it_can() -> None:
    texts = ["MgO", "MgO2", "MgO3", "MgO4", "MgO5", "CaO", "SrO", "BaO"]
    rows = parse_column(texts).compositions
    y = np.array([0.0, 9, 8, 7, 0, 1, 2, 3])
    x = y[:, None] + np.zeros((8, 2))
    order = play_campaign(
        x, y, composition_picker(rows), np.array([0, 4, 1, 2, 3, 5, 6, 7]), Campaign(start=2, batch=4), 8
    )
    assert len({frozenset(texts[i].strip("2345").split("O")) for i in order[2:6]}) == 4
    assert sorted(order) == list(range(8))


def test_a_round_measures_as_many_as_chance_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = parse_column([f"MgO{k}" for k in range(1, 13)]).compositions  # one system
    fits: list[int] = []

    def fit(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        fits.append(len(y))
        return gp.fit(x, y)

    monkeypatch.setitem(_HEADS, "gp", gp._replace(fit=fit))
    y = np.sin(np.arange(12.0))
    order = play_campaign(
        y[:, None] * np.ones((12, 2)), y, composition_picker(rows), np.arange(12), Campaign(start=3, batch=4), 10
    )
    assert fits == [3, 7]
    assert len(set(order)) == len(order) == 10


def test_counting_the_best() -> None:
    y = np.arange(20.0)
    order = np.arange(20)[::-1]
    np.testing.assert_array_equal(count_best(order, y, [1, 5, 10, 20]), [1, 5, 10, 10])
    np.testing.assert_array_equal(count_best(order[::-1], y, [10, 11, 20]), [0, 1, 10])
    np.testing.assert_array_equal(count_best(order, np.zeros(20), [3, 20]), [3, TOP])


def test_a_rule_is_found_sooner_than_by_chance_and_chance_is_chance(tmp_path: Path) -> None:
    record = simulate_campaign(run_of(planted(), tmp_path), Campaign(repeats=8))
    last = record["curve"][-1]
    assert record["budget"] == last["n"] == 10 + 43
    assert last["found"] > 9
    assert last["difference"] > 5 * last["standard_error"] > 0
    first = record["curve"][0]
    assert (first["n"], first["difference"]) == (10, 0.0)
    for row in record["curve"]:
        assert abs(row["chance"] - row["chance_expected"]) < 4 * max(row["chance_std"], 0.5) / np.sqrt(8)
    assert "without transfer" in record["model"]
    assert f"{last['difference']:+.1f} ±" in record["text"]


def test_small_values_are_sought_where_the_run_wanted_them(tmp_path: Path) -> None:
    campaign = Campaign(repeats=2, budget=34)
    up = simulate_campaign(run_of(planted(), tmp_path / "up"), campaign)
    down = simulate_campaign(run_of(-planted(), tmp_path / "down", minimise=True), campaign)
    assert up["curve"] == down["curve"]


def test_noise_is_found_no_sooner_than_by_chance(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).normal(size=len(FORMULAS))
    last = simulate_campaign(run_of(noise, tmp_path), Campaign(repeats=12, budget=42))["curve"][-1]
    assert abs(last["difference"]) < 3.5 * last["standard_error"]


def test_a_seed_decides_everything(tmp_path: Path) -> None:
    run = run_of(planted(), tmp_path)
    short = Campaign(repeats=2, budget=18)
    assert simulate_campaign(run, short) == simulate_campaign(run, short)
    assert simulate_campaign(run, short) != simulate_campaign(run, short._replace(seed=1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start": 1}, "--start: expected 2 to 95"),
        ({"start": 96}, "--start"),
        ({"budget": 10}, "--budget: expected 11"),
        ({"budget": 97}, "--budget"),
        ({"repeats": 1}, "--repeats"),
        ({"batch": 0}, "--batch"),
        ({"head": "forest"}, "--head"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_campaigns_that_cannot_be_played(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        simulate_campaign(run_of(planted(), tmp_path), Campaign()._replace(**change))


def test_too_small_a_target(tmp_path: Path) -> None:
    run = run_of(planted(), tmp_path)._replace(values=np.arange(10.0))
    with pytest.raises(UserError, match="more than 10 compounds, got 10"):
        simulate_campaign(run, Campaign())


def test_the_command_writes_nothing(
    tiny_run: tuple[Path, Any], kakehashi: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(tiny_run[0], out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    done = kakehashi("next", out, "--simulate", "--repeats", 3, "--batch", 5, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["pool"], record["budget"]) == (30, 20)
    assert [row["n"] for row in record["curve"]] == [10, 15, 20]
    shown = kakehashi("next", out, "--simulate", "--repeats", 3, "--batch", 5).stdout
    assert record["text"] in shown
    assert "without transfer" in shown
    plan = json.loads(kakehashi("next", out, "--simulate", "--dry-run").stdout)
    assert (plan["pool"], plan["budget"]) == (30, 20)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
