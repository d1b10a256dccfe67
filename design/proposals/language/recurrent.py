"""Gated recurrent network of next tokens, trained under the automaton's masks."""

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

from kakehashi.design.proposals.language import automaton
from kakehashi.design.proposals.language.corpus import MAX_LENGTH, Corpus, read_corpus
from kakehashi.design.proposals.language.language import Language
from kakehashi.design.proposals.language.rule import log_probability
from kakehashi.design.proposals.language.tokens import BEGIN, PAD, Vocabulary

WIDTH = 256
EMBEDDING = 64
# Padded lengths of training batches; each string is in the shortest that holds it.
BUCKETS = (40, 72, MAX_LENGTH)


class Training(NamedTuple):
    """Training settings of the network.

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
    """One step of the network, from a token to the next one's weights."""

    size: int
    width: int

    @nn.compact
    def __call__(self, hidden: jax.Array, token: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Next hidden state (n, width) and weights (n, size).

        hidden : (n, width); token : (n,)
        """
        embedded = nn.Embed(self.size, EMBEDDING, name="embedding")(token)
        hidden, _ = nn.GRUCell(self.width, name="cell")(hidden, embedded)
        return hidden, nn.Dense(self.size, name="output")(hidden)


class _Batch(NamedTuple):
    """A batch of strings.

    tokens : (n, bucket); may : (n, bucket, V) tokens that were allowed; weight : (n,) of each string
    """

    tokens: NDArray[np.int32]
    may: NDArray[np.bool_]
    weight: NDArray[np.float32]


class Memory(NamedTuple):
    """Hidden state and log weights of the next token.

    (n, width) and (n, V).
    """

    hidden: jax.Array
    logits: jax.Array


@dataclass(frozen=True)
class Recurrent:
    """Recurrent rule; its params are the cell's, by `/`-joined names."""

    size: int
    width: int = WIDTH

    def start(self, params: Any, n: int) -> Memory:
        """Memory after BEGIN, from a hidden state of zeros."""
        dtype = params["output/kernel"].dtype
        hidden = jnp.zeros((n, self.width), dtype)
        return self._step(params, hidden, jnp.full(n, BEGIN, jnp.int32))

    def logits(self, params: Any, memory: Memory, state: automaton.State) -> jax.Array:
        """Log weights (n, V) of the next token, from the last step."""
        return memory.logits

    def feed(self, params: Any, memory: Memory, state: automaton.State, token: jax.Array) -> Memory:
        """Run one step of the cell."""
        return self._step(params, memory.hidden, token)

    def _step(self, params: Any, hidden: jax.Array, token: jax.Array) -> Memory:
        tree = unflatten_dict(params, sep="/")  # type: ignore[no-untyped-call]
        after: Any = Cell(self.size, self.width).apply({"params": tree}, hidden, token)
        return Memory(*after)


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
    """Train a network on a corpus of repeat units.

    Each unit is read from both its `*`.

    Parameters
    ----------
    progress : called after each epoch with its number and the held-out loss, nats per string.

    Raises
    ------
    ValueError : fewer than 10 entries of the corpus can be written in tokens.
    """
    training = training or Training()
    corpus = read_corpus(smiles, max_length, vocabulary)
    entries = np.unique(corpus.rows)
    if len(entries) < 10:
        raise ValueError(f"expected at least 10 repeat units to train on, {len(entries)} can be written in tokens")
    rng = np.random.default_rng(seed)
    held_out = rng.permutation(entries)[: max(1, round(training.held_out * len(entries)))]
    is_held_out = np.isin(corpus.rows, held_out)
    rule = Recurrent(len(corpus.vocabulary.tokens), width)
    params = initial_params(rule, jax.random.key(int(rng.integers(2**32))))

    lengths = sorted({min(bucket, max_length) for bucket in (*BUCKETS, max_length)})
    learned = np.flatnonzero(~is_held_out)
    batches = _batches(corpus, learned, lengths, training.batch)
    rate = optax.cosine_decay_schedule(training.learning_rate, training.epochs * len(batches), 0.05)
    optimiser = optax.chain(optax.clip_by_global_norm(training.clip), optax.adam(rate))
    held_out_batches = _batches(corpus, np.flatnonzero(is_held_out), lengths, training.batch)

    @jax.jit
    def step(params: Any, state: Any, batch: _Batch) -> tuple[Any, Any]:
        gradient = jax.grad(functools.partial(_loss, rule))(params, batch)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(params, updates), state

    measure = jax.jit(functools.partial(_loss, rule))
    state = optimiser.init(params)
    best, best_loss, waited = params, np.inf, 0
    for epoch in range(training.epochs):
        batches = _batches(corpus, rng.permutation(learned), lengths, training.batch)
        for i in rng.permutation(len(batches)):
            params, state = step(params, state, batches[i])
        sums = [float(measure(params, batch)) * float(batch.weight.sum()) for batch in held_out_batches]
        now = sum(sums) / int(is_held_out.sum())
        best, best_loss, waited = (params, now, 0) if now < best_loss else (best, best_loss, waited + 1)
        if progress:
            progress(epoch, now)
        if waited == training.patience:
            break
    return Language(corpus.vocabulary, rule, {name: np.asarray(array) for name, array in best.items()}, max_length)


def initial_params(rule: Recurrent, key: jax.Array) -> dict[str, jax.Array]:
    """Initialise parameters by flax's defaults."""
    tree: Any = Cell(rule.size, rule.width).init(key, jnp.zeros((1, rule.width)), jnp.zeros(1, jnp.int32))
    return dict(flatten_dict(tree["params"], sep="/"))  # type: ignore[no-untyped-call]


def _loss(rule: Recurrent, params: Any, batch: _Batch) -> jax.Array:
    """Weighted mean of the strings' negative log probability."""

    def step(memory: Memory, now: tuple[jax.Array, jax.Array]) -> tuple[Memory, jax.Array]:
        token, may = now
        return rule._step(params, memory.hidden, token), log_probability(memory.logits, may, token)

    columns = (jnp.asarray(batch.tokens).T, jnp.swapaxes(jnp.asarray(batch.may), 0, 1))
    _, scores = jax.lax.scan(step, rule.start(params, len(batch.tokens)), columns)
    return -jnp.sum(scores.sum(axis=0) * batch.weight) / jnp.sum(batch.weight)


def _batches(corpus: Corpus, rows: NDArray[np.int64], lengths: Sequence[int], size: int) -> list[_Batch]:
    """Rows in batches of `size`, padded with weight 0.

    Cut to the length of their bucket.
    """
    longest = (corpus.tokens[rows] != PAD).sum(axis=1)
    out = []
    for below, length in zip((0, *lengths), lengths, strict=False):
        inside = rows[(longest > below) & (longest <= length)]
        for start in range(0, len(inside), size):
            part = inside[start : start + size]
            filled = np.append(part, np.repeat(part[:1], size - len(part)))
            may = np.unpackbits(corpus.masks[filled, :length], axis=2, count=len(corpus.vocabulary.tokens)) == 1
            # After END, PAD alone.
            may[:, :, PAD] |= ~may.any(axis=2)
            weight = (np.arange(size) < len(part)).astype(np.float32)
            out.append(_Batch(corpus.tokens[filled, :length].astype(np.int32), may, weight))
    return out
