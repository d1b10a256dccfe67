"""Fine-tuning of foundation networks: all layers go on training on the target.

For targets of hundreds to thousands of values. The rate is low, and weights are drawn back to where they started. Of
all epochs the one counts that errs least on a tenth of the rows, whose errors also give the spread.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from kakehashi.screen.foundation.forward import linear, normalised
from kakehashi.screen.foundation.record import FoundationNetwork, NormLayer
from kakehashi.screen.heads.head import FloatArray, Head, Params, namespace, refit_per_fold
from kakehashi.screen.networks.joint.train import smooth_error


class TuningCourse(NamedTuple):
    """Length and rates of the training by AdamW (Loshchilov & Hutter, 2019).

    least, visits : rows seen in all epochs together, fewest and most; between them they grow with the rows squared
    grow : divisor of that square
    pull : strength of the way back to the first weights
    held : one in so many rows stops the training
    """

    epochs: int = 40
    least: int = 20_000
    visits: int = 100_000
    grow: int = 200
    rate: float = 1e-3
    batch: int = 64
    dropout: float = 0.1
    noise: float = 0.03
    pull: float = 1e-3
    held: int = 10


COURSE = TuningCourse()
# Most inner folds: each costs a training.
FOLDS, LARGE_FOLDS, LARGE = 3, 2, 2_000
# Arrays are filled up to such a number of rows, so that folds share a compiled program.
ROUND = 512


def tuned_from(network: FoundationNetwork) -> Head:
    """Make the head that fine-tunes a network on its inputs x (n, 384)."""
    fit_from = functools.partial(_fit, network)

    def cross_validate(x: FloatArray, y: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
        most = FOLDS if len(y) <= LARGE else LARGE_FOLDS
        return refit_per_fold(fit_from, predict, x, y, folds, most=most)

    return tuned._replace(fit=fit_from, cross_validate=cross_validate)


def epochs_for(rows: int, course: TuningCourse = COURSE) -> int:
    """Number of epochs on some training rows.

    >>> [epochs_for(rows) for rows in (500, 1_800, 4_000, 20_000, 100_000)]
    [40, 11, 20, 5, 1]
    """
    visits = min(course.visits, max(course.least, rows**2 // course.grow))
    return min(course.epochs, max(1, visits // max(1, rows)))


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean and spread at x (m, 384), NumPy or JAX as given."""
    count = sum(name.startswith("kernel") for name in params)
    hidden = tuple(NormLayer(params[f"kernel{i}"], params[f"gain{i}"], params[f"shift{i}"]) for i in range(count))
    network = FoundationNetwork(hidden, params["out"], params["bias"])
    outputs = _forward(network, jnp.asarray(x, jnp.float32))[:, 0]
    mean = outputs * params["slope"] + params["offset"]
    if namespace(x) is np:
        mean = np.asarray(mean, np.float64)
    return mean, 0.0 * mean + params["noise"]


def ceiling(params: Params) -> float:
    """Infinity: the output is linear."""
    return float("inf") if np.any(params["out"]) else float(params["offset"])


def _fit(network: FoundationNetwork, x: FloatArray, y: FloatArray) -> Params:
    offset, slope = float(y.mean()), float(y.std()) or 1.0
    goal = ((y - offset) / slope).astype(np.float32)
    held = np.random.default_rng(0).permutation(np.arange(len(y)) % COURSE.held) == 0
    best, error = _train(network, np.asarray(x, np.float32), goal, held)
    layers = {
        f"{name}{i}": np.asarray(value)
        for i, layer in enumerate(best.hidden)
        for name, value in layer._asdict().items()
    }
    return {
        **layers, "out": np.asarray(best.kernel), "bias": np.asarray(best.bias), "slope": np.float64(slope),
        "offset": np.float64(offset), "noise": np.float64(slope * error),
    }  # fmt: skip


def _train(
    network: FoundationNetwork, x: NDArray[np.float32], y: NDArray[np.float32], held: NDArray[np.bool_]
) -> tuple[FoundationNetwork, float]:
    """Network of the epoch with the least held-out error, and its root mean square there."""
    rng = np.random.default_rng(1)
    width = network.kernel.shape[0]
    fresh = network._replace(kernel=np.zeros((width, 1), np.float32), bias=np.zeros(1, np.float32))
    start: Any = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), fresh)
    rows, outside = np.flatnonzero(~held), np.flatnonzero(held)
    steps = max(1, round(len(rows) / COURSE.batch))
    course = COURSE._replace(epochs=epochs_for(len(rows)))
    optimiser, epoch = _program(course, steps)
    filled = -(-len(x) // ROUND) * ROUND
    data = jnp.asarray(np.pad(x, ((0, filled - len(x)), (0, 0)))), jnp.asarray(np.pad(y, (0, filled - len(y))))
    params, state = start, optimiser.init(start)
    best, least = start, np.inf
    for number in range(course.epochs):
        drawn = rng.permutation(np.resize(rows, steps * COURSE.batch)).reshape(steps, COURSE.batch)
        key = jax.random.key(number, impl="rbg")
        params, state = epoch(params, state, start, *data, jnp.asarray(drawn, jnp.int32), key)
        errors = np.asarray(_forward(params, data[0])[:, 0])[outside] - y[outside]
        error = float(np.sqrt(np.mean(errors**2)))
        if error < least:
            best, least = params, error
    kept: FoundationNetwork = jax.tree.map(np.asarray, best)
    return kept, least


@jax.jit
def _forward(network: FoundationNetwork, x: jax.Array) -> jax.Array:
    for layer in network.hidden:
        x = normalised(layer, x)
    return linear(network, x)


@functools.lru_cache(maxsize=16)
def _program(course: TuningCourse, steps: int) -> tuple[Any, Callable[..., tuple[Any, Any]]]:
    """Make the optimiser, and one jitted epoch."""
    cycle = optax.cosine_onecycle_schedule(max(2, course.epochs * steps), course.rate, 0.1)
    optimiser = optax.adam(cycle)
    share = round(256 * (1 - course.dropout))

    def loss(network: Any, start: Any, x: jax.Array, y: jax.Array, key: jax.Array) -> jax.Array:
        last = x + course.noise * jax.random.normal(jax.random.fold_in(key, len(network.hidden)), x.shape)
        for i, layer in enumerate(network.hidden):
            kept = jax.random.bits(jax.random.fold_in(key, i), (len(x), layer.kernel.shape[1]), "uint8") < share
            last = jnp.where(kept, normalised(layer, last) * (256 / share), 0.0)
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
