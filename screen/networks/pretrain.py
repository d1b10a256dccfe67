"""Pre-training of many small networks on source properties.

Networks of one depth and similar widths share one compiled program (`buckets`; layers are padded to the widest of
the group; padded weights are zero and stay zero) and run a few at a time, one per core, each with its own validation
split, mini-batch order and early stopping. On a CPU this beats one batched program: small batched products run below
the rate of plain ones, and a batch waits for its slowest network.
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

from kakehashi.screen.networks.buckets import widths_of_groups
from kakehashi.screen.networks.pyramid import (
    HIDDEN_LAYERS,
    WIDTH_RATIOS,
    Network,
    Pyramid,
    draw_widths,
    initial_params,
    pad_params,
    trim_params,
)
from kakehashi.screen.pools import threads


class Schedule(NamedTuple):
    """Rate and length of the training of a network.

    row_visits : budget per network; epochs = row_visits / training rows, at most `max_epochs`
    patience : epochs without a better validation loss before a network stops
    """

    learning_rate: float = 3e-3
    batch: int = 128
    max_epochs: int = 200
    row_visits: int = 150_000
    patience: int = 20
    validation: float = 0.1


class _State(NamedTuple):
    params: Any
    optimiser: Any
    best: Any
    best_loss: jax.Array
    waited: jax.Array
    epoch: jax.Array


def pretrain(
    seed: int,
    x: NDArray[np.float32],
    y: NDArray[np.float64],
    mask: NDArray[np.bool_] | None = None,
    *,
    networks: int,
    hidden_layers: Sequence[int] = HIDDEN_LAYERS,
    ratios: tuple[float, float] = WIDTH_RATIOS,
    schedule: Schedule | None = None,
    drawn_inputs: tuple[int, int] | None = None,
    eligible: NDArray[np.bool_] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Network]:
    """Train random pyramids on standardised rows.

    Network i depends on (seed, i) and the data alone.

    (Up to rounding: how far its layers are padded depends on the other networks.)

    Parameters
    ----------
    x : (n, n_inputs) standardised inputs.
    y : (n, n_tasks) standardised targets, anything where `mask` is False.
    mask : (n, n_tasks) which targets are known; default all.
    drawn_inputs : every network sees a random number of inputs in this range, drawn from those that vary (as Wu et al.
        2019 draw fingerprint bits), and ignores the rest; default all inputs.
    eligible : (n_inputs,) which inputs may be seen at all; default all.
    progress : called with 1 after each network.

    Raises
    ------
    ValueError : fewer than 20 rows, a row or a task without any known target, or shapes that do not agree.
    """
    schedule = schedule or Schedule()
    n, n_inputs = x.shape
    known = np.ones(y.shape, bool) if mask is None else mask
    if y.ndim != 2 or y.shape != known.shape or len(y) != n:
        raise ValueError(f"expected y and mask of shape ({n}, n_tasks), got {y.shape} and {known.shape}")
    if n < 20:
        raise ValueError(f"expected at least 20 source rows to pre-train on, got {n}")
    if not known.any(axis=0).all():
        raise ValueError(f"expected a known target in every task, got {int((~known.any(axis=0)).sum())} tasks without")
    if not known.any(axis=1).all():
        raise ValueError(f"expected a known target in every row, got {int((~known.any(axis=1)).sum())} rows without")
    targets = np.where(known, y, 0.0).astype(np.float32)
    weights = _weights(known)
    data = (jnp.asarray(targets), jnp.asarray(weights))

    visible = np.ones(n_inputs, bool) if eligible is None else eligible
    inputs = [_draw_inputs(_generator(seed, i, 3), x, visible, drawn_inputs) for i in range(networks)]
    drawn = [draw_widths(_generator(seed, i), len(inputs[i]), hidden_layers, ratios) for i in range(networks)]
    # One shape for all, so that one compiled program serves them.
    n_columns = max(len(columns) for columns in inputs)
    n_train = n - _held_out(n, schedule)
    # Batches of equal size that leave out as few rows per epoch as possible.
    steps = max(1, round(n_train / schedule.batch))
    batch = n_train // steps
    epochs = int(np.clip(schedule.row_visits // n_train, 5, schedule.max_epochs))

    padded = widths_of_groups(drawn, n_columns)

    def train(i: int) -> Network:
        widths, wide = drawn[i], padded[i]
        program = _program(wide, y.shape[1], batch, steps, epochs, schedule)
        fitted_to, held = split(seed, i, n, schedule)
        columns = inputs[i]
        padded_x = np.zeros((n, n_columns), np.float32)
        padded_x[:, : len(columns)] = x[:, columns]
        start = initial_params(_generator(seed, i, 2), widths, len(columns), y.shape[1])
        key = jax.random.fold_in(jax.random.key(seed), i)
        wide_start = pad_params(start, widths, wide, n_columns)
        best, used, guesses = program(wide_start, key, padded_x, *data, fitted_to, held)
        r2 = _r2(targets[held], np.asarray(guesses), known[held])
        hidden, output = trim_params(jax.tree.map(np.asarray, best), widths)
        first = np.zeros((n_inputs, widths[0]), np.float32)
        first[columns] = hidden[0].kernel[: len(columns)]
        network = Network((hidden[0]._replace(kernel=first), *hidden[1:]), output, r2, int(used))
        if progress:
            progress(1)
        return network

    # One network of every group first: each compiles its program once, where two of a group would both compile it.
    first = [padded.index(wide) for wide in sorted(set(padded), key=lambda wide: (-len(wide), wide))]
    rest = [i for i in range(networks) if i not in first]
    with threads("network", networks) as pool:
        trained = dict(zip(first, pool.map(train, first), strict=True))
        trained |= zip(rest, pool.map(train, rest), strict=True)
    return [trained[i] for i in range(networks)]


def split(seed: int, i: int, n: int, schedule: Schedule) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training and validation rows of network i, of n."""
    order = _generator(seed, i, 1).permutation(n)
    held = _held_out(n, schedule)
    return order[: n - held], order[n - held :]


