"""Fine-tuning of foundation networks: all layers go on training on the target.

For targets of hundreds of values and more. Every network of the set is trained without a tenth of the rows, another
one each, over a fixed number of steps in which the rate falls to zero; no row decides when to stop. Weights are drawn
back to where they started. The mean of the networks predicts; their errors on the tenths give the noise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from kakehashi.screen.foundation.forward import linear, noisy_layer, predictions
from kakehashi.screen.foundation.record import FoundationNetwork, NormLayer
from kakehashi.screen.heads.head import FloatArray, Head, Params, namespace, refit_per_fold
from kakehashi.screen.networks.joint.train import smooth_error


class TuningCourse(NamedTuple):
    """Length and rates of the training by AdamW (Loshchilov & Hutter, 2019).

    visits : rows seen in all epochs together, at most; fewest : epochs at least
    noise : standard deviation of what is added to inputs
    pull : strength of the way back to the first weights
    held : one in so many rows measures the error of a network
    """

    epochs: int = 40
    visits: int = 120_000
    fewest: int = 1
    rate: float = 2e-3
    batch: int = 64
    dropout: float = 0.2
    noise: float = 0.03
    pull: float = 1e-4
    held: int = 10


COURSE = TuningCourse()
# Most inner folds, of one network each: every fold costs a training.
FOLDS = 2
# Up to so many rows one network is tuned, above two: time is the limit, and grows smoothly.
ONE = 1_500
# Arrays are filled up to such a number of rows, so that folds share a compiled program.
ROUND = 512


def tuned_from(networks: Sequence[FoundationNetwork]) -> Head:
    """Make the head that fine-tunes networks on their inputs x (n, 384)."""

    def cross_validate(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
        return refit_per_fold(functools.partial(_fit, networks[:1]), predict, x, y, folds, most=FOLDS)

    def fit(x: FloatArray, y: FloatArray) -> Params:
        return _fit(networks[: networks_for(len(y))], x, y)

    return tuned._replace(fit=fit, cross_validate=cross_validate)


def networks_for(rows: int) -> int:
    """Number of networks tuned on some training rows.

    >>> networks_for(1_000), networks_for(2_000)
    (1, 2)
    """
    return 1 if rows <= ONE else 2


def epochs_for(rows: int, course: TuningCourse = COURSE) -> int:
    """Number of epochs on some training rows.

    >>> [epochs_for(rows) for rows in (1_000, 5_000, 20_000, 100_000)]
    [40, 24, 6, 1]
    """
    return min(course.epochs, max(course.fewest, course.visits // max(1, rows)))


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean and spread at x (m, 384), NumPy or JAX as given."""
    held = jnp.asarray(x, jnp.float32)
    each = jnp.stack([_forward(network, held)[:, 0] for network in _networks(params)])
    mean = each.mean(axis=0) * params["slope"] + params["offset"]
    spread = jnp.sqrt((each.std(axis=0) * params["slope"]) ** 2 + params["noise"] ** 2)
    if namespace(x) is np:
        return np.asarray(mean, np.float64), np.asarray(spread, np.float64)
    return mean, spread


def ceiling(params: Params) -> float:
    """Infinity: the output is linear."""
    return float("inf") if np.any(params["out"]) else float(params["offset"])


def _fit(networks: Sequence[FoundationNetwork], x: FloatArray, y: FloatArray) -> Params:
    offset, slope = float(y.mean()), float(y.std()) or 1.0
    goal, inputs = ((y - offset) / slope).astype(np.float32), np.asarray(x, np.float32)
    tenth = np.random.default_rng(0).permutation(np.arange(len(y)) % COURSE.held)
    trained, errors = [], []
    for i, network in enumerate(networks):
        held = tenth == i % COURSE.held
        trained.append(_train(network, inputs, goal, np.flatnonzero(~held)))
        errors.append(np.asarray(_forward(trained[i], jnp.asarray(inputs[held])))[:, 0] - goal[held])
    first = trained[0]
    return {
        **{f"{name}{k}": np.stack([np.asarray(getattr(network.hidden[k], name)) for network in trained])
           for k in range(len(first.hidden)) for name in NormLayer._fields},
        "out": np.stack([np.asarray(network.kernel) for network in trained]),
        "bias": np.stack([np.asarray(network.bias) for network in trained]),
        "slope": np.float64(slope), "offset": np.float64(offset),
        "noise": np.float64(slope * np.sqrt(np.mean(np.concatenate(errors) ** 2))),
    }  # fmt: skip


