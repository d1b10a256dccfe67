"""Fine-tuned foundation networks: they learn, average, repeat, and say how far off they are."""

from __future__ import annotations

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.screen.foundation.record import FoundationNetwork, NormLayer
from kakehashi.screen.heads import tuned
from kakehashi.screen.heads.head import FloatArray, Params

WIDTH, INPUTS, ROWS = 16, 6, 300


def network(seed: int) -> FoundationNetwork:
    rng = np.random.default_rng(seed)
    hidden, width = [], INPUTS
    for _ in range(2):
        kernel = rng.normal(size=(width, WIDTH)).astype(np.float32) / np.sqrt(width)
        hidden.append(NormLayer(kernel, np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)))
        width = WIDTH
    return FoundationNetwork(tuple(hidden), rng.normal(size=(WIDTH, 3)).astype(np.float32), np.zeros(3, np.float32))


NETWORKS = tuple(network(seed) for seed in range(3))


def values(x: FloatArray) -> FloatArray:
    return np.asarray(100.0 + 5.0 * np.sin(x[:, 0]) + 3.0 * x[:, 1] * x[:, 2])


@pytest.fixture(scope="module")
def inputs() -> FloatArray:
    return np.random.default_rng(7).normal(size=(2 * ROWS, INPUTS))


@pytest.fixture(scope="module")
def fitted(inputs: FloatArray) -> Iterator[Params]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tuned, "ONE", 10)
        yield tuned.tuned_from(NETWORKS).fit(inputs[:ROWS], values(inputs[:ROWS]))


def test_rows_never_seen_err_about_as_much_as_the_noise_says(fitted: Params, inputs: FloatArray) -> None:
    y = values(inputs[ROWS:])
    mean, spread = tuned.predict(fitted, inputs[ROWS:])
    error = np.sqrt(np.mean((mean - y) ** 2))
    assert error < 0.6 * y.std()
    assert 0.5 < error / fitted["noise"] < 1.2  # the mean of two errs less than each
    assert (spread >= fitted["noise"] * (1 - 1e-6)).all()


def test_the_mean_is_of_the_networks(fitted: Params, inputs: FloatArray) -> None:
    single = ("slope", "offset", "noise")
    each = [
        tuned.predict({k: v if k in single else v[i : i + 1] for k, v in fitted.items()}, inputs)[0] for i in range(2)
    ]
    mean, spread = tuned.predict(fitted, inputs)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-5)
    np.testing.assert_allclose(spread**2, np.var(each, axis=0) + fitted["noise"] ** 2, rtol=1e-4)


def test_the_same_rows_give_the_same_bits(fitted: Params, inputs: FloatArray) -> None:
    again = tuned.tuned_from(NETWORKS).fit(inputs[:ROWS], values(inputs[:ROWS]))
    assert len(fitted["bias"]) == 2
    assert fitted.keys() == again.keys()
    for name, value in fitted.items():
        np.testing.assert_array_equal(value, again[name])


def test_arrays_of_jax_and_numpy_agree(fitted: Params, inputs: FloatArray) -> None:
    on_device = tuned.predict(fitted, jnp.asarray(inputs, jnp.float32))
    for ours, theirs in zip(tuned.predict(fitted, inputs), on_device, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5)


def test_inner_predictions_are_of_models_that_did_not_see_the_row(inputs: FloatArray) -> None:
    """Values at random cannot be predicted by models that never saw them."""
    y = np.random.default_rng(3).normal(size=ROWS)
    head = tuned.tuned_from(NETWORKS)
    assert head.cross_validate is not None
    inner = head.cross_validate(inputs[:ROWS], y, np.arange(ROWS) % 10)
    assert abs(np.corrcoef(inner, y)[0, 1]) < 0.2


def test_values_that_do_not_vary_are_returned(inputs: FloatArray) -> None:
    params = tuned.tuned_from(NETWORKS[:1]).fit(inputs[:40], np.full(40, 2.5))
    np.testing.assert_allclose(tuned.predict(params, inputs)[0], 2.5, atol=0.1)


def test_without_networks_there_is_nothing_to_tune(inputs: FloatArray) -> None:
    with pytest.raises(ValueError, match="starts from a network"):
        tuned.tuned.fit(inputs, values(inputs))
