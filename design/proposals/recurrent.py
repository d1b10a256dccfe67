"""Next tokens from a gated recurrent network (Cho et al., 2014), trained under the automaton's masks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.traverse_util import flatten_dict, unflatten_dict
from numpy.typing import NDArray

from design import automaton
from design.proposals.language import MAX_LENGTH, Language, log_probability, read_corpus
from design.tokens import BEGIN, PAD, Vocabulary

WIDTH = 256
EMBEDDING = 64
# Strings are trained in batches of one padded length, the least of these that holds them.
BUCKETS = (40, 72, MAX_LENGTH)


class Training(NamedTuple):
    """How a network is trained.

    held_out : share of the corpus entries whose loss decides when to stop
    patience : epochs without a better one before it stops; epochs : at most
    clip : largest norm of a gradient
    """

    learning_rate: float = 3e-3
    batch: int = 64
    epochs: int = 40
    patience: int = 4
    held_out: float = 0.1
    clip: float = 1.0


class Cell(nn.Module):
    """One step: hidden state and weights of the next token, from the hidden state before and a token."""

    size: int
    width: int

    @nn.compact
    def __call__(self, hidden: jax.Array, token: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(n, width) and (n,) to (n, width) and (n, size)."""
        embedded = nn.Embed(self.size, EMBEDDING, name="embedding")(token)
        hidden, _ = nn.GRUCell(self.width, name="cell")(hidden, embedded)
        return hidden, nn.Dense(self.size, name="output")(hidden)


class Memory(NamedTuple):
    """Hidden state (n, width), and the next token's log weights (n, V)."""

    hidden: jax.Array
    logits: jax.Array


@dataclass(frozen=True)
class Recurrent:
    """The rule. Its params: the cell's by `/`-joined names."""

    size: int
    width: int = WIDTH

    def start(self, params: Any, n: int) -> Memory:
        """After BEGIN, from a hidden state of zeros."""
        dtype = params["output/kernel"].dtype
        hidden = jnp.zeros((n, self.width), dtype)
        return self._step(params, hidden, jnp.full(n, BEGIN, jnp.int32))

    def logits(self, params: Any, memory: Memory, state: automaton.State) -> jax.Array:
        """Those that the last step left."""
        return memory.logits

    def feed(self, params: Any, memory: Memory, state: automaton.State, token: jax.Array) -> Memory:
        """One step."""
        return self._step(params, memory.hidden, token)

    def _step(self, params: Any, hidden: jax.Array, token: jax.Array) -> Memory:
        tree = unflatten_dict(params, sep="/")
        hidden, logits = Cell(self.size, self.width).apply({"params": tree}, hidden, token)
        return Memory(hidden, logits)


def train(
    seed: int,
    smiles: Sequence[str],
    *,
    width: int = WIDTH,
    max_length: int = MAX_LENGTH,
    vocabulary: Vocabulary | None = None,
    training: Training | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Language:
    """Language of a network trained on a corpus of repeat units, each read from both its `*`.

    Parameters
    ----------
    progress : called after each epoch with its number and the held-out loss, nats per string.

    Raises
    ------
    ValueError : fewer than 10 entries of the corpus can be written in tokens.
    """
    training = training or Training()
    vocabulary, encoded = read_corpus(smiles, max_length, vocabulary)
    entries = np.unique(encoded.rows)
    if len(entries) < 10:
        raise ValueError(f"expected at least 10 repeat units to train on, {len(entries)} can be written in tokens")
    rng = np.random.default_rng(seed)
    held = rng.permutation(entries)[: max(1, round(training.held_out * len(entries)))]
    is_held = np.isin(encoded.rows, held)
    rule = Recurrent(len(vocabulary.tokens), width)
    params = initial_params(rule, jax.random.key(int(rng.integers(2**32))))

    lengths = sorted({min(bucket, max_length) for bucket in (*BUCKETS, max_length)})
    batches = _batches(encoded.tokens[~is_held], lengths, training.batch)
    rate = optax.cosine_decay_schedule(training.learning_rate, training.epochs * len(batches), 0.05)
    optimiser = optax.chain(optax.clip_by_global_norm(training.clip), optax.adam(rate))
    tables = automaton.tables(vocabulary)
    step = _step_program(rule, optimiser, max_length)
    measure = jax.jit(functools.partial(_loss, rule, max_length))

    state = optimiser.init(params)
    best, best_loss, waited = params, np.inf, 0
    held_batches = _batches(encoded.tokens[is_held], lengths, training.batch)
    for epoch in range(training.epochs):
        shuffled = encoded.tokens[~is_held][rng.permutation(int((~is_held).sum()))]
        batches = _batches(shuffled, lengths, training.batch)
        for i in rng.permutation(len(batches)):
            params, state = step(params, state, tables, *batches[i])
        sums = [float(measure(params, tables, *batch)) * float(batch[1].sum()) for batch in held_batches]
        now = sum(sums) / int(is_held.sum())
        best, best_loss, waited = (params, now, 0) if now < best_loss else (best, best_loss, waited + 1)
        if progress:
            progress(epoch, now)
        if waited == training.patience:
            break
    return Language(vocabulary, rule, {name: np.asarray(array) for name, array in best.items()}, max_length)


def initial_params(rule: Recurrent, key: jax.Array) -> dict[str, jax.Array]:
    """Fresh parameters by flax's defaults."""
    tree = Cell(rule.size, rule.width).init(key, jnp.zeros((1, rule.width)), jnp.zeros(1, jnp.int32))
    return dict(flatten_dict(tree["params"], sep="/"))


def _loss(rule: Recurrent, max_length: int, params: Any, tables: Any, tokens: Any, weight: Any) -> jax.Array:
    """Mean negative log probability of the strings, weighted; `tokens` (n, bucket), `weight` (n,)."""
    n, bucket = tokens.shape
    tables = jax.tree.map(jnp.asarray, tables)

    def step(carry: Any, token: jax.Array) -> tuple[Any, jax.Array]:
        state, memory = carry
        may = automaton.allowed(tables, state, jnp)
        found = jnp.where(token == PAD, 0.0, log_probability(rule.logits(params, memory, state), may, token))
        return (automaton.advance(tables, state, token, jnp), rule.feed(params, memory, state, token)), found

    start = (automaton.start(n, max_length, jnp), rule.start(params, n))
    _, found = jax.lax.scan(step, start, jnp.asarray(tokens).T)
    return -jnp.sum(found.sum(axis=0) * weight) / jnp.sum(weight)


def _step_program(rule: Recurrent, optimiser: Any, max_length: int) -> Callable[..., tuple[Any, Any]]:
    def step(params: Any, state: Any, tables: Any, tokens: Any, weight: Any) -> tuple[Any, Any]:
        gradient = jax.grad(functools.partial(_loss, rule, max_length))(params, tables, tokens, weight)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(params, updates), state

    return jax.jit(step)


def _batches(
    tokens: NDArray[np.int16], lengths: Sequence[int], size: int
) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Rows in batches of `size` cut to their bucket's length, with weights: 0 for the rows that fill up a batch."""
    longest = (tokens != PAD).sum(axis=1)
    out = []
    for below, length in zip((0, *lengths), lengths, strict=False):
        rows = np.flatnonzero((longest > below) & (longest <= length))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            filled = np.append(part, np.repeat(part[:1], size - len(part)))
            weight = (np.arange(size) < len(part)).astype(np.float32)
            out.append((tokens[filled, :length].astype(np.int32), weight))
    return out
