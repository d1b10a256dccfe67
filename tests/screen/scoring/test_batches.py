"""The jitted scorer against the host, and its independence of batches."""

import numpy as np
import pytest

from kakehashi.catalogs.formulas.slots import reduce
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.descriptors.scaling import standardise
from kakehashi.screen.scoring.batches import predict_compositions
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.stack import predict_stack
from kakehashi.screen.validation.domain import nearest


@pytest.fixture(scope="module")
def planted_model(planted, planted_library):
    """The model of the good source, with every kind of member in its stack."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kakehashi.screen.transfer.weights.LEAST", 0.0)
        patch.setattr("kakehashi.screen.transfer.weights.POWER", 1.0)
        return transfer(planted_library, planted.target, outer=5, inner=5)


@pytest.fixture(scope="module")
def device_model(planted_model):
    return prepare_model(planted_model)


@pytest.fixture(scope="module")
def pool():
    """1,147 real compositions: more than one batch, the second far from full."""
    from kakehashi.catalogs.properties.tables import load_table

    return reduce(load_table("volume_per_atom").compositions)


@pytest.fixture(scope="module")
def scores(device_model, pool):
    return predict_compositions(device_model, pool)


def take(compositions, rows):
    return Compositions(compositions.elements[rows], compositions.amounts[rows])


def equal(one, other, rows=slice(None)):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b[rows])


def test_host_and_device_agree(planted_model, pool, scores):
    assert len(pool.elements) > BATCH
    features = compute_features(planted_model.library, pool)
    mean, spread = predict_stack(planted_model.stack, features, np.arange(len(pool.elements)))
    np.testing.assert_allclose(scores.mean, mean, rtol=1e-4, atol=1e-4 * planted_model.target.y.std())
    np.testing.assert_allclose(scores.spread, spread, rtol=1e-4)
    space = np.asarray(standardise(planted_model.reference, features.raw))
    _, distance = nearest(space, planted_model.training)
    np.testing.assert_allclose(scores.distance, distance / planted_model.unit, rtol=1e-4, atol=1e-5)


def test_every_kind_of_member_is_scored(planted_model):
    # Otherwise the comparison above would leave a branch of the program untested.
    assert {member.plan.kind for member in planted_model.stack.members} == {"direct", "frozen", "predictions"}
    assert {member.plan.head for member in planted_model.stack.members} == {"ridge", "gp"}


def test_order_and_partition_change_no_bit(device_model, pool, scores):
    n = len(pool.elements)
    order = np.random.default_rng(0).permutation(n)
    equal(predict_compositions(device_model, take(pool, order)), scores, order)
    for rows in ([n - 1], np.arange(3), np.arange(100, 700), np.repeat(5, 1025)):
        equal(predict_compositions(device_model, take(pool, rows)), scores, rows)


def test_training_compounds_are_their_own_nearest(planted, device_model):
    found = predict_compositions(device_model, reduce(planted.target.compositions))
    np.testing.assert_array_equal(found.nearest, np.arange(40))
    assert found.distance.max() < 1e-5


def test_strangers_are_far(device_model, scores):
    assert np.median(scores.distance) > 0.2
    assert scores.distance.max() > 1
    assert np.isfinite(scores.mean).all()
    assert (scores.spread > 0).all()


def test_scores_follow_the_planted_source(planted, device_model, pool, scores):
    from kakehashi.catalogs.properties.tables import load_table

    keys = load_table("volume_per_atom").keys
    truth = dict(zip(planted.source.keys, planted.source.values, strict=True))
    rows = [i for i, key in enumerate(keys) if key in truth and key not in planted.target.keys]
    assert np.corrcoef(scores.mean[rows], [3 + truth[keys[i]] for i in rows])[0, 1] > 0.6


def test_nothing_to_score(device_model, pool):
    found = predict_compositions(device_model, take(pool, np.arange(0)))
    assert [len(column) for column in found] == [0, 0, 0, 0]


def test_sources_no_member_asks_stay_behind(planted_model):
    (member,) = [m for m in planted_model.stack.members if m.plan.kind == "direct" and m.plan.head == "gp"]
    alone = planted_model.stack._replace(members=(member,), weights=np.ones(1))
    light = prepare_model(planted_model._replace(stack=alone))
    assert light.groups == ()
    found = predict_compositions(light, reduce(planted_model.target.compositions))
    features = compute_features(planted_model.library, planted_model.target.compositions)
    np.testing.assert_allclose(found.mean, predict_stack(alone, features, np.arange(40))[0], rtol=1e-4)


def test_nothing_is_computed_twice_or_for_nobody(planted_model):
    """Matrix products traced: one per hidden layer, per layer a folded head looks at, per output; more for no one."""
    import jax
    import jax.numpy as jnp

    from kakehashi.screen.scoring.programs import run_group

    (source,) = planted_model.library.sources
    members = planted_model.stack.members
    layers = [len(network.hidden) for network in source.networks]

    def products(chosen):
        stack = planted_model.stack._replace(members=tuple(chosen), weights=np.ones(len(chosen)))
        device_model = prepare_model(planted_model._replace(stack=stack))
        raw = jnp.zeros((BATCH, 290), jnp.float32)
        parts = zip(device_model.groups, device_model.arrays["groups"], strict=True)
        traced = [
            jax.make_jaxpr(run_group, static_argnums=(0, 1, 2))(device_model.plans, g.heads, g.shown, a, raw)
            for g, a in parts
        ]
        return sum(count(program.jaxpr) for program in traced)

    def count(program):
        inner = [value for line in program.eqns for value in line.params.values() if hasattr(value, "jaxpr")]
        own = sum(line.primitive.name == "dot_general" for line in program.eqns)
        return own + sum(count(value.jaxpr) for value in inner)

    def looked_at(member):
        depth, further = member.plan.depth, {"ridge": 0, "gp": 2}[member.plan.head]
        return sum(min(depth or layers[i], layers[i]) + further for i in member.plan.networks)

    frozen = [m for m in members if m.plan.kind == "frozen"]
    predicting = [m for m in members if m.plan.kind == "predictions"]
    direct = [m for m in members if m.plan.kind == "direct"]
    assert products(direct) == 0
    assert products(predicting) == sum(layers) + len(layers)
    asked = sum(layers[i] for i in {i for m in frozen for i in m.plan.networks})
    assert products(frozen) == asked + sum(map(looked_at, frozen))
    assert products(members) == sum(layers) + len(layers) + sum(map(looked_at, frozen))
    one = frozen[0]
    alone = one._replace(plan=one.plan._replace(networks=one.plan.networks[:1]), params=one.params[:1])
    assert products([alone]) == layers[one.plan.networks[0]] + looked_at(alone)


def test_groups_of_networks_change_only_roundings(planted_model, pool, scores, monkeypatch):
    monkeypatch.setattr("kakehashi.screen.scoring.device_model.GROUP", 3)  # of four networks
    device_model = prepare_model(planted_model)
    assert [len(group.heads) for group in device_model.groups] == [3, 1]
    found = predict_compositions(device_model, pool)
    np.testing.assert_allclose(found.mean, scores.mean, rtol=1e-5)
    np.testing.assert_allclose(found.spread, scores.spread, rtol=1e-5)
