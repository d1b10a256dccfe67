"""Joint training of target and sources, one head per task.

The trunk is first trained on the sources alone, then goes on with the target as one more task among them, so that
one long pre-training serves many targets and folds while the target still shapes every layer. A value that is not
known has weight zero. There is no early stopping: the rate falls to zero over a fixed number of steps (one cycle;
Smith & Topin, 2019), so that no row is spent on deciding when to stop.
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

from kakehashi.screen.descriptors.scaling import Scaling, fit_scaling, standardise
from kakehashi.screen.networks.pyramid import Layer, matmul
from kakehashi.screen.pools import threads

Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
# Absolute errors below this many scales count quadratically.
SMOOTH = 0.05


class Course(NamedTuple):
    """Length and rates of training by AdamW (Loshchilov & Hutter, 2019).

    rate : at its highest after `warm` of all steps
    rest : rows without a value of the target per epoch, drawn anew for each; None takes all
    widths : of the hidden layers; head : of the one hidden layer that a task has to itself
    """

    epochs: int = 20
    rate: float = 2e-3
    rest: int | None = None
    warm: float = 0.15
    batch: int = 512
    dropout: float = 0.1
    decay: float = 1e-3
    widths: tuple[int, ...] = (512, 512, 256, 128)
    head: int = 64


class Heads(NamedTuple):
    """Heads of k tasks: a hidden layer and an output each.

    kernel : (n_last, k, width); bias, output : (k, width); constant : (k,)
    """

    kernel: Any
    bias: Any
    output: Any
    constant: Any


class Member(NamedTuple):
    """One network."""

    hidden: tuple[Layer, ...]
    heads: Heads


class Joint(NamedTuple):
    """Networks of the same tasks.

    tasks : k names
    scaling : of the inputs
    centre, scale : (k,) float64, median and spread of every task's training values
    """

    tasks: tuple[str, ...]
    scaling: Scaling
    centre: FloatArray
    scale: FloatArray
    members: tuple[Member, ...]


def train(
    seed: int,
    tasks: Sequence[str],
    x: Array,
    y: FloatArray,
    *,
    networks: int,
    course: Course | None = None,
    target: str | None = None,
    start: Joint | None = None,
    plain: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Joint:
    """Train networks on k tasks at once.

    Network i depends on (seed, i), the data and the network it continues.

    Parameters
    ----------
    x : (n, n_inputs) raw inputs; scaled here, or with the scaling of `start`.
    y : (n, k) values, NaN where unknown.
    target : the task whose rows are visited in every epoch, however few of the others are.
    start : networks to continue: hidden layers, and heads of shared tasks; in turn, where fewer than `networks`.
    plain : number of inputs, the last ones, that are not scaled.
    progress : called with 1 after each network.

    Raises
    ------
    ValueError : shapes that do not agree, a row or a task without any value, or a task whose values do not
        vary.
    """
    course = course or Course()
    known = np.isfinite(y)
    if y.shape != (len(x), len(tasks)):
        raise ValueError(f"expected y of shape ({len(x)}, {len(tasks)}), got {y.shape}")
    if not known.any(axis=1).all():
        raise ValueError(f"expected a value in every row, got {int((~known.any(axis=1)).sum())} rows without")
    for name, column, there in zip(tasks, y.T, known.T, strict=True):
        if not there.any() or not np.ptp(column[there]) > 0:
            raise ValueError(f"expected values of {name} that vary")
    scaling = start.scaling if start else _scaling(x, plain)
    centre, scale = _spread(tasks, y, start)
    z = np.asarray(standardise(scaling, x), np.float32)
    goals = np.where(known, (y - centre) / scale, 0.0).astype(np.float32)
    data = tuple(jnp.asarray(each) for each in (z, goals, _weights(known)))
    always = known[:, list(tasks).index(target)] if target else np.zeros(len(x), bool)

    def fit(i: int) -> Member:
        rng = np.random.default_rng([seed, i])
        member = _drawn(rng, x.shape[1], len(tasks), course)
        if start is not None:
            member = _continued(member, tasks, start, i)
        trained = _run(member, data, always, course, rng)
        if progress:
            progress(1)
        return trained

    with threads("network", networks) as pool:
        members = tuple(pool.map(fit, range(networks)))
    return Joint(tuple(tasks), scaling, centre, scale, members)


def predict(joint: Joint, x: Array, task: str, rows: int = 8192) -> FloatArray:
    """Predictions (networks, n) of a task at x (n, n_inputs)."""
    k = joint.tasks.index(task)
    z = np.asarray(standardise(joint.scaling, x), np.float32)
    pieces = [z[i : i + rows] for i in range(0, len(z), rows)]
    predicted = [[np.asarray(_forward_jit(member, piece))[:, k] for piece in pieces] for member in joint.members]
    standard: FloatArray = np.stack([np.concatenate(parts) for parts in predicted]).astype(np.float64)
    return standard * float(joint.scale[k]) + float(joint.centre[k])


def _scaling(x: Array, plain: int) -> Scaling:
    """Scaling of the inputs but the last `plain`."""
    scaling = fit_scaling(x[:, : x.shape[1] - plain])
    return Scaling(
        np.append(scaling.mean, np.zeros(plain, np.float32)), np.append(scaling.scale, np.ones(plain, np.float32))
    )


def _spread(tasks: Sequence[str], y: FloatArray, start: Joint | None) -> tuple[FloatArray, FloatArray]:
    """Centre and scale (k,) of every task.

    Those of the networks that are continued, where they have one.
    """
    centre = np.nanmedian(y, axis=0)
    # The mean absolute deviation, as a normal distribution's standard deviation: one value of 60 among values of 2
    # does not shrink all the others.
    scale = np.nanmean(np.abs(y - centre), axis=0) * np.sqrt(np.pi / 2)
    for k, task in enumerate(tasks):
        if start is not None and task in start.tasks:
            centre[k], scale[k] = (each[start.tasks.index(task)] for each in (start.centre, start.scale))
    return centre, scale


def _weights(known: NDArray[np.bool_]) -> Array:
    """Weight (n, k) of every value.

    A task with a sixteenth of the values counts each of its own twice.
    """
    shares = known.mean(axis=0)
    return np.asarray(known * (shares.max() / shares) ** 0.25, np.float32)


def _drawn(rng: np.random.Generator, n_inputs: int, n_tasks: int, course: Course) -> Member:
    """Draw a network: He-normal kernels (He et al., 2015).

    Biases are zero.
    """

    def normal(*shape: int, fan: int) -> Array:
        return np.asarray(rng.standard_normal(shape) * np.sqrt(2.0 / fan), np.float32)

    sizes = (n_inputs, *course.widths)
    hidden = tuple(Layer(normal(a, b, fan=a), np.zeros(b, np.float32)) for a, b in itertools.pairwise(sizes))
    heads = Heads(
        normal(sizes[-1], n_tasks, course.head, fan=sizes[-1]),
        np.zeros((n_tasks, course.head), np.float32),
        normal(n_tasks, course.head, fan=2 * course.head),
        np.zeros(n_tasks, np.float32),
    )
    return Member(hidden, heads)


def _continued(fresh: Member, tasks: Sequence[str], start: Joint, i: int) -> Member:
    """Network i of `start` with heads for these tasks.

    Counted round; new heads as drawn.
    """
    before, heads = start.members[i % len(start.members)], Heads(*(np.array(each) for each in fresh.heads))
    for k, task in enumerate(tasks):
        if task in start.tasks:
            j = start.tasks.index(task)
            heads.kernel[:, k] = before.heads.kernel[:, j]
            for new, old in zip(heads[1:], before.heads[1:], strict=True):
                new[k] = old[j]
    return Member(before.hidden, heads)


def _run(
    member: Member, data: tuple[jax.Array, ...], always: NDArray[np.bool_], course: Course, rng: np.random.Generator
) -> Member:
    """One network, trained."""
    others = np.flatnonzero(~always)
    rest = len(others) if course.rest is None else min(course.rest, len(others))
    visited = int(always.sum()) + rest
    steps = max(1, round(visited / course.batch))
    # Batches of equal size that leave out as few rows per epoch as possible.
    batch = visited // steps
    # Of the two generators jax offers, the one whose masks do not cost as much as the products they mask.
    key = jax.random.key(int(rng.integers(2**31)), impl="rbg")
    optimiser, program = _program(course, steps)
    params: Any = jax.tree.map(jnp.asarray, member)
    state = optimiser.init(params)
    for epoch in range(course.epochs):
        drawn = others if rest == len(others) else rng.permutation(others)[:rest]
        rows = rng.permutation(np.concatenate([np.flatnonzero(always), drawn]))[: steps * batch]
        params, state = program(params, state, *data, rows.reshape(steps, batch), jax.random.fold_in(key, epoch))
    trained: Member = jax.tree.map(np.asarray, params)
    return trained


def loss(member: Member, x: jax.Array, y: jax.Array, w: jax.Array, keep: Any = None) -> jax.Array:
    """Weighted absolute error per row, quadratic below `SMOOTH`.

    keep : as in `forward`
    """
    return jnp.sum(w * smooth_error(forward(member, x, keep) - y)) / len(x)


def smooth_error(difference: jax.Array) -> jax.Array:
    """Absolute error, quadratic below `SMOOTH`."""
    error = jnp.abs(difference)
    return jnp.where(error < SMOOTH, error**2 / (2 * SMOOTH) + SMOOTH / 2, error)


def forward(member: Member, x: jax.Array, keep: Any = None) -> jax.Array:
    """Standardised predictions (n, k).

    keep : None, or a function of a hidden layer's number and activations that drops some of them.
    """
    for i, layer in enumerate(member.hidden):
        x = jax.nn.silu(matmul(x, layer.kernel) + layer.bias[None, :])
        if keep is not None and i:
            x = keep(i, x)
    heads = member.heads
    head_layer = matmul(x, heads.kernel.reshape(x.shape[1], -1)).reshape(len(x), *heads.bias.shape)
    head_layer = jax.nn.silu(head_layer + heads.bias[None]) * heads.output[None]
    return jnp.asarray(head_layer.sum(axis=-1) + heads.constant[None, :])


_forward_jit = jax.jit(forward)


@functools.lru_cache(maxsize=32)
def _program(course: Course, steps: int) -> tuple[Any, Callable[..., tuple[Any, Any]]]:
    """Make the optimiser and one jitted epoch.

    An epoch maps (member, state, x, y, weights, rows (steps, batch), key) to member and state.
    """
    cycle = optax.cosine_onecycle_schedule(max(2, course.epochs * steps), course.rate, course.warm)
    optimiser = optax.adamw(cycle, weight_decay=course.decay)
    # Of 256 values of a random byte.
    share = round(256 * (1 - course.dropout))

    @jax.jit
    def epoch(
        member: Member, state: Any, x: jax.Array, y: jax.Array, w: jax.Array, rows: jax.Array, key: jax.Array
    ) -> tuple[Any, Any]:
        def step(carry: tuple[Any, Any], at: tuple[jax.Array, jax.Array]) -> tuple[tuple[Any, Any], None]:
            (member, state), (chosen, number) = carry, at

            def keep(i: int, a: jax.Array) -> jax.Array:
                if share == 256:
                    return a
                mask_key = jax.random.fold_in(jax.random.fold_in(key, number), i)
                return jnp.where(jax.random.bits(mask_key, a.shape, "uint8") < share, a * (256 / share), 0.0)

            gradient = jax.grad(loss)(member, x[chosen], y[chosen], w[chosen], keep)
            updates, state = optimiser.update(gradient, state, member)
            return (optax.apply_updates(member, updates), state), None

        return jax.lax.scan(step, (member, state), (rows, jnp.arange(len(rows))))[0]

    return optimiser, epoch
