"""Training of crystal graph networks: Adam, cosine rate, early stopping.

Stopping watches crystals of held-out formulas.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from kakehashi.screen.descriptors.neighbours import Graphs
from kakehashi.screen.networks.crystal.batches import Room, by_size, pack
from kakehashi.screen.networks.crystal.network import CrystalGraphNetwork, CrystalNetwork, Outputs, Shape
from kakehashi.screen.validation.folds import grouped_folds

FloatArray = NDArray[np.float64]
MIN_CRYSTALS = 20
_ADAM = optax.scale_by_adam()


class Schedule(NamedTuple):
    """Rate and length of the training of a network.

    crystals : per batch, fewer where they are large; visits : crystals seen at most, which sets the number of epochs
    patience : epochs without a better validation loss before it stops; validation : share of the formulas held out
    """

    learning_rate: float = 3e-3
    crystals: int = 32
    max_epochs: int = 100
    visits: int = 60_000
    patience: int = 15
    validation: float = 0.1


SHAPE, SCHEDULE = Shape(), Schedule()


class State(NamedTuple):
    """Parameters, statistics and optimiser moments during training."""

    params: Any
    stats: Any
    optimiser: Any


def train(
    seed: int,
    graphs: Graphs,
    y: FloatArray,
    groups: Sequence[str],
    *,
    networks: int,
    shape: Shape = SHAPE,
    schedule: Schedule = SCHEDULE,
    progress: Callable[[int], None] | None = None,
) -> list[CrystalNetwork]:
    """Train networks one after the other.

    Network i depends on (seed, i) and the data alone.

    Parameters
    ----------
    y : (n,) standardised targets of n crystals.
    groups : n names, formulas; the crystals of one are never on both sides of a validation split.
    progress : called with 1 after each network.

    Raises
    ------
    ValueError : fewer than `MIN_CRYSTALS` crystals or 2 formulas, or targets that are not finite.
    """
    n = len(y)
    if n < MIN_CRYSTALS or len(set(groups)) < 2:
        raise ValueError(f"expected at least {MIN_CRYSTALS} crystals of 2 formulas to train on, got {n}")
    if not np.isfinite(y).all():
        raise ValueError("expected finite targets")
    trained = []
    for i in range(networks):
        trained.append(_one(np.random.default_rng([seed, i]), graphs, y, groups, shape, schedule))
        if progress:
            progress(1)
    return trained


def watched_rows(seed: int, i: int, groups: Sequence[str], schedule: Schedule = SCHEDULE) -> NDArray[np.int64]:
    """Rows held out for early stopping of network i."""
    return np.flatnonzero(_held(np.random.default_rng([seed, i]), groups, schedule))


def predict(networks: Sequence[CrystalNetwork], graphs: Graphs) -> list[Outputs]:
    """Outputs of each network for n graphs, in NumPy."""
    n = len(graphs.atoms) - 1
    outputs = [Outputs(*(np.empty((n, width), np.float32) for width in (*network.widths, 1))) for network in networks]
    for room, rows in by_size(graphs):
        for packed in pack(graphs, rows, room):
            batch = jax.tree.map(jnp.asarray, packed.batch)
            for network, out in zip(networks, outputs, strict=True):
                variables = {"params": network.params, "batch_stats": network.stats}
                computed = _asked(network.shape, room.crystals)(variables, batch)
                for whole, part in zip(out, computed, strict=True):
                    whole[packed.rows] = np.asarray(part)[: len(packed.rows)]
    return outputs


def _one(
    rng: np.random.Generator, graphs: Graphs, y: FloatArray, groups: Sequence[str], shape: Shape, schedule: Schedule
) -> CrystalNetwork:
    held = _held(rng, groups, schedule)
    rows, watched = np.flatnonzero(~held), np.flatnonzero(held)
    room = _room(graphs, schedule.crystals)
    epochs = int(np.clip(schedule.visits // len(rows), 10, schedule.max_epochs))
    steps = sum(1 for _ in pack(graphs, rng.permutation(rows), room))
    step, judge = _programs(shape, room.crystals)
    rate = optax.cosine_decay_schedule(schedule.learning_rate, epochs * steps)

    validation = [_with(packed, y, room) for packed in pack(graphs, watched, room)]
    state, best, losses = fresh(rng, shape, validation[0][0], room.crystals), None, []
    least, waited = np.inf, 0
    done = itertools.count()
    for _ in range(epochs):
        for packed in pack(graphs, rng.permutation(rows), room):
            state = step(state, np.float32(rate(next(done))), *_with(packed, y, room))
        losses.append(sum(float(judge(state, *arguments)) for arguments in validation) / len(watched))
        if losses[-1] < least:
            least, waited = losses[-1], 0
            best = jax.tree.map(np.asarray, state)
        elif (waited := waited + 1) >= schedule.patience:
            break
    if best is None:
        raise ValueError("training diverged: no epoch has a finite validation loss")
    truth = float(np.mean((y[watched] - y[watched].mean()) ** 2))
    r2 = 1 - least / truth if truth > 0 else np.nan
    return CrystalNetwork(shape, best.params, best.stats, np.array([r2]), np.array(losses, np.float32))


def _held(rng: np.random.Generator, groups: Sequence[str], schedule: Schedule) -> NDArray[np.bool_]:
    """Mask (n,) of held-out crystals, whole formulas.

    The first numbers that a network draws.
    """
    parts = max(2, min(round(1 / schedule.validation), len(set(groups))))
    return np.asarray(grouped_folds(groups, parts, int(rng.integers(2**31))) == 0)


def _room(graphs: Graphs, crystals: int) -> Room:
    """Room for crystals of average size, or for the largest.

    Half as much again is added.
    """
    sizes = [np.diff(offsets) for offsets in (graphs.atoms, graphs.edges)]
    atoms, edges = (int(max(1.1 * crystals * size.mean(), size.max())) for size in sizes)
    return Room(crystals + 1, -(-atoms // 64) * 64 + 1, -(-edges // 512) * 512 + 1)


def _with(packed: Any, y: FloatArray, room: Room) -> tuple[Any, NDArray[np.float32], NDArray[np.float32]]:
    """Arguments of a step: batch, targets (C,), their weights."""
    target, counts = np.zeros(room.crystals, np.float32), np.zeros(room.crystals, np.float32)
    target[: len(packed.rows)] = y[packed.rows]
    counts[: len(packed.rows)] = 1.0
    return packed.batch, target, counts


@functools.lru_cache(maxsize=8)
def _asked(shape: Shape, crystals: int) -> Callable[[Any, Any], Outputs]:
    network = CrystalGraphNetwork(shape)
    return jax.jit(lambda variables, batch: network.apply(variables, batch, crystals))


def fresh(rng: np.random.Generator, shape: Shape, batch: Any, crystals: int) -> State:
    """Draw parameters: LeCun-normal kernels, zero biases.

    With NumPy, as flax's own `init` compiles for seconds.
    """
    network = CrystalGraphNetwork(shape)
    shapes = jax.eval_shape(lambda key: network.init(key, batch, crystals), jax.random.key(0))

    def draw(path: Any, leaf: Any) -> NDArray[np.float32]:
        name = path[-1].key
        if name == "kernel":
            return np.asarray(rng.standard_normal(leaf.shape) / np.sqrt(leaf.shape[0]), np.float32)
        return np.full(leaf.shape, 1.0 if name in ("scale", "var") else 0.0, np.float32)

    drawn = jax.tree_util.tree_map_with_path(draw, shapes)
    return State(drawn["params"], drawn["batch_stats"], _ADAM.init(drawn["params"]))


@functools.lru_cache(maxsize=8)
def _programs(shape: Shape, crystals: int) -> tuple[Any, Any]:
    """Jitted training step, and jitted summed squared error.

    Both take (state, ..., batch, targets, counts).
    """
    network = CrystalGraphNetwork(shape)

    def error(prediction: jax.Array, y: jax.Array, counts: jax.Array) -> jax.Array:
        return jnp.sum(counts * (prediction[:, 0] - y) ** 2)

    def loss(params: Any, stats: Any, batch: Any, y: jax.Array, counts: jax.Array) -> tuple[jax.Array, Any]:
        variables = {"params": params, "batch_stats": stats}
        out, changed = network.apply(variables, batch, crystals, training=True, mutable=["batch_stats"])
        return error(out.prediction, y, counts) / jnp.sum(counts), changed["batch_stats"]

    def step(state: State, rate: jax.Array, batch: Any, y: jax.Array, counts: jax.Array) -> State:
        gradient, stats = jax.grad(loss, has_aux=True)(state.params, state.stats, batch, y, counts)
        updates, moments = _ADAM.update(gradient, state.optimiser)
        params = jax.tree.map(lambda p, u: p - rate * u, state.params, updates)
        return State(params, stats, moments)

    def judge(state: State, batch: Any, y: jax.Array, counts: jax.Array) -> jax.Array:
        out: Any = network.apply({"params": state.params, "batch_stats": state.stats}, batch, crystals)
        return error(out.prediction, y, counts)

    return jax.jit(step), jax.jit(judge)
