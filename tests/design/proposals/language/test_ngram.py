"""Counts, interpolation and contexts of the n-gram language."""

from collections import Counter, defaultdict
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from pyarrow import parquet
from rdkit import Chem

from kakehashi.design.proposals.language import automaton, language, ngram
from kakehashi.design.proposals.language.corpus import read_corpus
from kakehashi.design.proposals.language.tokens import BEGIN, END

UNITS = [
    *(f"*{'C' * n}C(=O)O*" for n in range(1, 8)), *(f"*{'C' * n}OC(=O)c1ccc(C(*)=O)cc1" for n in range(2, 8)),
    *(f"*N{'C' * n}NC(=O){'C' * m}C(*)=O" for n in range(2, 7) for m in range(2, 7)), "*CC(*)c1ccccc1", "*CC(*)C#N",
    "*CC(*)(C)C(=O)OC", "*Oc1ccc(C(C)(C)c2ccc(OC(*)=O)cc2)cc1", "*CC(*)Cl", "*C(F)(F)C(*)(F)F", "*c1ccc(*)cc1",
]  # fmt: skip
ORDER = 5


@pytest.fixture(scope="module")
def fitted() -> language.Language:
    return ngram.fit(UNITS, order=ORDER, max_length=64)


def histories(names: list[str], string: list[str]) -> list[tuple[int, bool, tuple[str, ...]]]:
    """Open rings, whether in a branch, and past tokens at each place: closed branches keep their first atom."""
    past, rings, branches, out = [], 0, [], []
    for token in string:
        out.append((rings, bool(branches), tuple(past)))
        if token == "(":
            branches.append(len(past))
            past.append(token)
        elif token == ")":
            begin = branches.pop()
            past = [*past[: begin + 2], ")"]
        else:
            past.append(token)
        rings += (token == "&") - (token[0] == "^")
    return out


def test_probabilities_are_those_of_slow_counting(fitted: language.Language) -> None:
    """Witten-Bell by dictionaries, contexts as text: the hashed tables give the same for every token anywhere."""
    names = list(fitted.vocabulary.tokens)
    corpus = read_corpus(UNITS, 64, fitted.vocabulary)
    counts: dict[tuple[object, ...], Counter[str]] = defaultdict(Counter)
    strings = [[names[i] for i in row if i] for row in corpus.tokens]
    for string in strings:
        for token, (rings, inside, past) in zip(string, histories(names, string), strict=True):
            padded = ("<begin>",) * ORDER + past
            for k in range(ORDER + 1):
                counts[(rings, inside, padded[len(padded) - k :])][token] += 1

    def expected(rings: int, inside: bool, past: tuple[str, ...]) -> dict[str, float]:
        out = dict.fromkeys(names, 1 / len(names))
        padded = ("<begin>",) * ORDER + past
        for k in range(ORDER + 1):
            seen = counts.get((rings, inside, padded[len(padded) - k :]))
            if seen:
                total = sum(seen.values()) + len(seen)
                ranked = sorted(seen.items(), key=lambda pair: (-pair[1], names.index(pair[0])))
                kept = dict(ranked if k <= ngram.DENSE else ranked[: ngram.FOLLOWERS])
                rest = 1 - sum(kept.values()) / total
                out = {token: kept.get(token, 0) / total + rest * p for token, p in out.items()}
        return out

    rule = fitted.rule
    assert isinstance(rule, ngram.NGram)
    params = {name: jnp.asarray(array) for name, array in fitted.params.items()}
    tables = automaton.tables(fitted.vocabulary)
    drawn = fitted.draw(np.random.default_rng(0), 40).tokens.astype(np.int32)
    state, memory = automaton.start(40, 64), rule.start(None, 40, np)
    past = [histories(names, [names[i] for i in row if i]) for row in drawn]
    compared = 0
    for t in range(12):
        given = np.exp(rule.logits(params, ngram.Memory(*map(jnp.asarray, memory)), automaton.State(*state)))
        for row in range(40):
            if t < len(past[row]):
                want = expected(*past[row][t])
                np.testing.assert_allclose(given[row], [want[name] for name in names], rtol=2e-5, atol=1e-9)
                compared += 1
        memory = rule.feed(None, memory, state, drawn[:, t], np)
        state = automaton.advance(tables, state, drawn[:, t])
    assert compared > 200


def test_contexts_see_past_closed_branches(fitted: language.Language) -> None:
    """`C(CCC)` and `C(CO)` leave the same window, `C(N)` another."""
    rule, ids = fitted.rule, fitted.vocabulary.ids
    assert isinstance(rule, ngram.NGram)
    tables = automaton.tables(fitted.vocabulary)

    def window(string: str) -> list[str]:
        state, memory = automaton.start(1, 64), rule.start(None, 1, np)
        for token in string.split():
            column = np.array([ids[token]], np.int32)
            memory = rule.feed(None, memory, state, column, np)
            state = automaton.advance(tables, state, column)
        return [fitted.vocabulary.tokens[i] for i in memory.window[0]]

    assert window("C ( C C C )") == window("C ( C O )") == [")", "C", "(", "C", "<begin>"]
    assert window("C ( C ( O ) N )") == window("C ( C C C )")
    assert window("C ( N )")[1] == "N"
    assert fitted.vocabulary.tokens[BEGIN] == "<begin>"


def test_every_allowed_token_can_be_drawn(fitted: language.Language) -> None:
    """Strings nothing like the corpus have a prior all the same."""
    odd = ["*N=NN=NN=NN=NC*", "*C1(*)NC(=O)C1(Cl)Cl", "*FC*"]
    corpus = read_corpus(odd[:2], 64, fitted.vocabulary)
    states = language.States(corpus.tokens, language.lengths(corpus.tokens))
    found = fitted.log_prior(states)
    assert np.isfinite(found).all()
    assert (found < -30).all()


def test_all_drawn_strings_are_repeat_units_most_of_them_like_the_corpus(fitted: language.Language) -> None:
    drawn = fitted.draw(np.random.default_rng(2), 1000)
    assert ((drawn.tokens == END).sum(axis=1) == 1).all()
    molecules = [Chem.MolFromSmiles(text) for text in fitted.smiles(drawn)]
    assert all(molecules)
    assert all(sum(atom.GetAtomicNum() == 0 for atom in mol.GetAtoms()) == 2 for mol in molecules)
    known = {Chem.CanonSmiles(text) for text in UNITS}
    share = np.mean([Chem.MolToSmiles(mol) in known for mol in molecules])
    assert 0.05 < share < 0.98


def test_an_order_within_the_dense_ones_is_refused() -> None:
    with pytest.raises(ValueError, match="order above 2"):
        ngram.fit(UNITS, order=2)


def test_held_out_polymers_are_likelier_the_longer_the_contexts(shared_data: Path) -> None:
    smiles = parquet.read_table(shared_data / "organic" / "radonpy_pi1070.parquet")["smiles"].to_pylist()
    rest, held = [text for i, text in enumerate(smiles) if i % 5], smiles[::5]
    losses = []
    for order in (3, 6):
        fitted = ngram.fit(rest, order=order)
        corpus = read_corpus(held, fitted.max_length, fitted.vocabulary)
        states = language.States(corpus.tokens, language.lengths(corpus.tokens))
        losses.append(-fitted.log_prior(states).mean())
    assert losses[0] > losses[1] + 2
    assert losses[1] < 30
