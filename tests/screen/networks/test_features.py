"""Frozen features: parity with XenonPy's FrozenFeaturizer, depths, near-dead units."""

import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.screen.networks.features import ALL, frozen_features, unit_scales


@pytest.mark.parametrize(("depth", "key"), [(1, "frozen_depth1"), (2, "frozen_depth2"), (ALL, "frozen_all")])
def test_xenonpy_parity(xenonpy, depth, key):
    network, stored = xenonpy
    features = np.concatenate(frozen_features(network.hidden, stored["X"], depth), axis=1)
    assert features.shape == stored[key].shape
    np.testing.assert_allclose(features, stored[key], rtol=1e-5, atol=1e-5)


def test_xenonpy_parity_in_jax(xenonpy):
    network, stored = xenonpy
    features = frozen_features(network.hidden, jnp.asarray(stored["X"], jnp.float32))
    assert [f.shape[1] for f in features] == [165, 101, 80, 44]
    np.testing.assert_allclose(np.concatenate(features, axis=1), stored["frozen_all"], rtol=1e-4, atol=2e-5)


def test_post_is_normalised_then_activated(xenonpy):
    network, stored = xenonpy
    before = frozen_features(network.hidden, stored["X"])
    after = frozen_features(network.hidden, stored["X"], activation="post")
    for z, a, layer in zip(before, after, network.hidden, strict=True):
        normalised = z * layer.scale + layer.shift
        np.testing.assert_allclose(a, np.where(normalised > 0, normalised, 0.01 * normalised), rtol=1e-5, atol=1e-7)
    assert np.abs(before[0] - after[0]).max() > 1


def test_depth_outside_the_network(xenonpy):
    network, _ = xenonpy
    x = np.zeros((1, 290))
    assert len(frozen_features(network.hidden, x, 4)) == 4
    for depth in (-1, 5):
        with pytest.raises(ValueError, match="depth from 0"):
            frozen_features(network.hidden, x, depth)


def test_near_dead_units_are_dropped_and_the_rest_scaled():
    rng = np.random.default_rng(0)
    layer = rng.normal(size=(400, 5)) * [1.0, 2.0, 1e-5, 0.0, 0.01]
    (scales,) = unit_scales([layer])
    np.testing.assert_array_equal(np.isinf(scales), [False, False, True, True, False])
    scaled = layer / scales
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0, 0, 1], rtol=1e-5)


def test_near_dead_is_relative_to_the_layer():
    layer = np.random.default_rng(0).normal(size=(50, 6)) * 1e-6
    assert np.isfinite(unit_scales([layer])[0]).all()
