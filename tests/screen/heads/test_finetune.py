"""Fine-tuning against finite differences, a planted shift, and the jitted scorer's arrays."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.screen.heads import finetune as module
from kakehashi.screen.heads.finetune import finetune, forward, starting_from
from kakehashi.screen.networks.pyramid import Layer, Network

WIDTHS = (12, 9, 6)


def network(seed=0, normalised=False):
    rng = np.random.default_rng(seed)
    hidden = tuple(
        Layer(
            (rng.normal(size=(n, m)) / np.sqrt(n)).astype(np.float32),
            rng.normal(size=m).astype(np.float32),
            rng.uniform(0.5, 2, m).astype(np.float32) if normalised else None,
            rng.normal(size=m).astype(np.float32) if normalised else None,
        )
        for n, m in itertools.pairwise(WIDTHS)
    )
    output = Layer(rng.normal(size=(WIDTHS[-1], 1)).astype(np.float32), np.ones(1, np.float32))
    return Network(hidden, output, np.empty(0), 0)


def trunk_rows(n=40, seed=1):
    return np.random.default_rng(seed).normal(size=(n, WIDTHS[1]))


def answer(net, x):
    """The network's own output from what enters its last hidden layer."""
    layer = net.hidden[-1]
    z = x @ layer.kernel + layer.bias
    if layer.scale is not None:
        z = z * layer.scale + layer.shift
    return np.where(z >= 0, z, 0.01 * z) @ net.output.kernel[:, 0] + net.output.bias[0]


@pytest.mark.parametrize("normalised", [False, True])
def test_a_target_that_is_the_source_in_another_unit_needs_no_training(normalised):
    net, x = network(normalised=normalised), trunk_rows()
    y = 300.0 + 7.0 * answer(net, x)
    params = starting_from(net).fit(x, y)
    new = trunk_rows(25, 2)
    mean, spread = finetune.predict(params, new)
    np.testing.assert_allclose(mean, 300.0 + 7.0 * answer(net, new), atol=1e-3 * y.std())
    assert spread.max() < 1e-2 * y.std()


def test_gradient_is_that_of_finite_differences():
    net, x = network(normalised=True), trunk_rows(15).astype(np.float32)
    y = np.random.default_rng(3).normal(size=15).astype(np.float32)
    frame = {"scale": net.hidden[-1].scale, "shift": net.hidden[-1].shift}
    weights = {
        "kernel": net.hidden[-1].kernel,
        "bias": net.hidden[-1].bias,
        "out": net.output.kernel[:, 0],
        "constant": np.float32(0.3),
    }
    wide = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    gradient = module._gradient(weights, frame, x, y)
    for name, value in wide.items():
        for index in np.ndindex(value.shape):
            losses = []
            for step in (1e-5, -1e-5):
                moved = {**wide, name: value.copy()}
                moved[name][index] += step
                losses.append(np.mean((forward(moved, frame, x.astype(np.float64)) - y) ** 2))
            assert np.asarray(gradient[name])[index] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=2e-4)


def test_training_learns_what_the_source_does_not_know():
    net, x = network(), trunk_rows(200)
    y = answer(net, x) + np.maximum(x[:, 0], 0)
    head = starting_from(net)
    new = trunk_rows(200, 5)
    truth = answer(net, new) + np.maximum(new[:, 0], 0)
    line = np.polyval(np.polyfit(answer(net, x), y, 1), answer(net, new))
    tuned = finetune.predict(head.fit(x, y), new)[0]
    assert np.mean((tuned - truth) ** 2) < 0.7 * np.mean((line - truth) ** 2)


def test_early_stopping_spares_a_target_of_noise():
    net, x = network(), trunk_rows(40)
    y = np.random.default_rng(7).normal(size=40)
    fitted = finetune.predict(starting_from(net).fit(x, y), x)[0]
    assert np.std(fitted) < 0.8 * np.std(y)


def test_the_same_twice_and_in_jax():
    net, x = network(), trunk_rows()
    y = answer(net, x) + 0.3 * x[:, 2]
    one, other = (starting_from(net).fit(x, y) for _ in range(2))
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])
    single = {name: jnp.asarray(value, jnp.float32) for name, value in one.items()}
    for host, device in zip(
        finetune.predict(one, x), finetune.predict(single, jnp.asarray(x, jnp.float32)), strict=True
    ):
        np.testing.assert_allclose(np.asarray(device), host, rtol=1e-4, atol=1e-5)


def test_units_and_offsets_carry_over():
    net, x = network(), trunk_rows()
    y = answer(net, x) + 0.3 * x[:, 2]
    (mean, spread), (scaled, wider) = (finetune.predict(starting_from(net).fit(x, v), x) for v in (y, 1e-6 * y + 3e-5))
    np.testing.assert_allclose(scaled, 1e-6 * mean + 3e-5, rtol=1e-4)
    np.testing.assert_allclose(wider, 1e-6 * spread, rtol=1e-2)


def test_nothing_to_learn_gives_the_mean():
    params = starting_from(network()).fit(trunk_rows(), np.full(40, 2.5))
    np.testing.assert_array_equal(finetune.predict(params, trunk_rows(5, 9))[0], 2.5)
    assert finetune.ceiling(params) == 2.5


def test_fine_tuning_without_a_network_is_refused():
    with pytest.raises(ValueError, match="starts from a network"):
        finetune.fit(trunk_rows(), np.zeros(40))
