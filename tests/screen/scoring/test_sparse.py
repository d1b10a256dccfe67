"""Descriptors that are mostly zero: the same products, distances and scores as in full, whatever else is scored."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.heads.gp import gp
from kakehashi.screen.networks.pyramid import Layer, Network
from kakehashi.screen.networks.source import Library, Source
from kakehashi.screen.scoring import batches, device_model, sparse
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.scoring.padded import pad_layers, select_inputs
from kakehashi.screen.transfer.features import Features
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import Plan, fit_plan, predict_plan
from kakehashi.screen.transfer.stack import Stack
from kakehashi.screen.validation import domain

WIDTH, KNOWN = 130, 70


def counts(n, seed):
    """Rows as of fingerprints: most columns rare, some never met, numbers far beyond the clamp."""
    rng = np.random.default_rng(seed)
    often = np.minimum(0.4, 2.0 / np.arange(1, WIDTH + 1))
    often[-5:] = 0.0
    return ((rng.random((n, WIDTH)) < often) * rng.integers(1, 40, (n, WIDTH)) / 7).astype(np.float32)


@pytest.fixture(scope="module")
def known():
    return counts(KNOWN, 0)


@pytest.fixture(scope="module")
def new(known):
    rows = counts(sparse.ROWS + 90, 1)
    rows[0], rows[1] = 0.0, known[17]
    rows[2, -1] = 3.0  # a column that never varied
    return rows


def network(rng):
    widths, layers, n_in = (24, 17, 9), [], WIDTH
    for width in widths:
        kernel = rng.normal(size=(n_in, width)) * np.sqrt(2 / n_in)
        layers.append(Layer(kernel.astype(np.float32), rng.normal(size=width).astype(np.float32)))
        n_in = width
    layers[0].kernel[rng.permutation(WIDTH)[:90]] = 0.0
    output = Layer(rng.normal(size=(n_in, 1)).astype(np.float32), np.zeros(1, np.float32))
    return Network(tuple(layers), output, np.ones(1), 1)


@pytest.fixture(scope="module")
def features_of(known):
    """Two sources of three networks each, their scalings fitted on different rows."""
    from kakehashi.screen.networks.features import frozen_features
    from kakehashi.screen.networks.pyramid import outputs

    rng = np.random.default_rng(5)
    scalings = [fit_scaling(known[:50]), fit_scaling(np.vstack([known, counts(200, 9)]))]
    networks = [tuple(network(rng) for _ in range(3)) for _ in scalings]

    def features(raw):
        layers, guesses = [], []
        for scaling, own in zip(scalings, networks, strict=True):
            x = standardise(scaling, raw)
            layers.append(tuple(tuple(map(np.float64, frozen_features(n.hidden, x))) for n in own))
            last = [frozen_features(n.hidden, x, depth=1, activation="post")[0] for n in own]
            guesses.append(np.mean([outputs(n, z) for n, z in zip(own, last, strict=True)], axis=0, dtype=np.float64))
        return Features(raw, tuple(layers), np.hstack(guesses), (), tuple(networks))

    return features, scalings, networks


@pytest.fixture(scope="module")
def planted(known, features_of):
    """A model of every affine kind of member; what prepare never looks at stays empty."""
    features, scalings, networks = features_of
    seen = features(known)
    y = seen.predictions[:, 0] + np.sin(known[:, 0])
    plans = [
        Plan("direct", "gp"), Plan("predictions", "gp", gain=10.0), Plan("direct", "ridge"),
        Plan("frozen", "ridge", 1, 0, (0, 2)), Plan("stacked", "ridge", networks=(1,)),
    ]  # fmt: skip
    members = tuple(fit_plan(plan, seen, y, np.arange(KNOWN)) for plan in plans)
    stack = Stack(tuple(plan.kind for plan in plans), members, np.array([0.3, 0.3, 0.1, 0.2, 0.1]), 0.0)
    sources = tuple(
        Source(**{**dict.fromkeys(Source._fields), "scaling": s, "networks": n, "unit_scales": tuple(ones(n))})
        for s, n in zip(scalings, networks, strict=True)
    )
    space = np.asarray(standardise(scalings[1], known))
    library = Library(**{**dict.fromkeys(Library._fields), "sources": sources, "convention": "ecfp4"})
    parts = {"library": library, "stack": stack, "reference": scalings[1], "training": space, "unit": 2.0}
    return Model(**{**dict.fromkeys(Model._fields), **parts}), features


def ones(networks):
    return [tuple(np.ones(len(layer.bias), np.float32) for layer in n.hidden) for n in networks]


@pytest.fixture(scope="module")
def ready(planted):
    return prepare_model(planted[0])


@pytest.fixture(scope="module")
def found(ready, new):
    return batches.predict_components(ready, new)


def test_a_standardised_row_is_that_of_zeros_and_the_rest(known, new):
    scaling = fit_scaling(known)
    given = sparse.drop_zeros(new)
    np.testing.assert_array_equal(given.toarray(), new)
    z = np.asarray(standardise(scaling, new))
    assert np.abs(z).max() == 6.0  # the clamp is met
    np.testing.assert_allclose(
        sparse.shift_rows(scaling, given).toarray() + sparse.standardised_zeros(scaling), z, atol=1e-6
    )


def test_first_products_are_those_of_all_inputs(features_of, new):
    _, (scaling, _), ((one, *_), _) = features_of
    inputs, hidden = select_inputs(one.hidden, always=True)
    assert len(inputs) == WIDTH - 90
    padded = pad_layers(hidden)
    part = {"scaling": scaling, "networks": [{"inputs": inputs, "hidden": padded}]}
    (u,) = sparse.first_products(part, sparse.drop_zeros(new))
    expected = np.asarray(standardise(scaling, new), np.float64) @ one.hidden[0].kernel
    np.testing.assert_allclose((u + sparse.zero_products(scaling, inputs, padded[0]))[:, :24], expected, atol=2e-5)


def test_neighbours_are_those_of_the_full_rows(known, new):
    scaling = fit_scaling(known)
    training = np.asarray(standardise(scaling, known))
    distance, index = sparse.find_nearest(scaling, sparse.prepare_neighbours(scaling, training), sparse.drop_zeros(new))
    expected, apart = domain.nearest(np.asarray(standardise(scaling, new)), training)
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(distance, apart, rtol=1e-5, atol=1e-6)
    assert distance[1] == 0.0  # of a training row: exactly


def test_every_member_says_the_same_as_on_the_host(planted, ready, found, new):
    model, features = planted
    assert ready.sparse
    pairs = [predict_plan(member, features(new), np.arange(len(new))) for member in model.stack.members]
    means, spreads = (np.concatenate([pair[k] for pair in pairs]) for k in range(2))
    scale = means.std()
    np.testing.assert_allclose(found.means, means, atol=2e-4 * scale)
    np.testing.assert_allclose(found.spreads, spreads, rtol=1e-3)
    assert found.distance[1] == 0.0
    assert found.nearest[1] == 17


def test_full_rows_give_the_same_up_to_rounding(planted, found, new, monkeypatch):
    monkeypatch.setattr(sparse, "MOSTLY", 1.0)
    full = prepare_model(planted[0])
    assert not full.sparse
    other = batches.predict_components(full, new)
    np.testing.assert_allclose(found.means, other.means, atol=1e-4 * other.means.std())
    np.testing.assert_allclose(found.spreads, other.spreads, rtol=1e-3)
    np.testing.assert_allclose(found.distance, other.distance, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.nearest, other.nearest)


def test_no_bit_depends_on_the_rest_of_the_batch(ready, found, new):
    n = len(new)
    order = np.random.default_rng(0).permutation(n)
    for rows in (order, [n - 1], np.arange(3), np.repeat(5, sparse.ROWS + 1)):
        again = batches.predict_components(ready, new[rows])
        for name in ("means", "spreads", "distance", "nearest"):
            np.testing.assert_array_equal(getattr(again, name), getattr(found, name)[..., rows])
    assert batches.predict_components(ready, new[:0]).means.shape == (6, 0)


def test_gaussian_processes_on_the_same_rows_share_their_products(planted, ready):
    assert ready.blocks == (0, 0, 1, -1, -1)
    assert len(ready.arrays["blocks"]) == 2
    model, _ = planted
    first, second, *rest = model.stack.members
    moved = {**second.params[0], "rows": second.params[0]["rows"] + 1e-3}
    stack = model.stack._replace(members=(first, second._replace(params=(moved,)), *rest))
    assert prepare_model(model._replace(stack=stack)).blocks == (0, 1, 2, -1, -1)


def test_rows_that_are_not_mostly_zero_are_left_full(known):
    scaling = fit_scaling(known)
    assert sparse.is_worthwhile(scaling, standardise(scaling, known))
    assert not sparse.is_worthwhile(scaling, standardise(scaling, known + 1))


def test_a_head_that_sees_more_than_products_gets_full_rows(planted):
    model, _ = planted
    shallow = [
        s._replace(networks=tuple(n._replace(hidden=n.hidden[:1]) for n in s.networks)) for s in model.library.sources
    ]
    library = model.library._replace(sources=tuple(shallow))
    assert not device_model._needs_products_only(model._replace(library=library), prepare_model(model).groups)
    first, *rest = model.stack.members
    forest = first._replace(plan=first.plan._replace(head="forest"))
    assert not device_model._needs_products_only(
        model._replace(stack=model.stack._replace(members=(forest, *rest))), ()
    )


def test_a_triangular_root_explains_the_same_variance(monkeypatch):
    monkeypatch.setattr("kakehashi.screen.heads.gp.STRIPE", 32)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(70, 6))
    params = gp.fit(x, np.sin(x[:, 0]) + 0.1 * rng.normal(size=len(x)))
    at = rng.normal(size=(40, 6)) - params["centre"]
    _, matrix, rest = gp.affine.split(params)
    stripes = gp.affine.ready(rest)
    assert [part.shape for part in stripes["roots"]] == [(70, 32), (38, 32), (6, 6)]
    given = at @ matrix, np.sum(at**2, axis=1)
    for one, other in zip(gp.affine.finish(stripes, *given), gp.affine.finish(rest, *given), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    single = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), (stripes, given))
    spread = gp.affine.finish(single[0], *single[1])[1]
    np.testing.assert_allclose(spread, gp.affine.finish(rest, *given)[1], rtol=1e-3)
