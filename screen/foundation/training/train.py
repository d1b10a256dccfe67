"""Training of one foundation network: every task counts, whatever its size.

A step sees rows drawn partly evenly and partly by the inverse size of the tasks that know them, and the losses are
weighted so that each task counts the same. The rate falls to zero over a fixed number of steps (one cycle; Smith &
Topin, 2019). The number of steps follows from the number of all formulas, so that one compiled program trains the
networks of every set.
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

from kakehashi.screen.foundation.forward import linear, noisy_layer
from kakehashi.screen.foundation.record import FoundationNetwork, NormLayer
from kakehashi.screen.networks.joint.train import smooth_error

# Steps of one call of the compiled program.
CHUNK = 50

Array = NDArray[np.float32]


class FoundationCourse(NamedTuple):
    """Length and rates of training by AdamW (Loshchilov & Hutter, 2019).

    epochs : of as many draws as there are formulas
    rate : at its highest after `warm` of all steps
    half : share of the draws that go by inverse task size
    noise : standard deviation of what is added to inputs
    """

    widths: tuple[int, ...] = (512, 512, 256)
    epochs: int = 15
    batch: int = 1024
    rate: float = 2e-3
    warm: float = 0.1
    decay: float = 1e-3
    dropout: float = 0.1
    noise: float = 0.03
    half: float = 0.5


def chunks(formulas: int, course: FoundationCourse) -> int:
    """Number of calls of the program that train a network."""
    return max(1, round(course.epochs * formulas / (course.batch * CHUNK)))


def train_network(
    seed: tuple[int, ...],
    x: Array,
    y: Array,
    rows: NDArray[np.int64],
    course: FoundationCourse,
    advance: Callable[[int], None] = lambda draws: None,
) -> FoundationNetwork:
    """Train a network on some rows of n formulas and k tasks.

    It depends on the seed, the values of these rows and n alone.

    Parameters
    ----------
    x, y : (n, 384) inputs, NumPy or already on the device; (n, k) standardised values, NaN where unknown
    rows : that it sees
    advance : called with the number of draws just done

    Raises
    ------
    ValueError : no row, or a row without any value.
    """
    known = np.isfinite(np.asarray(y)[rows])
    if not len(rows) or not known.any(axis=1).all():
        raise ValueError(f"expected rows with values, got {int((~known.any(axis=1)).sum())} of {len(rows)} without")
    rng = np.random.default_rng(seed)
    params: Any = jax.tree.map(jnp.asarray, _drawn(rng, x.shape[1], y.shape[1], course.widths))
    chances = _chances(known, course.half)
    steps = chunks(len(x), course)
    optimiser, program = _program(course, steps * CHUNK)
    state = optimiser.init(params)
    weights = jnp.asarray(_weights(known, chances, course.batch))
    held_x, held_y = jnp.asarray(x), jnp.asarray(y)
    total = np.cumsum(chances)
    # Of the generators jax offers, the one whose noise does not cost as much as the products.
    key = jax.random.key(int(rng.integers(2**31)), impl="rbg")
    for number in range(steps):
        places = np.searchsorted(total, rng.random((CHUNK, course.batch)) * total[-1])
        drawn = rows[np.minimum(places, len(rows) - 1)]
        params, state = program(
            params, state, held_x, held_y, weights, drawn.astype(np.int32), jax.random.fold_in(key, number)
        )
        params.bias.block_until_ready()
        advance(CHUNK * course.batch)
    trained: FoundationNetwork = jax.tree.map(np.asarray, params)
    return trained


def rounded(network: FoundationNetwork) -> FoundationNetwork:
    """Network whose weights have half precision, as it is kept."""
    rounded_network: FoundationNetwork = jax.tree.map(lambda a: a.astype(np.float16).astype(np.float32), network)
    return rounded_network


def _chances(known: NDArray[np.bool_], half: float) -> NDArray[np.float64]:
    """Chance (n,) of every row in a draw.

    known : (n, k)
    """
    sizes = known.sum(axis=0)
    by_task = (known / np.maximum(sizes, 1)).sum(axis=1)
    mixed = (1 - half) / len(known) + half * by_task / by_task.sum()
    return np.asarray(mixed / mixed.sum())


def _weights(known: NDArray[np.bool_], chances: NDArray[np.float64], batch: int) -> Array:
    """Weight (k,) of a value in the loss: the tasks' expected sums are alike."""
    expected = batch * (chances[:, None] * known).sum(axis=0)
    weights = np.where(expected > 0, 1.0 / np.maximum(expected, 1e-12), 0.0)
    return np.asarray(weights / known.shape[1], np.float32)


def _drawn(rng: np.random.Generator, n_inputs: int, n_tasks: int, widths: tuple[int, ...]) -> FoundationNetwork:
    """Draw a network: He-normal kernels (He et al., 2015)."""

    def normal(n_in: int, n_out: int, gain: float) -> Array:
        return np.asarray(rng.standard_normal((n_in, n_out)) * np.sqrt(gain / n_in), np.float32)

    sizes = (n_inputs, *widths)
    hidden = tuple(
        NormLayer(normal(a, b, 2.0), np.ones(b, np.float32), np.zeros(b, np.float32))
        for a, b in zip(sizes, widths, strict=False)
    )
    return FoundationNetwork(hidden, normal(sizes[-1], n_tasks, 1.0), np.zeros(n_tasks, np.float32))


@functools.lru_cache(maxsize=8)
def _program(course: FoundationCourse, steps: int) -> tuple[Any, Callable[..., tuple[Any, Any]]]:
    """Make the optimiser, and a jitted run of `CHUNK` of all steps.

    It maps (network, state, x, y, weights, rows (CHUNK, batch), key) to network and state.
    """
    cycle = optax.cosine_onecycle_schedule(steps, course.rate, course.warm)
    optimiser = optax.adamw(cycle, weight_decay=course.decay)

    def loss(network: FoundationNetwork, x: jax.Array, y: jax.Array, weights: jax.Array, key: jax.Array) -> jax.Array:
        last = noisy_layer(network, x, key, noise=course.noise, dropout=course.dropout)
        known = jnp.isfinite(y)
        error = smooth_error(linear(network, last) - jnp.where(known, y, 0.0))
        return jnp.sum(jnp.where(known, error, 0.0) * weights[None, :])

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def run(
        network: Any, state: Any, x: jax.Array, y: jax.Array, weights: jax.Array, rows: jax.Array, key: jax.Array
    ) -> tuple[Any, Any]:
        def step(carry: tuple[Any, Any], at: tuple[jax.Array, jax.Array]) -> tuple[tuple[Any, Any], None]:
            (network, state), (chosen, number) = carry, at
            gradient = jax.grad(loss)(network, x[chosen], y[chosen], weights, jax.random.fold_in(key, number))
            updates, state = optimiser.update(gradient, state, network)
            return (optax.apply_updates(network, updates), state), None

        return jax.lax.scan(step, (network, state), (rows, jnp.arange(len(rows))))[0]

    return optimiser, run
