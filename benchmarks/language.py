"""Languages of repeat units: time to learn, share of valid, distinct and novel units, strings per second.

python benchmarks/language.py [--epochs N] learns from ../shared/data/organic/radonpy_pi1070.parquet, and stops where
it is absent. Rates are per processor second (several threads count each), since the machine may be shared; `taskset
-c 0` keeps it to one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pyarrow import parquet
from rdkit import Chem

from kakehashi.catalogs.molecules import polymers
from kakehashi.design.proposals.language import automaton, language, ngram, recurrent, tokens
from kakehashi.design.proposals.language.corpus import read_corpus
from kakehashi.design.proposals.language.language import Language, States

DATA = Path(__file__).parents[1].parent / "shared/data/organic/radonpy_pi1070.parquet"
DRAWN = 4096


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=12)
    epochs = options.parse_args().epochs
    if not DATA.exists():
        print(f"needs {DATA}")
        return
    smiles = parquet.read_table(DATA)["smiles"].to_pylist()
    held, rest = smiles[::10], [text for i, text in enumerate(smiles) if i % 10]
    known = {key for key in map(_key, rest) if key}

    corpus, seconds = _timed(lambda: read_corpus(rest))
    refused = sum(reason != "" for reason in corpus.reasons)
    print(f"{len(rest)} repeat units, {len(corpus.tokens)} strings, {refused} not representable; read {seconds:.1f} s")
    for order in (4, 6, 8, 10):
        rule = ngram.rule_of(corpus.vocabulary, order)
        tables, seconds = _timed(lambda rule=rule: ngram.count(rule, corpus.vocabulary, corpus.tokens))  # type: ignore[misc]
        model = Language(corpus.vocabulary, rule, tables)
        rate = len(corpus.tokens) / seconds
        print(f"n-gram of order {order}: counted {rate:.0f} strings/s; held-out {_loss(model, held):.2f} nats")
        if order in (ngram.ORDER, 10):
            _report(f"n-gram of order {order}", model, known)

    done: list[float] = []
    network, seconds = _timed(
        lambda: recurrent.train(
            0,
            rest,
            training=recurrent.Training(epochs=epochs),
            progress=lambda epoch, loss: done.append(loss),
        )
    )
    print(f"GRU: {len(done)} epochs in {seconds:.0f} processor s; held-out {_loss(network, held):.2f} nats")
    _report("GRU", network, known)


def _report(name: str, model: Language, known: set[str]) -> None:
    rng = np.random.default_rng(0)
    model.draw(rng, model.batch)
    states, drawing = _timed(lambda: model.draw(rng, DRAWN))
    texts, writing = _timed(lambda: model.smiles(states))
    keys, keying = _timed(lambda: [_key(text) for text in dict.fromkeys(texts)])
    valid = {text: key for text, key in zip(dict.fromkeys(texts), keys, strict=True) if key}
    novel = set(valid.values()) - known
    share = np.mean([text in valid for text in texts])
    parsed = np.mean([Chem.MolFromSmiles(text) is not None for text in tokens.decode(states.tokens, model.vocabulary)])
    print(
        f"{name}: {DRAWN} drawn, RDKit parses {parsed:.2%}, {share:.2%} are neutral repeat units, "
        f"{len(valid) / DRAWN:.1%} distinct strings, "
        f"{len(set(valid.values())) / DRAWN:.1%} distinct polymers, {len(novel) / DRAWN:.1%} novel; "
        f"{DRAWN / drawing:.0f} strings/s drawn, {DRAWN / (drawing + writing + keying):.0f} with parse and key, "
        f"{len(novel) / (drawing + writing + keying):.0f} novel polymers/s"
    )
    bare = _unmasked(model, 1024)
    print(f"{name}, without masks: {np.mean([bool(text and _key(text)) for text in bare]):.2%} valid")
    model.move(rng, states)
    (_, ratio), moving = _timed(lambda: model.move(rng, states))
    taken = np.minimum(1, np.exp(ratio)).mean()
    print(f"{name}: {DRAWN / moving:.0f} moves/s, {np.isfinite(ratio).mean():.1%} possible, accepted {taken:.1%}")


def _loss(model: Language, smiles: list[str]) -> float:
    """Nats per string of those that can be written."""
    corpus = read_corpus(smiles, model.max_length, model.vocabulary)
    return float(-model.log_prior(States(corpus.tokens, language.lengths(corpus.tokens))).mean())


def _unmasked(model: Language, n: int) -> list[str]:
    """Strings drawn from the weights alone, "" where they cannot be read as SMILES at all."""
    tables = jax.tree.map(jnp.asarray, automaton.tables(model.vocabulary))
    params = {name: jnp.asarray(array) for name, array in model.params.items()}
    sense = jnp.asarray([i not in (tokens.PAD, tokens.BEGIN) for i in range(len(model.vocabulary.tokens))])

    @jax.jit
    def step(key: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        logits = jnp.where(sense[None, :], model.rule.logits(params, memory, state), -jnp.inf)
        token = jax.random.categorical(key, logits).astype(jnp.int32)
        memory = model.rule.feed(params, memory, state, token)
        return automaton.advance(tables, state, token, jnp), memory, token

    state, memory = automaton.start(n, model.max_length, jnp), model.rule.start(params, n)
    drawn = np.zeros((n, model.max_length), np.int16)
    for t in range(model.max_length):
        state, memory, token = step(jax.random.key(t), state, memory)
        drawn[:, t] = token
    out = []
    for row in drawn:
        try:
            out += tokens.decode(row[None], model.vocabulary)
        except (IndexError, StopIteration):
            out.append("")
    return out


def _key(smiles: str) -> str:
    try:
        return polymers.parse(smiles)[1]
    except ValueError:
        return ""


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return run(), time.process_time() - start


if __name__ == "__main__":
    main()
