"""The folds are the official ones, no table teaches what a test fold asks, and a kept fold is not computed again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import KFold

from kakehashi.screen.networks.joint.model import Recipe
from kakehashi.screen.networks.joint.train import Course

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/inorganic"
if not DATA.is_dir():
    pytest.skip(f"no data in {DATA}", allow_module_level=True)

TINY = Course(epochs=4, batch=64, widths=(64, 32), head=8, rest=300)
RECIPE = Recipe(1, 0, TINY, TINY, TINY._replace(epochs=20))


@pytest.fixture(scope="module")
def matbench(script):
    return script("matbench")


@pytest.fixture(scope="module")
def some(matbench):
    """A slice of every task; the two moduli are of the same formulas."""
    return matbench.read_all(400)


@pytest.mark.parametrize("name", ["expt_gap", "dielectric"])
def test_the_folds_are_the_official_ones(matbench, name):
    task = matbench.read(name, matbench.TASKS[name].column)
    rows = pq.read_table(DATA / f"matbench_{name}.parquet").to_pandas().sort_values("mbid").reset_index(drop=True)
    assert task.y.tolist() == rows[matbench.TASKS[name].column].tolist()
    asked = []
    for fold, (train, test) in enumerate(KFold(n_splits=5, shuffle=True, random_state=18012019).split(rows)):
        ours = matbench.split(task, fold)
        assert [task.ids[i] for i in ours[0]] == rows.mbid[train].tolist()
        assert [task.ids[i] for i in ours[1]] == rows.mbid[test].tolist()
        asked += ours[1].tolist()
    assert sorted(asked) == list(range(len(rows)))


def spoiled(tables, held, name):
    """The other tables with another value of every formula held out."""
    return {
        other: table if other == name else replace(table, values=np.where(np.isin(table.keys, held), 9.0, table.values))
        for other, table in tables.items()
    }


def answer(matbench, tasks, tables):
    first = matbench.first_networks(tables, RECIPE, None)
    return matbench.held_out("transfer", "log_gvrh", tasks, tables, RECIPE, first, 0).each.mean(axis=0)


@pytest.fixture(scope="module")
def honest(matbench, some):
    return answer(matbench, *some)


@pytest.fixture(scope="module")
def leaky(matbench, some):
    tasks, tables = some
    _, test = matbench.split(tasks["log_gvrh"], 0)
    held = list(tasks["log_gvrh"].keys[test])
    assert np.isin(tables["log_kvrh"].keys, held).sum() > 50
    return spoiled(tables, held, "log_gvrh")


def test_values_of_test_formulas_reach_no_prediction(matbench, some, leaky, honest):
    np.testing.assert_array_equal(answer(matbench, some[0], leaky), honest)


@pytest.mark.fault
def test_a_planted_leak_is_seen(matbench, some, leaky, honest, monkeypatch):
    monkeypatch.setattr("kakehashi.screen.networks.joint.model.exclude_keys", lambda table, keys: np.arange(len(table)))
    assert np.abs(answer(matbench, some[0], leaky) - honest).max() > 0.01


def test_networks_and_trees_learn_something_from_a_slice(matbench, some, honest):
    tasks, tables = some
    y = tasks["log_gvrh"].y
    train, test = matbench.split(tasks["log_gvrh"], 0)
    guess = np.abs(np.median(y[train]) - y[test]).mean()
    others = [
        matbench.held_out(side, "log_gvrh", tasks, tables, RECIPE, None, 0).each.mean(axis=0)
        for side in ("alone", "trees")
    ]
    for mean in (honest, *others):
        assert np.abs(mean - y[test]).mean() < 0.75 * guess


def test_a_kept_fold_is_not_computed_again(matbench, some, tmp_path, monkeypatch):
    tasks, tables = some
    _, test = matbench.split(tasks["dielectric"], 2)
    once = matbench.Fold(test, tasks["dielectric"].y[test][None] + 0.5, np.ones(len(test), bool), np.array(7.0))

    def asked(fold):
        return matbench.at_hand("alone", "dielectric", tasks, tables, RECIPE, None, fold, tmp_path)

    monkeypatch.setattr(matbench, "held_out", lambda *_: once)
    asked(2)
    monkeypatch.setattr(matbench, "held_out", None)
    for kept, given in zip(asked(2), once, strict=True):
        np.testing.assert_array_equal(kept, given)
    with pytest.raises(TypeError):
        asked(3)


def test_a_slice_from_the_command_line(matbench, monkeypatch, capsys):
    words = "matbench --tasks dielectric --folds 0 --sides alone --rows 200 --epochs 1 --networks 1"
    monkeypatch.setattr("sys.argv", words.split())
    matbench.main()
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("dielectric  "))
    assert line.split()[1:3] == ["1", "–"]
    assert 0 < float(line.split()[4]) < 5


def test_a_row_averages_models_then_folds(matbench, some):
    task = some[0]["dielectric"]
    found = {}
    for fold in (0, 1):
        _, test = matbench.split(task, fold)
        for side, off in (("transfer", (1.0 + fold, -2.0)), ("trees", (-1.0, -4.0))):
            each = task.y[test] + np.array(off)[:, None]
            found[side, fold] = matbench.Fold(test, each, np.ones(len(test), bool), np.array(1.0))
    line = matbench.row("dielectric", task, found, ["transfer", "trees"], [0, 1]).split()
    assert line[:8] == ["dielectric", "2", "0.2500", "1.7500", "–", "–", "2.5000", "Finder_v1.2"]


def test_published_scores_of_structures_are_told_apart(matbench):
    assert matbench.beside("expt_gap").startswith("Darwin 0.2865, ")
    assert matbench.beside("log_gvrh").startswith("Finder_v1.2 composition-only version 0.0996, CrabNet 0.1014; with")
    assert matbench.beside("log_gvrh").endswith("with structures coNGN 0.0670")
