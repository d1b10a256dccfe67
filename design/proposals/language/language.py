"""Language models as a prior over repeat units, with Metropolis-Hastings moves on strings.

The prior is the masked model: next-token weights of a `Rule`, zeroed where the automaton forbids, renormalised.
Every string drawn ends, within `max_length` tokens, as a repeat unit with two `*` (few with a net charge, where the
corpus has ions: these are states without a repeat unit). A state is a token string read
from one `*`; several strings may be one molecule.

Moves, each exact for that prior:
- suffix: a cut uniform over the L tokens, the rest redrawn from the prior. With q(s'|s) = p(s' | prefix) / L the
  prior cancels, p(s') q(s|s') / (p(s) q(s'|s)) = L / L'.
- segment: from a place uniform over the L tokens, m tokens become m' drawn from the prior, m and m' uniform in
  1..SEGMENT; what follows, c, is kept. The drawn tokens cancel, L p(c | prefix, new) / (L' p(c | prefix, old)) remains.
- re-root: the string read from the other `*`, a map that is its own inverse: p(s') / p(s).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.proposals.language import automaton
from kakehashi.design.proposals.language.corpus import MAX_LENGTH
from kakehashi.design.proposals.language.reroot import reroot
from kakehashi.design.proposals.language.rule import Rule, complete, score
from kakehashi.design.proposals.language.tokens import END, Vocabulary, decode

# Strings in a batch of the compiled programs.
BATCH = 1024
MOVES = {"suffix": 0.5, "segment": 0.4, "reroot": 0.1}
SEGMENT = 6


class States(NamedTuple):
    """Token strings.

    tokens : (n, max_length) int16, PAD after END; length : (n,) int32 tokens, END included
    """

    tokens: NDArray[np.int16]
    length: NDArray[np.int32]


@dataclass(frozen=True)
class Language:
    """Language model of repeat units, a `Proposal`.

    params : arrays of the rule by name
    """

    vocabulary: Vocabulary
    rule: Rule
    params: dict[str, NDArray[Any]]
    max_length: int = MAX_LENGTH
    batch: int = BATCH

    @functools.cached_property
    def _device_params(self) -> dict[str, jax.Array]:
        return {name: jnp.asarray(array) for name, array in self.params.items()}

    def draw(self, rng: np.random.Generator, n: int) -> States:
        """Draw n independent strings from the prior."""
        nothing = np.zeros((n, self.max_length), np.int16)
        return self._complete(rng, nothing, np.zeros(n, np.int32))

    def log_prior(self, states: States) -> NDArray[np.float64]:
        """Log probability (n,) of strings, normalised over strings.

        -inf for one the automaton refuses.
        """
        total: NDArray[np.float64] = self.token_log_probs(states.tokens).sum(axis=1)
        return total

    def token_log_probs(self, tokens: NDArray[np.int16]) -> NDArray[np.float64]:
        """Log probability (n, max_length) of each token given its predecessors.

        0 after END.

        The weights are the float32 ones that are drawn from, normalised in float64.
        """
        tables = automaton.tables(self.vocabulary)
        out = np.zeros(tokens.shape)
        with jax.enable_x64(True):
            for rows, (batch,) in self._batches(tokens):
                scores = score(self.rule, self._device_params, tables, batch.astype(np.int32))
                out[rows] = np.asarray(scores)[: rows.stop - rows.start]
        return out

    def move(self, rng: np.random.Generator, states: States) -> tuple[States, NDArray[np.float64]]:
        """Propose one move per string.

        Returns the proposed strings and log p(s')q(s|s') / (p(s)q(s'|s)), (n,): -inf with the old string where no
        move was possible.
        """
        n = len(states.length)
        kind = rng.choice(len(MOVES), size=n, p=list(MOVES.values()))
        cut = rng.integers(0, states.length, dtype=np.int32)
        old, new = rng.integers(1, SEGMENT + 1, size=(2, n), dtype=np.int32)
        suffix, segment, turned = (kind == i for i in range(3))

        regrown = self._complete(rng, states.tokens, np.where(turned, self.max_length, cut).astype(np.int32))
        spliced, possible = _splice(states, regrown, cut, old, new)
        turns = {i: self._reroot(states.tokens[i, : states.length[i] - 1]) for i in np.flatnonzero(turned)}
        tokens, length = regrown.tokens.copy(), regrown.length.copy()
        tokens[segment], length[segment] = spliced.tokens[segment], spliced.length[segment]
        possible |= suffix
        for i, turn in turns.items():
            possible[i] = turn is not None
            if turn is not None:
                tokens[i, : len(turn)] = turn

        ratio = np.where(possible, 0.0, -np.inf)
        cuts = possible & ~turned
        ratio[cuts] = np.log(states.length[cuts]) - np.log(length[cuts])
        # Tokens that a move did not draw: all of a re-rooted string, those after a segment.
        both = np.flatnonzero(possible & ~suffix)
        if len(both):
            pairs = np.concatenate([states.tokens[both], tokens[both]])
            drawn_until = np.concatenate([cut + old, cut + new]).reshape(2, n)[:, both].ravel()
            counted = np.arange(self.max_length)[None, :] >= np.where(np.tile(turned[both], 2), 0, drawn_until)[:, None]
            before, after = np.where(counted, self.token_log_probs(pairs), 0.0).sum(axis=1).reshape(2, -1)
            ratio[both] += after - before
        # This includes segments and turns whose result the automaton refuses.
        nowhere = ratio == -np.inf
        tokens[nowhere], length[nowhere] = states.tokens[nowhere], states.length[nowhere]
        return States(tokens, length), ratio

    def smiles(self, states: States) -> list[str]:
        """Repeat unit of each string, kekulised.

        "" for one with a net charge, whose counter-ion is missing.
        """
        signs = [token.endswith("+") - token.endswith("-") for token in self.vocabulary.tokens]
        charge = np.array(signs)[states.tokens].sum(axis=1)
        return [text if q == 0 else "" for text, q in zip(decode(states.tokens, self.vocabulary), charge, strict=True)]

    def provenance(self, states: States) -> list[Provenance]:
        """Empty records: strings know no monomers."""
        return [Provenance() for _ in states.length]

    def _reroot(self, tokens: NDArray[np.int16]) -> NDArray[np.int16] | None:
        """Read a string from its other `*`.

        None where that would not lead back, or a token is not in the vocabulary.
        """
        ids = self.vocabulary.ids
        texts = [self.vocabulary.tokens[i] for i in tokens]
        reverse = reroot(texts)
        if any(token not in ids for token in reverse) or reroot(reverse) != texts:
            return None
        return np.array([ids[token] for token in reverse], np.int16)

    def _complete(self, rng: np.random.Generator, tokens: NDArray[np.int16], keep: NDArray[np.int32]) -> States:
        """Draw each row anew from the prior after its first `keep` tokens."""
        key = jax.random.key(int(rng.integers(2**32)))
        tables = automaton.tables(self.vocabulary)
        out = np.zeros_like(tokens)
        for i, (rows, (batch, prefix)) in enumerate(self._batches(tokens, keep)):
            strings = complete(
                self.rule, self._device_params, tables, batch.astype(np.int32), prefix, jax.random.fold_in(key, i)
            )
            out[rows] = np.asarray(strings)[: rows.stop - rows.start]
        return States(out, lengths(out))

    def _batches(self, *arrays: NDArray[Any]) -> Iterator[tuple[slice, list[NDArray[Any]]]]:
        """Rows in batches of one size, padded with the first row."""
        for start in range(0, len(arrays[0]), self.batch):
            rows = slice(start, min(start + self.batch, len(arrays[0])))
            index = np.arange(start, start + self.batch)
            index[index >= rows.stop] = start
            yield rows, [array[index] for array in arrays]


def to_arrays(language: Language) -> dict[str, NDArray[Any]]:
    """Arrays of a language, to be stored with its card."""
    return {
        "vocabulary": np.array(language.vocabulary.tokens),
        "max_length": np.array(language.max_length),
        "rule": np.array(astuple(language.rule)),  # type: ignore[call-overload]
        **{f"params/{name}": array for name, array in language.params.items()},
    }


def from_arrays(rule: Callable[..., Rule], arrays: Mapping[str, NDArray[Any]]) -> Language:
    """Restore a language from the arrays of `to_arrays`.

    rule : the class of its rule
    """
    return Language(
        Vocabulary(tuple(arrays["vocabulary"].tolist())),
        rule(*arrays["rule"].tolist()),
        {name.removeprefix("params/"): arrays[name] for name in arrays if name.startswith("params/")},
        int(arrays["max_length"]),
    )


def lengths(tokens: NDArray[np.int16]) -> NDArray[np.int32]:
    """Number of tokens (n,) of each row, END included."""
    return np.asarray((tokens == END).argmax(axis=1) + 1, np.int32)


def _splice(
    states: States, regrown: States, cut: NDArray[np.int32], old: NDArray[np.int32], new: NDArray[np.int32]
) -> tuple[States, NDArray[np.bool_]]:
    """Replace tokens of strings by regrown ones.

    The `old` tokens from `cut` give way to the first `new` regrown ones. Returns the strings and a mask (n,) of those
    where that is possible: neither part holds END, and the result is not too long.
    """
    max_length = states.tokens.shape[1]
    length = states.length - old + new
    possible = (cut + old < states.length) & (cut + new < regrown.length) & (length <= max_length)
    place = np.arange(max_length)[None, :]
    shifted = np.clip(place + (old - new)[:, None], 0, max_length - 1)
    rest = np.take_along_axis(states.tokens, shifted, axis=1)
    tokens = np.where(place < (cut + new)[:, None], regrown.tokens, rest)
    tokens = np.where(place < length[:, None], tokens, 0).astype(np.int16)
    return States(tokens, length.astype(np.int32)), possible
