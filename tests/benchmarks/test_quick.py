"""The quick table fails where a row fell by a fifth, and its peers compute what ours does."""

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.screen.descriptors.composition import compute

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def load():
    """Modules of benchmarks/ by name, with the modules they import beside them."""
    from importlib import import_module

    sys.path.insert(0, str(BENCHMARKS))
    yield import_module
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def slots():
    return parse_column(["MgO", "LiFePO4", "Ca(OH)2", "Si", "BaTi0.5Zr0.5O3"]).compositions


def test_a_row_that_fell_by_a_fifth_is_named(load):
    fallen = load("quick").fallen
    stored = {"kept": 2.0, "fell": 2.0}
    assert fallen({"kept": 1.61, "fell": 1.61}, stored) == []
    assert fallen({"kept": 2.5, "fell": 1.59}, stored) == ["fell: 1.59, stored 2.00, at least 1.60"]
    assert fallen({"new": 0.1}, stored) == []


def test_what_is_stored_is_read_again(load):
    quick = load("quick")
    text = quick.stored_text({"a, b": 3.14159, "c": 0.5}, {"c": 9.0, "d": 1.0})
    assert tomllib.loads(text)["ratios"] == {"a, b": 3.14, "c": 0.5, "d": 1.0}


def test_stored_ratios_are_of_rows_that_run(load):
    rows = load("quick_rows").ROWS
    assert len(rows) == 10
    stored = tomllib.loads((BENCHMARKS / "quick_ratios.toml").read_text(encoding="utf-8"))
    assert stored["ratios"]
    assert stored["ratios"].keys() <= rows.keys()
    assert all(ratio > 0 for ratio in stored["ratios"].values())


@pytest.mark.parametrize(("stored", "code", "said"), [(1.2, 0, ""), (2.0, 1, "FELL  a row"), (None, 1, "no ratio")])
def test_the_exit_code_says_whether_a_row_fell(load, monkeypatch, tmp_path, capsys, stored, code, said):
    quick, rows, today = load("quick"), load("quick_rows"), load("today")
    monkeypatch.setattr(rows, "ROWS", {"a row": lambda: (today.Cost(1.0, 2.0), today.Cost(9.0, 2.0), 4.0)})
    monkeypatch.setattr(quick, "STORED", tmp_path / "stored.toml")
    monkeypatch.setattr(sys, "argv", ["quick.py"])
    if stored is not None:
        quick.STORED.write_text(quick.stored_text({"a row": stored}, {}))
    assert quick.main() == code
    out, err = capsys.readouterr()
    assert "1.00" in out
    assert said in err
    monkeypatch.setattr(sys, "argv", ["quick.py", "--write"])
    assert quick.main() == 0
    assert tomllib.loads(quick.STORED.read_text())["ratios"] == {"a row": 1.0}


def test_twenty_lines_describe_as_ours_do(load, slots):
    found, ours = load("peers").numpy_descriptors(*slots), compute(slots, "cell")
    np.testing.assert_allclose(found, ours, rtol=2e-5, atol=2e-3)


def test_folded_heads_predict_what_heads_on_features_do(load):
    from kakehashi.screen.networks.pyramid import Network, initial_params, trim_params

    peers, today, rng = load("peers"), load("today"), np.random.default_rng(0)
    x = rng.standard_normal((1_100, 20)).astype(np.float32)
    hidden, output = trim_params(initial_params(rng, (12, 7), 20, 1), (12, 7))
    scales = tuple(rng.uniform(0.5, 2.0, size).astype(np.float32) for size in (12, 7))

    class Source:
        networks = (Network(hidden, output, np.ones(1), 1),) * 2
        unit_scales = (scales,) * 2

    features = today.numpy_features(Source, 0, x)
    heads = [Ridge(alpha).fit(features[:40], x[:40, 0]) for alpha in (0.1, 10.0)]
    expected = np.mean([head.predict(features) for head in heads], axis=0)
    folded = peers.fold_heads(Source, heads)
    np.testing.assert_allclose(peers.folded_means(folded, x), expected, atol=1e-5)
    if means := peers.torch_means(folded, x, short=False):
        np.testing.assert_allclose(means(), expected, atol=1e-5)


def test_fused_adam_learns(load):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 16, 5)).astype(np.float32)
    train = load("peers").fused_adam((8,), (x, x[:, :, :1]), 1e-2)
    assert train() < 0.2 * float(np.var(x[:, :, 0]))
    assert train() == train()


def test_a_compiled_forest_predicts_what_scikit_learn_does(load):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 4)).astype(np.float32)
    forest = RandomForestRegressor(3, random_state=0).fit(x, x[:, 0])
    predict = load("peers").compiled_forest(forest)
    if predict is None:
        pytest.skip("tl2cgen and treelite are not installed")
    np.testing.assert_allclose(predict(x), forest.predict(x), rtol=1e-12)


def test_kernels_are_counted_in_the_entry_alone(load):
    text = """
fused_computation {
  %a = f32[2] add(%x, %y)
}
ENTRY main {
  %p = f32[2] parameter(0)
  %q = f32[2] fusion(%p), kind=kLoop
  %d = f32[2] dot(%q, %p)
  ROOT %t = (f32[2]) tuple(%d)
}
"""
    assert load("device_scoring").count_kernels(text) == 2


def test_operations_a_second_are_of_products_the_device_has(load):
    rates = load("device_scoring").product_rates(64)
    assert set(rates) == {"float32", "bfloat16"}  # a processor has no TF32
    assert min(rates.values()) > 0
