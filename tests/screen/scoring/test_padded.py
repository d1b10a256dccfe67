"""Padded networks and folded heads: the same numbers as features built, scaled, joined and asked one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.screen.heads.gp import gp
from kakehashi.screen.heads.ridge import ridge
from kakehashi.screen.networks.features import frozen_features
from kakehashi.screen.networks.pyramid import Layer, activations
from kakehashi.screen.scoring.padded import (
    STEP,
    affine_products,
    hidden_features,
    make_views,
    pad_layers,
    run_layers,
    select_inputs,
)

WIDTHS = (37, 32, 5)


def network(normalised=False, inputs=20):
    rng = np.random.default_rng(3)
    layers = []
    for n_in, n_out in zip((inputs, *WIDTHS), WIDTHS, strict=False):
        kernel = rng.standard_normal((n_in, n_out)) * np.sqrt(2 / n_in)
        rest = [rng.uniform(0.5, 1.5, n_out), rng.normal(size=n_out)] if normalised else []
        layers.append(Layer(*(a.astype(np.float32) for a in (kernel, rng.normal(size=n_out), *rest))))
    return tuple(layers)


def scales_of(hidden):
    scales = [np.random.default_rng(len(h.bias)).uniform(0.3, 3.0, len(h.bias)).astype(np.float32) for h in hidden]
    scales[0][4] = np.inf  # a near-dead unit
    return scales


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).standard_normal((64, 20)).astype(np.float32)


@pytest.mark.parametrize("normalised", [False, True])
def test_padding_changes_no_activation(x, normalised):
    hidden = network(normalised)
    padded = pad_layers(hidden)
    assert [layer.kernel.shape[1] for layer in padded] == [48, 32, 16]
    assert all(layer.kernel.shape[1] % STEP == 0 for layer in padded)
    done, expected = run_layers(padded, jnp.asarray(x)), activations(hidden, x)[1]
    for found, a in zip(done.inputs[1:], expected, strict=True):
        np.testing.assert_allclose(found[:, : a.shape[1]], a, rtol=1e-5, atol=1e-5)
        assert not np.any(np.asarray(found)[:, a.shape[1] :])


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 0, 9])
@pytest.mark.parametrize("head", [ridge, gp], ids=["ridge", "gp"])
def test_a_folded_head_predicts_as_on_features(x, normalised, depth, head):
    hidden, rows = network(normalised), slice(0, 24)
    scales = scales_of(hidden)
    chosen = frozen_features(hidden, x, min(depth, 3) % 3)
    used = scales[len(scales) - len(chosen) :]
    design = np.concatenate([np.asarray(f, np.float64) / s for f, s in zip(chosen, used, strict=True)], axis=1)
    params = head.fit(design[rows], np.sin(x[rows, 0].astype(np.float64)))
    expected = head.predict(params, design)
    centre, matrix, rest = head.affine.split(params)
    single = jax.tree.map(
        lambda a: jnp.asarray(a, jnp.float32), (make_views(hidden, scales, depth, centre, matrix), rest)
    )
    done = run_layers(pad_layers(hidden), jnp.asarray(x))
    found = head.affine.finish(single[1], *affine_products(done, single[0]))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(hidden_features(done, pad_layers(hidden), scales, depth), design, rtol=1e-5, atol=1e-5)


def test_a_dropped_unit_weighs_nothing(x):
    hidden = network()
    scales = scales_of(hidden)
    wild = [Layer(h.kernel.copy(), h.bias.copy()) for h in hidden]
    wild[0].bias[4] = -1e6  # inactive from here on, whatever its value
    calm = [Layer(h.kernel.copy(), h.bias.copy()) for h in hidden]
    for layers in (wild, calm):
        layers[1].kernel[4] = 0.0
    matrix, centre = np.random.default_rng(0).normal(size=(37 + 32 + 5, 3)), np.zeros(37 + 32 + 5)
    found = [
        affine_products(run_layers(pad_layers(h), jnp.asarray(x)), make_views(h, scales, 0, centre, matrix))
        for h in (wild, calm)
    ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


def test_networks_that_ignore_most_inputs_run_on_the_rest_alone():
    rng = np.random.default_rng(0)
    kernel = np.zeros((1000, 20), np.float32)
    used = np.sort(rng.choice(1000, 130, replace=False))
    kernel[used] = rng.normal(size=(130, 20))
    hidden = (Layer(kernel, np.zeros(20, np.float32)), Layer(np.ones((20, 5), np.float32), np.zeros(5, np.float32)))
    inputs, slim = select_inputs(hidden)
    assert inputs is not None
    assert len(inputs) == 192
    x = rng.normal(size=(7, 1000)).astype(np.float32)
    np.testing.assert_allclose(x[:, inputs] @ slim[0].kernel, x @ kernel, rtol=2e-5, atol=1e-5)
    assert select_inputs(slim)[0] is None  # most of its inputs are used
    assert select_inputs(hidden[:1])[0] is None
