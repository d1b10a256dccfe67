"""Model families by name: what they learn, what they must not do, and that arrays predict as scikit-learn does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor

import kakehashi as kh
from kakehashi.screen.heads import elastic_net, families, pyramids, trees
from kakehashi.screen.heads.drawn import drawn, unfinished
from kakehashi.screen.heads.registry import HEADS, LINES
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.rows import CHOSEN
from kakehashi.screen.transfer.selection import affordable_heads

NAMES = ("rf-1", "rf-2", "gb", "en", "nn-1", "nn-2", "nn-3", "tl-1", "tl-2")


def world(n=60, p=12, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    return x, 2 * x[:, 0] - x[:, 1] + 0.1 * rng.normal(size=n)


def on_device(params):
    kinds = {name: jnp.int32 if np.asarray(v).dtype.kind == "i" else jnp.float32 for name, v in params.items()}
    return {name: jnp.asarray(value, kinds[name]) for name, value in params.items()}


def small(head):
    """The head with fewer and smaller settings: the same code, seconds faster."""
    light = {
        "rf-1": drawn("rf-1", [{"trees": 30, "tried": 4}], trees.grow_forest, trees.predict, HEADS["rf-1"].ceiling,
                      left_out=trees.out_of_bag),
        "nn-1": drawn("nn-1", [{"widths": ((8, 4), (6, 3)), "penalty": 1.0}], pyramids.grow, pyramids.predict,
                      pyramids.ceiling),
        "gb": drawn("gb", [{"rate": 0.1, "depth": 3, "rounds": 60, "columns": 0.5}], trees.grow_boosting,
                    trees.predict, HEADS["gb"].ceiling),
    }  # fmt: skip
    return light.get(head, HEADS[head])


@pytest.mark.parametrize("name", ["rf-1", "gb", "en", "nn-1"])
def test_a_family_learns_is_the_same_twice_and_predicts_alike_on_the_device(name):
    head, (x, y) = small(name), world()
    with unfinished():
        params = head.fit(x, y)
        again = head.fit(x, y)
        held = head.cross_validate(x, y, np.arange(len(y)) % 5)
    assert np.mean(np.abs(held - y)) < 0.65 * np.mean(np.abs(y - y.mean()))
    for key, value in params.items():
        np.testing.assert_array_equal(value, again[key])
    new = np.random.default_rng(1).normal(size=(7, 12)).astype(np.float32)
    mean, spread = head.predict(params, new)
    there, doubt = jax.jit(head.predict)(on_device(params), jnp.asarray(new))
    np.testing.assert_allclose(there, mean, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(doubt, spread, rtol=2e-4)
    assert np.all(mean <= head.ceiling(params) + 1e-9)
    # The doubt comes from rows that were held out, not from the fit.
    assert np.all(spread > 0.1)


def test_boosted_trees_sum_to_what_scikit_learn_predicts():
    x, y = world()
    x = x.astype(np.float32)
    setting = {"rate": 0.3, "depth": 4, "rounds": 40, "columns": 0.5, "subsample": 0.8}
    reference = GradientBoostingRegressor(
        n_estimators=40, learning_rate=0.3, max_depth=4, subsample=0.8, max_features=0.5, init="zero", random_state=0
    ).fit(x, y - y.mean())
    params = {**trees.grow_boosting(x, y, setting), "noise": np.float64(1.0)}
    np.testing.assert_allclose(trees.predict(params, x)[0], reference.predict(x) + y.mean(), rtol=1e-12)


def test_the_largest_penalty_of_an_elastic_net_leaves_the_mean():
    x, y = world()
    params = elastic_net.grow(x, y, {"l1_ratio": 0.5, "share": 1.0})
    assert not params["coefficients"].any()
    assert elastic_net.ceiling(params) == pytest.approx(y.mean())
    looser = elastic_net.grow(x, y, {"l1_ratio": 0.5, "share": 0.1})
    assert set(np.flatnonzero(np.abs(looser["coefficients"]) > 0.3)) == {0, 1}


def test_the_draw_with_the_least_held_out_error_is_kept():
    x, y = world()

    def grow(x, y, setting):
        return {"value": np.float64(y.mean() + setting["off"])}

    def predict(params, x):
        mean = np.full(len(x), params["value"])
        return mean, 0 * mean + params["noise"]

    head = drawn("constant", [{"off": 3.0}, {"off": 0.0}, {"off": -3.0}], grow, predict, lambda params: params["value"])
    params = head.fit(x, y)
    assert params["value"] == y.mean()
    assert params["noise"] == pytest.approx(y.std(), rel=0.1)


@pytest.mark.parametrize(
    ("name", "ranges"),
    [
        ("rf-1", {"trees": (100, 800), "tried": (20, 100)}),
        ("rf-2", {"trees": (50, 500), "tried": (50, 500)}),
        ("gb", {"rate": (0.1, 1.0), "depth": (3, 10), "rounds": (50, 200)}),
    ],
)
def test_draws_stay_inside_the_published_ranges(name, ranges):
    found = {
        "rf-1": families._forests((100, 800), (20, 100), 1),
        "rf-2": families._forests((50, 500), (50, 500), 2),
        "gb": families._boosting(),
    }[name]
    assert len(found) == families.DRAWS == len({str(setting) for setting in found})
    for setting in found:
        assert all(low <= setting[key] <= high for key, (low, high) in ranges.items())


def test_pyramids_narrow_from_the_first_layer_to_the_last():
    for layers, first, last in (((3, 4), 400, (10, 30)), ((3, 6), 348, (5, 30))):
        (setting,) = families._pyramids(layers, first, last, 9)
        for widths in setting["widths"]:
            assert layers[0] <= len(widths) <= layers[1]
            assert list(widths) == sorted(widths, reverse=True)
            assert widths[0] <= first
            assert last[0] <= widths[-1] <= last[1]


def test_a_forest_on_frozen_features_has_between_half_and_all_of_the_rows_as_trees():
    for setting in families._shares():
        assert all(20 <= size <= 40 for size in families._half_to_all(40, setting).values())


def test_families_serve_what_the_paper_gave_them():
    heads = affordable_heads(40, ("ridge", *NAMES))
    assert heads.direct == ("ridge", "rf-1", "rf-2", "gb", "en", "nn-1", "nn-2", "nn-3")
    assert heads.late == ("tl-1", "tl-2")
    assert set(NAMES) < set(LINES)
    assert (HEADS["tl-1"].depth, HEADS["tl-2"].depth) == (1, 0)


SLOW = ("rf-2", "nn-2", "nn-3", "tl-2")  # as the ones before them, with other settings


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in NAMES])
def test_a_family_is_evaluated_and_ranks_by_name(name, planted, planted_library, monkeypatch):
    """The names that serve descriptors are models without transfer; tl-1 and tl-2 are transferred."""
    # One draw of few trees or narrow networks: which draw is kept is tested above.
    like = {"rf-2": "rf-1", "nn-2": "nn-1", "nn-3": "nn-1"}.get(name, name)
    own = HEADS[name]
    monkeypatch.setitem(HEADS, name, small(like)._replace(name=name, depth=own.depth))
    transferred = name.startswith("tl")
    heads = ("ridge", name) if transferred else (name,)
    model = transfer(planted_library, planted.target, outer=2, inner=2, heads=heads)
    own = [row for row in model.leaderboard if row.head == name]
    names = {row.name for row in own}
    assert f"planted_source: {name} on the best 5" in names if transferred else f"direct {name}" in names
    assert transferred or all(row.source == "none" or row.name == CHOSEN for row in own)
    ranked = kh.rank(model, ["GaAs", "MgO", "NaCl"]).to_pydict()
    assert len({round(each, 9) for each in ranked["mean"]}) > 1
    assert np.isfinite(ranked["mean"]).all()
