"""Rules of the next token, and the compiled programs that draw and score strings by them."""

from __future__ import annotations

import functools
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from kakehashi.design.proposals.language import automaton


class Rule(Protocol):
    """Rule of the next token's weights.

    Hashable; its arrays are passed as `params`.
    """

    def start(self, params: Any, n: int) -> Any:
        """Memory of n strings that consist of the first `*`."""

    def logits(self, params: Any, memory: Any, state: automaton.State) -> jax.Array:
        """Log weights (n, V) of the next token, finite."""

    def feed(self, params: Any, memory: Any, state: automaton.State, token: jax.Array) -> Any:
        """Memory after one more token; `state` is the one before it."""


@functools.partial(jax.jit, static_argnums=0)
def complete(rule: Rule, params: Any, tables: Any, tokens: jax.Array, keep: jax.Array, key: jax.Array) -> jax.Array:
    """Draw the tokens after the first `keep` (n,) of each row."""
    n, max_length = tokens.shape
    tables = jax.tree.map(jnp.asarray, tables)

    def unfinished(carry: tuple[Any, ...]) -> jax.Array:
        t, state, _, _ = carry
        return jnp.asarray((t < max_length) & ~automaton.finished(state).all())

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        t, state, memory, out = carry
        may = automaton.allowed(tables, state, jnp)
        logits = jnp.where(may, rule.logits(params, memory, state), -jnp.inf)
        summed = jnp.cumsum(jnp.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
        # In (0, total], so that the first sum to reach it belongs to a token that may follow.
        point = (1 - jax.random.uniform(jax.random.fold_in(key, t), (n,))) * summed[:, -1]
        draws = (summed >= point[:, None]).argmax(axis=1).astype(jnp.int32)
        token = jnp.where(t < keep, out[:, t], draws)
        memory = rule.feed(params, memory, state, token)
        return t + 1, automaton.advance(tables, state, token, jnp), memory, out.at[:, t].set(token)

    first = automaton.start(n, max_length, jnp)
    cleared = jnp.where(jnp.arange(max_length)[None, :] < keep[:, None], tokens, 0)
    carry = (jnp.int32(0), first, rule.start(params, n), cleared)
    return jnp.asarray(jax.lax.while_loop(unfinished, step, carry)[3], jnp.int16)


@functools.partial(jax.jit, static_argnums=0)
def score(rule: Rule, params: Any, tables: Any, tokens: jax.Array) -> jax.Array:
    """Log probability (n, max_length) of each token given its predecessors.

    0 after END.
    """
    n, max_length = tokens.shape
    tables = jax.tree.map(jnp.asarray, tables)

    def step(t: Any, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        state, memory, out = carry
        token = tokens[:, t]
        may = automaton.allowed(tables, state, jnp)
        scores = log_probability(rule.logits(params, memory, state), may, token)
        memory = rule.feed(params, memory, state, token)
        return automaton.advance(tables, state, token, jnp), memory, out.at[:, t].set(scores)

    start = (automaton.start(n, max_length, jnp), rule.start(params, n), jnp.zeros((n, max_length)))
    longest = (tokens != 0).sum(axis=1).max()
    return jnp.asarray(jax.lax.fori_loop(0, longest, step, start)[2])


def log_probability(logits: jax.Array, may: jax.Array, token: jax.Array) -> jax.Array:
    """Log probability (n,) of tokens under the masked weights.

    The weights are renormalised; -inf where a token is forbidden.

    Where float64 is enabled the weights are normalised in it, so that probabilities sum to 1 that closely.
    """
    logits = logits.astype(jnp.result_type(float))
    some = may.any(axis=1)[:, None]
    total = jax.nn.logsumexp(jnp.where(may | ~some, logits, -jnp.inf), axis=1)
    unnormalised = jnp.take_along_axis(jnp.where(may, logits, -jnp.inf), token[:, None], axis=1)[:, 0]
    return unnormalised - total