def _held_out(n: int, schedule: Schedule) -> int:
    return max(2, round(schedule.validation * n))


def _generator(seed: int, *path: int) -> np.random.Generator:
    return np.random.default_rng([seed, *path])


def _draw_inputs(
    generator: np.random.Generator,
    x: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    between: tuple[int, int] | None,
) -> NDArray[np.intp]:
    """Column numbers of one network's inputs.

    All of them, if there are no more than may be drawn.
    """
    if between is None:
        return np.flatnonzero(eligible)
    varying = np.flatnonzero(eligible & (np.ptp(x, axis=0) > 0))
    count = int(generator.integers(between[0], between[1] + 1))
    return np.sort(generator.permutation(varying)[:count])


def _weights(known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weight of every target in the loss, 0 where unknown.

    Every task counts equally, however many values it has.
    """
    return np.asarray(known / known.mean(axis=0), np.float32)


def _r2(y: NDArray[Any], predicted: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    out = np.full(y.shape[1], np.nan)
    for task in range(y.shape[1]):
        truth, guess = y[known[:, task], task].astype(np.float64), predicted[known[:, task], task]
        if len(truth) > 1 and np.ptp(truth) > 0:
            out[task] = 1 - np.sum((truth - guess) ** 2) / np.sum((truth - truth.mean()) ** 2)
    return out


@functools.lru_cache(maxsize=32)
def _program(
    widths: tuple[int, ...], n_tasks: int, batch: int, steps: int, epochs: int, schedule: Schedule
) -> Callable[..., tuple[Any, jax.Array, jax.Array]]:
    """Jitted training of one padded network.

    Maps (params, key, x, y, weights, train rows, held-out rows) to (best, epochs, outputs of the held-out rows).
    """
    network = Pyramid(widths, n_tasks)
    rate = optax.cosine_decay_schedule(schedule.learning_rate, epochs * steps)
    optimiser = optax.adam(rate)

    def apply(params: Any, x: jax.Array) -> jax.Array:
        return jnp.asarray(network.apply({"params": params}, x))

    def loss(params: Any, x: jax.Array, y: jax.Array, w: jax.Array) -> jax.Array:
        error = (apply(params, x) - y) ** 2
        return jnp.sum(w * error) / jnp.maximum(jnp.sum(w), 1.0)

    def run(
        params: Any, key: jax.Array, x: jax.Array, y: jax.Array, w: jax.Array, train: jax.Array, held: jax.Array
    ) -> tuple[Any, jax.Array, jax.Array]:
        watched = x[held], y[held], w[held]

        def step(carry: tuple[Any, Any], rows: jax.Array) -> tuple[tuple[Any, Any], None]:
            params, state = carry
            gradient = jax.grad(loss)(params, x[rows], y[rows], w[rows])
            updates, state = optimiser.update(gradient, state)
            return (optax.apply_updates(params, updates), state), None

        def epoch(state: _State) -> _State:
            shuffled = jax.random.permutation(jax.random.fold_in(key, state.epoch), train)
            batches = shuffled[: steps * batch].reshape(steps, batch)
            (params, optimiser_state), _ = jax.lax.scan(step, (state.params, state.optimiser), batches)
            now = loss(params, *watched)
            better = now < state.best_loss
            best = jax.tree.map(lambda new, old: jnp.where(better, new, old), params, state.best)
            return _State(
                params,
                optimiser_state,
                best,
                jnp.where(better, now, state.best_loss),
                jnp.where(better, 0, state.waited + 1),
                state.epoch + 1,
            )

        zero = jnp.zeros((), jnp.int32)
        start = _State(params, optimiser.init(params), params, jnp.float32(jnp.inf), zero, zero)
        end = jax.lax.while_loop(lambda s: (s.epoch < epochs) & (s.waited < schedule.patience), epoch, start)
        return end.best, end.epoch, apply(end.best, watched[0])

    return jax.jit(run)
