"""Hidden layers and predictions against plain loops, and between NumPy and JAX."""

import itertools

import jax.numpy as jnp
import numpy as np

from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.descriptors.element_roots import element_roots
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.foundation.forward import EPSILON, hidden_layer, outputs, predictions
from kakehashi.screen.foundation.inputs import foundation_inputs, foundation_scaling, inputs_of
from kakehashi.screen.foundation.record import FoundationNetwork, NormLayer


def networks(count, sizes=(9, 7, 5), tasks=3, seed=0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32)

    return [
        FoundationNetwork(
            tuple(NormLayer(draw(a, b), draw(b), draw(b)) for a, b in itertools.pairwise(sizes)),
            draw(sizes[-1], tasks),
            draw(tasks),
        )
        for _ in range(count)
    ]


def looped(network, x):
    """One row at a time, in float64."""
    last, given = [], []
    for row in x.astype(float):
        for layer in network.hidden:
            z = [sum(row[i] * layer.kernel[i, j] for i in range(len(row))) for j in range(layer.kernel.shape[1])]
            mean = sum(z) / len(z)
            variance = sum((v - mean) ** 2 for v in z) / len(z)
            z = [(v - mean) / np.sqrt(variance + EPSILON) * g + s
                 for v, g, s in zip(z, layer.gain, layer.shift, strict=True)]  # fmt: skip
            row = np.array([v / (1 + np.exp(-v)) for v in z])
        last.append(row)
        given.append(row @ network.kernel + network.bias)
    return np.array(last), np.array(given)


def test_forward_is_a_plain_loop():
    x = np.random.default_rng(1).normal(size=(6, 9)).astype(np.float32)
    members = networks(3)
    layers, given = zip(*(looped(network, x) for network in members), strict=True)
    got = outputs(members, x)
    np.testing.assert_allclose(got.layer, np.hstack(layers), atol=2e-5)
    np.testing.assert_allclose(got.predictions, np.mean(given, axis=0), atol=2e-5)
    np.testing.assert_array_equal(hidden_layer(members, x), got.layer)
    np.testing.assert_array_equal(predictions(members, x), got.predictions)


def test_numpy_equals_jax():
    x = np.random.default_rng(2).normal(size=(40, 9)).astype(np.float32)
    members = networks(2)
    for one, other in zip(outputs(members, x), outputs(members, jnp.asarray(x)), strict=True):
        np.testing.assert_allclose(one, np.asarray(other), atol=1e-5)


def test_a_row_has_its_bits_whatever_stands_beside_it():
    x = np.random.default_rng(3).normal(size=(BATCH + 300, 9)).astype(np.float32)
    members, rows = networks(2), np.array([BATCH + 250, 5, 700])
    whole, some = outputs(members, x), outputs(members, x[rows])
    assert whole.layer[rows].tobytes() == some.layer.tobytes()
    assert whole.predictions[rows].tobytes() == some.predictions.tobytes()


def test_inputs_by_numpy_and_jax(planted_data):
    compositions = planted_data.compositions
    raw, roots = describe(compositions, "reduced"), element_roots(compositions)
    scaling = foundation_scaling(raw)
    x = foundation_inputs(scaling, raw, roots)
    assert x.shape == (len(planted_data.keys), 290 + 94)
    assert x.dtype == np.float32
    assert np.abs(x).max() <= 6
    np.testing.assert_array_equal(inputs_of(scaling, compositions), x)
    in_jax = foundation_inputs(scaling, jnp.asarray(raw), jnp.asarray(roots))
    np.testing.assert_allclose(x, np.asarray(in_jax), atol=1e-4)
    np.testing.assert_allclose(x[:, -94:], 3 * roots)
