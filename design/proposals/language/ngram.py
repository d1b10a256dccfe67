"""Interpolated n-grams over hashed contexts: next tokens from counts in a corpus.

As iQSPR's tables (Ikebata et al., 2017), contexts see past closed branches (of which they keep the first atom), and
are told apart by the number of open rings and whether a branch is open. Unlike these, every order counts and every
token has weight: orders are interpolated with the weights of Witten & Bell (1991),
P_k(t) = (count(t) + d P_{k-1}(t)) / (N + d), N tokens of d kinds seen in the context, from uniform upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.design.proposals.language import automaton
from kakehashi.design.proposals.language.corpus import MAX_LENGTH, read_corpus
from kakehashi.design.proposals.language.language import Language
from kakehashi.design.proposals.language.tokens import BEGIN, DEPTH, PAD, RETURN, Vocabulary

# Held-out strings of PI1070 are likeliest at 8 (24.1 nats; 25.8 at 10, 25.3 at 4).
ORDER = 8
# Contexts up to this order are stored as rows of smoothed probabilities of all tokens; of longer ones the FOLLOWERS
# most frequent tokens only, and the weight of the others goes to the shorter context.
DENSE = 2
FOLLOWERS = 4
SMALLEST = 1e-30


class Memory(NamedTuple):
    """Last tokens of strings under construction.

    window : (n, order) last tokens, the most recent first, closed branches shortened
    resume : (n, DEPTH + 1, order) the window to go on with when the branch of each depth closes
    """

    window: Any
    resume: Any


@dataclass(frozen=True)
class NGram:
    """N-gram rule; its params are the tables of `count`."""

    order: int
    back: int

    def start(self, params: Any, n: int, xp: Any = jnp) -> Memory:
        """Memory of strings before their first token: BEGIN alone."""
        window = xp.full((n, self.order), BEGIN, xp.int32)
        return Memory(window, xp.zeros((n, DEPTH + 1, self.order), xp.int32))

    def feed(self, params: Any, memory: Memory, state: automaton.State, token: Any, xp: Any = jnp) -> Memory:
        """Append one token; a closing branch is summarised.

        The branch then counts as `(`, its first atom and `)`.
        """
        pushed = _push(memory.window, token, xp)
        levels = xp.arange(DEPTH + 1, dtype=xp.int32)[None, :]
        summary = _push(pushed, token * 0 + self.back, xp)
        begun = automaton.in_new_branch(state)[:, None] & (levels == state.depth[:, None])
        resume = xp.where(begun[:, :, None], summary[:, None, :], memory.resume)
        closed = xp.take_along_axis(memory.resume, state.depth[:, None, None], axis=1)[:, 0]
        return Memory(xp.where((token == self.back)[:, None], closed, pushed), resume)

    def contexts(self, memory: Memory, state: automaton.State, xp: Any = jnp) -> Any:
        """Hashes (n, order + 1) of the contexts of all orders, uint32."""
        h = (2 * state.rings + (state.depth > 0) + 1).astype(xp.uint32) * xp.uint32(0x9E3779B1)
        hashes = [_mix(h, xp)]
        for k in range(self.order):
            h = (h ^ (memory.window[:, k] + 1).astype(xp.uint32)) * xp.uint32(0x01000193) + xp.uint32(k + 1)
            hashes.append(_mix(h, xp))
        return xp.stack(hashes, axis=1)

    def logits(self, params: Any, memory: Memory, state: automaton.State) -> jax.Array:
        """Log of the interpolated probabilities (n, V).

        A context that the corpus does not hold passes the probabilities of the shorter one on.
        """
        hashes = self.contexts(memory, state)
        place = jnp.searchsorted(params["hashes"], hashes)
        present = params["hashes"][place] == hashes
        low = jnp.where(present[:, : DENSE + 1], params["row"][place[:, : DENSE + 1]], 0)
        dense = params["dense"][low.max(axis=1)]

        place, present = place[:, DENSE + 1 :], present[:, DENSE + 1 :]
        rest = jnp.where(present, params["rest"][place], jnp.ones((), dense.dtype))
        # Share of each order after that of the longer ones.
        later = jnp.cumprod(rest[:, ::-1], axis=1)[:, ::-1]
        share = jnp.concatenate([later[:, 1:], jnp.ones_like(later[:, :1])], axis=1)
        slots = jnp.arange(FOLLOWERS)[None, None, :]
        at = params["first"][place][:, :, None] + slots
        stored = present[:, :, None] & (at < params["first"][place + 1][:, :, None])
        at = jnp.where(stored, at, 0)
        added = jnp.where(stored, params["share"][at] * share[:, :, None], 0)
        rows = jnp.arange(len(dense))[:, None, None] + 0 * at
        probabilities = (dense * later[:, :1]).at[rows, params["token"][at]].add(added)
        # Not zero in float32, so that every allowed token can be drawn.
        return jnp.log(jnp.maximum(probabilities, SMALLEST))


def fit(
    smiles: Sequence[str], *, order: int = ORDER, max_length: int = MAX_LENGTH, vocabulary: Vocabulary | None = None
) -> Language:
    """Fit n-grams to a corpus of repeat units.

    Each unit is read from both its `*`.

    Raises
    ------
    ValueError : no entry of the corpus can be written in tokens.

    Examples
    --------
    >>> fit(["*CC*", "*CCO*", "*CC(*)C"], max_length=16).vocabulary.tokens[3:6]
    ('C', '*', '(')
    """
    corpus = read_corpus(smiles, max_length, vocabulary)
    rule = rule_of(corpus.vocabulary, order)
    return Language(corpus.vocabulary, rule, count(rule, corpus.vocabulary, corpus.tokens), max_length)


def rule_of(vocabulary: Vocabulary, order: int = ORDER) -> NGram:
    """N-gram rule for a vocabulary."""
    if order <= DENSE:
        raise ValueError(f"expected an order above {DENSE}, got {order}")
    return NGram(order, vocabulary.ids[RETURN])


def count(rule: NGram, vocabulary: Vocabulary, tokens: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
    """Count the n-grams of a corpus (m, max_length) of token strings.

    hashes : (c + 1,) sorted uint32, one per context of any order, then the largest number, which holds nothing
    row : (c + 1,) of a short context, its row of `dense` (longer contexts later); else 0
    dense : (r, V) smoothed probabilities of short contexts, row 0 uniform
    rest : (c + 1,) share a long context leaves to the shorter one
    first : (c + 2,) where the followers of each context start in `token` (f,) and `share` (f,)
    """
    contexts, following = _occurrences(rule, vocabulary, tokens)
    v = len(vocabulary.tokens)
    dense: list[NDArray[Any]] = [np.full((1, v), 1.0 / v)]
    hashes: list[Any] = []
    rows: list[Any] = []
    rests: list[Any] = []
    counts: list[Any] = []
    parents, parent_rows = np.zeros(0, np.uint32), np.zeros(0, np.int64)
    followers: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for k in range(rule.order + 1):
        keys = contexts[:, k].astype(np.uint64) << np.uint64(16) | following.astype(np.uint64)
        distinct, times = np.unique(keys, return_counts=True)
        context, token = (distinct >> np.uint64(16)).astype(np.uint32), (distinct & np.uint64(0xFFFF)).astype(np.int64)
        distinct_contexts, begin, kinds = np.unique(context, return_index=True, return_counts=True)
        which = np.repeat(np.arange(len(distinct_contexts)), kinds)
        total = np.bincount(which, times)
        if k <= DENSE:
            table = np.zeros((len(distinct_contexts), v))
            table[which, token] = times
            above = np.zeros(len(distinct_contexts), np.int64)
            if k:
                _, met = np.unique(contexts[:, k], return_index=True)
                above = parent_rows[np.searchsorted(parents, contexts[met, k - 1])]
            table = (table + kinds[:, None] * np.concatenate(dense)[above]) / (total + kinds)[:, None]
            parents, parent_rows = distinct_contexts, sum(map(len, dense)) + np.arange(len(distinct_contexts))
            dense.append(table)
            rows.append(parent_rows)
            rests.append(np.ones(len(distinct_contexts)))
            counts.append(np.zeros(len(distinct_contexts), np.int64))
        else:
            ranked = np.lexsort((token, -times, which))
            frequent = ranked[np.arange(len(ranked)) - begin[which] < FOLLOWERS]
            share = times[frequent] / (total + kinds)[which[frequent]]
            followers.append((token[frequent], share))
            rows.append(np.zeros(len(distinct_contexts), np.int64))
            rests.append(1.0 - np.bincount(which[frequent], share))
            counts.append(np.minimum(kinds, FOLLOWERS))
        hashes.append(distinct_contexts)
    return _pack(hashes, rows, rests, counts, followers, np.concatenate(dense))


def _pack(
    hashes: list[Any], rows: list[Any], rests: list[Any], counts: list[Any], followers: list[Any], dense: Any
) -> dict[str, NDArray[Any]]:
    """Merge all orders into one table sorted by hash.

    Of contexts with one hash the shorter stays.
    """
    count = np.concatenate(counts)
    begin = np.cumsum(count) - count
    distinct, at = np.unique(np.concatenate(hashes), return_index=True)
    length = count[at]
    first = np.concatenate([[0], np.cumsum(length)])
    source = np.repeat(begin[at] - first[:-1], length) + np.arange(first[-1])
    token, share = (np.concatenate(parts) for parts in zip(*followers, strict=True))
    return {
        "hashes": np.append(distinct, np.uint32(0xFFFFFFFF)),
        "row": np.append(np.concatenate(rows)[at], 0).astype(np.int32),
        "dense": dense.astype(np.float32),
        "rest": np.append(np.concatenate(rests)[at], 1.0).astype(np.float32),
        "first": np.append(first, first[-1]).astype(np.int32),
        "token": np.append(token[source], 0).astype(np.int32),
        "share": np.append(share[source], 0.0).astype(np.float32),
    }


def _occurrences(
    rule: NGram, vocabulary: Vocabulary, tokens: NDArray[np.int16]
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Contexts and next tokens at every place of a corpus.

    Hashes (N, order + 1) and tokens (N,).
    """
    tables = automaton.tables(vocabulary)
    contexts, following = [], []
    for part in automaton.chunks(tokens):
        n, longest = part.shape
        state, memory = automaton.start(n, longest), rule.start(None, n, np)
        for column in part.astype(np.int32).T:
            live = column != PAD
            contexts.append(rule.contexts(memory, state, np)[live])
            following.append(column[live])
            memory = rule.feed(None, memory, state, column, np)
            state = automaton.advance(tables, state, column)
    return np.concatenate(contexts), np.concatenate(following)


def _push(window: Any, token: Any, xp: Any) -> Any:
    return xp.concatenate([token[:, None], window[:, :-1]], axis=1)


def _mix(h: Any, xp: Any) -> Any:
    """Spread a hash over all its bits (MurmurHash3's last step)."""
    h = (h ^ (h >> xp.uint32(16))) * xp.uint32(0x85EBCA6B)
    h = (h ^ (h >> xp.uint32(13))) * xp.uint32(0xC2B2AE35)
    return h ^ (h >> xp.uint32(16))
