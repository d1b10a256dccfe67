"""Pyramids: the draw of widths, padding, forward passes against flax and against XenonPy."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.screen.networks.pyramid import (
    NEGATIVE_SLOPE,
    Network,
    Pyramid,
    activations,
    draw_widths,
    initial_params,
    outputs,
    pad_params,
    trim_params,
)


def params(seed, widths, n_inputs, n_tasks=1):
    rng = np.random.default_rng(seed)
    drawn = initial_params(rng, widths, n_inputs, n_tasks)
    for layer in drawn.values():
        layer["bias"] = rng.normal(size=layer["bias"].shape).astype(np.float32)
    return drawn


def test_widths_never_grow_and_lie_within_the_ratios():
    rng = np.random.default_rng(0)
    drawn = [draw_widths(rng, 290) for _ in range(2000)]
    for widths in drawn:
        assert all(a >= b for a, b in pairwise(widths))
        assert min(widths) > 29
        assert max(widths) <= 174
    depths = np.bincount([len(widths) for widths in drawn], minlength=7)
    assert depths[:3].sum() == 0
    # 500 of each expected, standard deviation 19.
    np.testing.assert_allclose(depths[3:], 500, atol=80)
    # A uniform draw: mean of all widths 0.35 of the inputs, plus half a unit from rounding up.
    assert np.mean(np.concatenate(drawn)) == pytest.approx(0.35 * 290 + 0.5, rel=0.02)


def test_widths_are_xenonpys_draw():
    rng = np.random.default_rng(3)
    depth = int(rng.choice([3, 4, 5, 6]))
    expected = tuple(np.ceil(290 * np.array(sorted(rng.uniform(0.1, 0.6, depth), reverse=True))).astype(int))
    assert draw_widths(np.random.default_rng(3), 290) == expected


def test_kernels_start_he_normal():
    start = initial_params(np.random.default_rng(0), (200, 150), 290, 2)
    assert start["hidden_0"]["kernel"].shape == (290, 200)
    assert start["output"]["kernel"].shape == (150, 2)
    assert start["hidden_1"]["kernel"].std() == pytest.approx(np.sqrt(2 / 200), rel=0.02)
    assert not any(layer["bias"].any() for layer in start.values())


def test_numpy_jax_and_flax_agree():
    widths, x = (23, 11, 7), np.random.default_rng(1).normal(size=(9, 31)).astype(np.float32)
    drawn = params(0, widths, 31, 2)
    hidden, output = trim_params(drawn, widths)
    network = Network(hidden, output, np.empty(0), 0)
    flax = np.asarray(Pyramid(widths, 2).apply({"params": drawn}, jnp.asarray(x)))
    on_host = outputs(network, activations(hidden, x)[1][-1])
    on_device = outputs(network, activations(hidden, jnp.asarray(x))[1][-1])
    assert isinstance(on_host, np.ndarray)
    np.testing.assert_allclose(on_host, flax, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(np.asarray(on_device), flax, rtol=2e-5, atol=2e-5)
    assert network.widths == widths


def test_activations_are_leaky_relu_of_the_affine_outputs():
    hidden, _ = trim_params(params(0, (6, 5), 4), (6, 5))
    before, after = activations(hidden, np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32))
    for z, a in zip(before, after, strict=True):
        assert (z < 0).any()
        np.testing.assert_array_equal(a, np.where(z >= 0, z, np.float32(NEGATIVE_SLOPE) * z))


def test_padding_keeps_the_outputs_and_trimming_undoes_it():
    widths, wide = (9, 6, 4), (15, 6, 11)
    drawn = params(2, widths, 8)
    padded = pad_params(drawn, widths, wide)
    x = jnp.asarray(np.random.default_rng(2).normal(size=(20, 8)), jnp.float32)
    np.testing.assert_allclose(
        np.asarray(Pyramid(wide).apply({"params": padded}, x)),
        np.asarray(Pyramid(widths).apply({"params": drawn}, x)),
        rtol=1e-5,
        atol=1e-5,
    )
    hidden, output = trim_params(padded, widths)
    for i, layer in enumerate(hidden):
        np.testing.assert_array_equal(layer.kernel, drawn[f"hidden_{i}"]["kernel"])
        np.testing.assert_array_equal(layer.bias, drawn[f"hidden_{i}"]["bias"])
    np.testing.assert_array_equal(output.kernel, drawn["output"]["kernel"])
    np.testing.assert_array_equal(output.bias, drawn["output"]["bias"])


def test_xenonpy_predictions(xenonpy):
    network, stored = xenonpy
    predicted = outputs(network, activations(network.hidden, stored["X"])[1][-1])
    np.testing.assert_allclose(predicted, stored["pred"], rtol=1e-5, atol=1e-5)
