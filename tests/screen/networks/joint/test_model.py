"""Joint training: what it learns from the other tasks, what it must not see, and that its bytes are its own."""

import hashlib
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kakehashi
from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import Molecules, UserError
from kakehashi.screen.descriptors.element_roots import N_ELEMENTS, ROOT_SCALE
from kakehashi.screen.networks.joint import train as joint_training
from kakehashi.screen.networks.joint.model import (
    Recipe,
    inputs,
    learn_sources,
    learn_target,
    out_of_fold,
    sources_without,
    with_target,
)
from kakehashi.screen.networks.joint.train import Course, predict, train

SMALL = Course(epochs=60, rate=6e-3, batch=64, widths=(32, 32, 16), head=8, rest=400)


def data(n=1500, known=30, seed=0):
    """Two tasks: the second is a bent copy of the first, of which few values are known."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    first = x[:, 0] * x[:, 1] + np.abs(x[:, 2])
    second = 10 + 3 * first + 0.3 * x[:, 3]
    y = np.stack([first, second], axis=1).astype(float)
    y[known:, 1] = np.nan
    return x, y, second


def digest(found):
    h = hashlib.sha256()
    for leaf in jax.tree.leaves(found.members):
        h.update(np.asarray(leaf).tobytes())
    return h.hexdigest()


@pytest.fixture(scope="module")
def first():
    x, y, _ = data()
    return train(0, ["a"], x, y[:, :1], networks=2, course=SMALL._replace(rest=None))


def test_a_related_task_teaches_the_target(first):
    x, y, truth = data()
    together = train(0, ["a", "b"], x, y, networks=2, course=SMALL, target="b", start=first)
    alone = train(0, ["b"], x[:30], y[:30, 1:], networks=2, course=SMALL._replace(epochs=200))
    errors = [np.abs(predict(each, x[30:], "b").mean(axis=0) - truth[30:]).mean() for each in (together, alone)]
    assert errors[0] < 0.35 * errors[1]


def test_an_unknown_value_gives_no_gradient():
    x, y, _ = data(200)
    member = joint_training._drawn(np.random.default_rng(0), 6, 2, SMALL)
    goals, w = jnp.asarray(np.nan_to_num(y), jnp.float32), np.ones((200, 2), np.float32)
    w[:, 1] = 0
    gradient = jax.jit(jax.grad(joint_training.loss))(member, jnp.asarray(x), goals, jnp.asarray(w))
    own = [np.asarray(part) for part in (gradient.heads.kernel[:, 1], *(each[1] for each in gradient.heads[1:]))]
    other = [np.asarray(part) for part in (gradient.heads.kernel[:, 0], *(each[0] for each in gradient.heads[1:]))]
    assert not any(part.any() for part in own)
    assert all(part.any() for part in other)


def test_same_seed_same_bytes(first):
    x, y, _ = data()
    again = train(0, ["a"], x, y[:, :1], networks=1, course=SMALL._replace(rest=None))
    assert digest(again) == digest(first._replace(members=first.members[:1]))
    other = train(1, ["a"], x, y[:, :1], networks=1, course=SMALL._replace(rest=None))
    assert digest(other) != digest(again)


def test_going_on_keeps_scaling_and_known_heads(first):
    x, y, _ = data()
    none = SMALL._replace(epochs=1, rate=0.0)
    going = train(5, ["b", "a"], x + 1, y[:, ::-1], networks=2, course=none, target="b", start=first)
    np.testing.assert_array_equal(going.scaling.mean, first.scaling.mean)
    np.testing.assert_allclose(predict(going, x, "a"), predict(first, x, "a"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda y: y[:, :1], r"shape \(200, 2\)"),
        (lambda y: np.where(np.arange(200)[:, None] == 7, np.nan, y), "1 rows without"),
        (lambda y: np.where(np.arange(2) == 1, np.nan, y), "values of b that vary"),
        (lambda y: np.where(np.arange(2) == 1, 3.0, y), "values of b that vary"),
    ],
)
def test_values_that_cannot_be_learned_are_refused(change, said):
    x, y, _ = data(200)
    with pytest.raises(ValueError, match=said):
        train(0, ["a", "b"], x, change(y), networks=1, course=SMALL)


def test_inputs_are_shares_of_elements():
    table = assemble("t", ["Fe2O3", "Fe4O6", "NaCl", "O2", "Fe"], np.arange(5.0), minimum=1)
    assert table.keys == ("Fe2O3", "NaCl", "O", "Fe")
    roots = inputs(table.compositions)[:, -N_ELEMENTS:]
    np.testing.assert_allclose(((roots / ROOT_SCALE) ** 2).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.sort(roots[0])[-2:], ROOT_SCALE * np.sqrt([0.4, 0.6]), rtol=1e-6)
    assert (roots[2:] > 0).sum(axis=1).tolist() == [1, 1]


METALS, ANIONS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In"), ("O", "S", "Se", "F", "Cl", "Br")
FORMULAS = [f"{m}{i}{a}{j}" for m in METALS for a in ANIONS for i, j in ((1, 1), (1, 2), (2, 1), (2, 3))]
TINY = Course(epochs=2, batch=32, widths=(16, 8), head=4)
RECIPE = Recipe(1, 0, TINY, TINY, TINY)


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    values = rng.normal(size=len(FORMULAS))
    source = assemble("source", FORMULAS, values)
    # The held-out formula K2S is in the target's training rows as well, as a polymorph may be.
    target = assemble("target", FORMULAS[:60], values[:60] + 5)
    return target, source, ["Mg1O1", "K2S1", "Br1Ba1"]


def keys_of(texts):
    return set(assemble("t", texts, np.arange(float(len(texts))), minimum=1).keys)


def test_held_out_formulas_are_in_no_source(tables):
    target, source, texts = tables
    held = keys_of(texts)
    assert held <= set(source.keys)
    assert not held & set(sources_without([source], held).keys)
    joined = with_target(target, [source], held, np.arange(60))
    y = dict(zip(joined.keys, joined.y, strict=True))
    for key in held:
        assert key not in y or (np.isnan(y[key][1]) and key in target.keys)
    assert np.isfinite(joined.y[:, 1]).sum() == len(source) - len(held)


def test_held_out_values_reach_no_prediction(tables):
    target, source, texts = tables
    held = keys_of(texts)
    spoiled = np.where([key in held for key in source.keys], 1e3, source.values)
    seen, starts = [], []
    for values, exclude in ((source.values, held), (spoiled, held), (spoiled, set())):
        given = assemble("source", source.keys, values)
        starts.append(learn_sources([given], RECIPE, exclude={*target.keys, *exclude}))
        model = learn_target(target, [given], RECIPE, first=starts[-1], exclude=exclude)
        seen.append(model.predict(source.compositions))
    assert digest(starts[0]) == digest(starts[1])
    np.testing.assert_array_equal(seen[0], seen[1])
    assert np.abs(seen[2] - seen[1]).max() > 0


def test_a_target_that_is_never_negative_is_not_predicted_to_be(tables):
    target, _, _ = tables
    zeros = assemble("target", target.keys, np.maximum(target.values - 5, 0))
    assert learn_target(zeros, [], RECIPE).predict(target.compositions).min() >= 0
    below = assemble("target", target.keys, target.values - 20)
    assert learn_target(below, [], RECIPE).predict(target.compositions).min() < 0


def test_tables_need_names_of_their_own(tables):
    target, _, _ = tables
    with pytest.raises(ValueError, match="different names"):
        learn_target(target, [target], RECIPE)


def test_each_fold_is_predicted_by_networks_that_know_nothing_of_it(tables):
    target, source, _ = tables
    folds = np.arange(len(target)) % 3
    honest = out_of_fold(target, [source], RECIPE, folds)
    own = [table.keys.index(target.keys[4]) for table in (target, source)]
    seen = []
    for table, row in zip((target, source), own, strict=True):
        values = table.values.copy()
        values[row] += 100
        spoiled = replace(table, values=values)
        given = (spoiled, [source]) if table is target else (target, [spoiled])
        seen.append(out_of_fold(*given, RECIPE, folds) - honest)
    for difference in seen:
        assert not difference[folds == folds[4]].any()
        assert difference[folds != folds[4]].any()


def test_learning_together_from_python(tables, monkeypatch):
    monkeypatch.setattr(
        "kakehashi.screen.api.joint.Recipe", lambda networks, seed: RECIPE._replace(networks=networks, seed=seed)
    )
    target, source, _ = tables
    logarithmic = replace(target, values=np.exp(target.values), log=True)
    found = kakehashi.learn_together(logarithmic, [replace(source, name="target")], networks=1, folds=2)
    assert found.held_out.shape == found.folds.shape == (60,)
    assert found.mae == np.abs(found.held_out - logarithmic.values).mean()
    asked = [target.keys.index(key) for key in ("K2S", "NaBr")]
    fitted = found.model.predict(target.compositions.take(np.array(asked)))
    np.testing.assert_allclose(np.log(found.predict(["K2S", "Na2Br2"])), fitted, rtol=1e-5)
    with pytest.raises(UserError, match="cannot be read: 'Xx'"):
        found.predict(["MgO", "Xx"])
    units = replace(target, molecules=Molecules(target.keys, target.keys))
    for table, words in ((replace(target, values=np.ones(60)), "different values"), (units, "see compositions")):
        with pytest.raises(UserError, match=words):
            kakehashi.learn_together(table, [source], networks=1, folds=2)