def _networks(params: Params) -> list[FoundationNetwork]:
    """Networks whose arrays are stacked in params."""
    depth = sum(name.startswith("kernel") for name in params)
    return [
        FoundationNetwork(
            tuple(NormLayer(*(params[f"{name}{k}"][i] for name in NormLayer._fields)) for k in range(depth)),
            params["out"][i],
            params["bias"][i],
        )
        for i in range(len(params["bias"]))
    ]


def _train(
    network: FoundationNetwork, x: NDArray[np.float32], y: NDArray[np.float32], rows: NDArray[np.int64]
) -> FoundationNetwork:
    """Network with a fresh output, trained on some rows."""
    rng = np.random.default_rng(1)
    width = network.kernel.shape[0]
    fresh = network._replace(kernel=np.zeros((width, 1), np.float32), bias=np.zeros(1, np.float32))
    start: Any = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), fresh)
    steps = max(1, round(len(rows) / COURSE.batch))
    course = COURSE._replace(epochs=epochs_for(len(rows)))
    optimiser, epoch = _program(course, steps)
    filled = -(-len(x) // ROUND) * ROUND
    data = jnp.asarray(np.pad(x, ((0, filled - len(x)), (0, 0)))), jnp.asarray(np.pad(y, (0, filled - len(y))))
    params, state = start, optimiser.init(start)
    for number in range(course.epochs):
        drawn = rng.permutation(np.resize(rows, steps * COURSE.batch)).reshape(steps, COURSE.batch)
        key = jax.random.key(number, impl="rbg")
        params, state = epoch(params, state, start, *data, jnp.asarray(drawn, jnp.int32), key)
    trained: FoundationNetwork = jax.tree.map(np.asarray, params)
    return trained


@jax.jit
def _forward(network: FoundationNetwork, x: jax.Array) -> jax.Array:
    found: jax.Array = predictions((network,), x)
    return found


@functools.lru_cache(maxsize=16)
def _program(course: TuningCourse, steps: int) -> tuple[Any, Callable[..., tuple[Any, Any]]]:
    """Make the optimiser, and one jitted epoch."""
    cycle = optax.cosine_onecycle_schedule(max(2, course.epochs * steps), course.rate, 0.1)
    optimiser = optax.adam(cycle)

    def loss(network: Any, start: Any, x: jax.Array, y: jax.Array, key: jax.Array) -> jax.Array:
        last = noisy_layer(network, x, key, noise=course.noise, dropout=course.dropout)
        away = sum(jnp.sum((a - b) ** 2) for a, b in zip(jax.tree.leaves(network), jax.tree.leaves(start), strict=True))
        return jnp.mean(smooth_error(linear(network, last)[:, 0] - y)) + course.pull * away

    @jax.jit
    def epoch(
        network: Any, state: Any, start: Any, x: jax.Array, y: jax.Array, rows: jax.Array, key: jax.Array
    ) -> tuple[Any, Any]:
        def step(carry: tuple[Any, Any], at: tuple[jax.Array, jax.Array]) -> tuple[tuple[Any, Any], None]:
            (network, state), (chosen, number) = carry, at
            gradient = jax.grad(loss)(network, start, x[chosen], y[chosen], jax.random.fold_in(key, number))
            updates, state = optimiser.update(gradient, state, network)
            return (optax.apply_updates(network, updates), state), None

        return jax.lax.scan(step, (network, state), (rows, jnp.arange(len(rows))))[0]

    return optimiser, epoch


def _needs_a_network(x: FloatArray, y: FloatArray) -> Params:
    raise ValueError("fine-tuning starts from a network: use tuned_from(network)")


tuned = Head("tuned", _needs_a_network, predict, ceiling)
