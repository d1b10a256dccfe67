"""Corpora of repeat units that language models learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.proposals.language import automaton
from kakehashi.design.proposals.language.tokens import Vocabulary, encode

MAX_LENGTH = 128


class Corpus(NamedTuple):
    """Training strings of a language model.

    tokens : (m, max_length) int16 ids; rows : (m,) the entry each string was read from, one or two strings each
    masks : (m, max_length, V / 8) packed bits, the tokens that the automaton allowed at each place
    reasons : (n,) object, why an entry of the corpus was left out, "" where it was not
    """

    vocabulary: Vocabulary
    tokens: NDArray[np.int16]
    rows: NDArray[np.int64]
    masks: NDArray[np.uint8]
    reasons: NDArray[np.object_]


def read_corpus(smiles: Sequence[str], max_length: int = MAX_LENGTH, vocabulary: Vocabulary | None = None) -> Corpus:
    """Read a corpus of repeat units; entries left out have a reason.

    Beyond what `encode` refuses: strings so near `max_length` that the automaton refuses them.

    Raises
    ------
    ValueError : no entry is representable.
    """
    vocabulary, encoded = encode(smiles, max_length, vocabulary)
    masks = automaton.masks(automaton.tables(vocabulary), encoded.tokens)
    good = automaton.accepts(masks, encoded.tokens)
    reasons = encoded.reasons.copy()
    reasons[encoded.rows[~good]] = f"too near the limit of {max_length} tokens"
    usable = reasons[encoded.rows] == ""
    if not usable.any():
        raise ValueError(f"expected repeat units to learn from, none of {len(smiles)} can be written in tokens")
    return Corpus(vocabulary, encoded.tokens[usable], encoded.rows[usable], masks[usable], reasons)
