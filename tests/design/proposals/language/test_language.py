"""Both languages on a grammar small enough to write down every string: the prior and the moves are exact."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rdkit import Chem
from scipy import stats

from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.proposals.language import automaton, language, ngram, recurrent
from kakehashi.design.proposals.language.corpus import read_corpus
from kakehashi.design.proposals.language.language import Language, States
from kakehashi.design.proposals.language.reroot import reroot
from kakehashi.design.proposals.language.tokens import ALWAYS, END, SPECIAL, Vocabulary
from kakehashi.design.proposals.proposal import Proposal, concatenate, take

VOCABULARY = Vocabulary((*SPECIAL, *ALWAYS, "O", "=O", "=C"))
MAX_LENGTH = 8
CORPUS = ["*CC*", "*CO*", "*C(C)O*", "*OCC*", "*C(=O)O*", "*C1CC1*", "*C=CC*", "*CC(=O)*", "*COC*", "*CCCC*"]


def every_string(vocabulary: Vocabulary, max_length: int) -> States:
    """All token strings that the automaton allows; fails at a dead end."""
    tables = automaton.tables(vocabulary)
    state = automaton.start(1, max_length)
    tokens = np.zeros((1, 0), np.int16)
    for _ in range(max_length):
        may = automaton.allowed(tables, state)
        assert may.any(axis=1).all()
        row, token = np.nonzero(may)
        tokens = np.concatenate([tokens[row], token[:, None].astype(np.int16)], axis=1)
        state = automaton.advance(tables, automaton.State(*(part[row] for part in state)), token)
    assert (tokens == END).any(axis=1).all()
    return States(tokens, language.lengths(tokens))


@pytest.fixture(scope="module")
def strings() -> States:
    return every_string(VOCABULARY, MAX_LENGTH)


@pytest.fixture(scope="module", params=["ngram", "recurrent"])
def prior(request: pytest.FixtureRequest) -> Language:
    if request.param == "ngram":
        fitted = ngram.fit(CORPUS, order=4, max_length=MAX_LENGTH, vocabulary=VOCABULARY)
        return Language(VOCABULARY, fitted.rule, fitted.params, MAX_LENGTH, batch=512)
    import jax

    rule = recurrent.Recurrent(len(VOCABULARY.tokens), 8)
    params = recurrent.initial_params(rule, jax.random.key(5))
    # Larger than fresh weights, so that the prior is far from uniform.
    wide = {name: 3 * np.asarray(array) for name, array in params.items()}
    return Language(VOCABULARY, rule, wide, MAX_LENGTH, batch=512)


@pytest.fixture(scope="module")
def log_p(prior: Language, strings: States) -> NDArray[np.float64]:
    return prior.log_prior(strings)


def test_the_grammar_is_of_the_known_size_and_all_repeat_units(prior: Language, strings: States) -> None:
    assert len(np.unique(strings.tokens, axis=0)) == len(strings.length) > 500
    for text in prior.smiles(strings):
        assert sum(atom.GetAtomicNum() == 0 for atom in Chem.MolFromSmiles(text).GetAtoms()) == 2


def test_the_prior_sums_to_one(log_p: NDArray[np.float64]) -> None:
    assert log_p.dtype == np.float64
    assert np.isfinite(log_p).all()
    assert abs(np.exp(log_p).sum() - 1) < 1e-6
    assert np.exp(log_p).max() > 20 / len(log_p), "too near uniform to test anything"


def test_strings_outside_the_grammar_have_no_prior(prior: Language, strings: States) -> None:
    broken = strings.tokens[:50].copy()
    broken[:, 0] = VOCABULARY.ids[")"]
    assert (prior.log_prior(States(broken, strings.length[:50])) == -np.inf).all()


def test_token_probabilities_are_those_of_the_prefixes(
    prior: Language, strings: States, log_p: NDArray[np.float64]
) -> None:
    by_token = prior.token_log_probs(strings.tokens)
    for t in (1, 3, 5):
        _, prefix = np.unique(strings.tokens[:, :t], axis=0, return_inverse=True)
        mass = np.bincount(prefix, np.exp(log_p))[prefix]
        np.testing.assert_allclose(by_token[:, :t].sum(axis=1), np.log(mass), atol=1e-6)


def chi_square(counts: NDArray[Any], expected: NDArray[np.float64]) -> float:
    """p-value, cells expected fewer than 5 times pooled."""
    small = expected < 5
    pool = lambda x: np.append(x[~small], x[small].sum()) if small.any() else x
    return float(stats.chisquare(pool(counts), pool(expected)).pvalue)


def find(strings: States, some: States) -> NDArray[np.int64]:
    index = {row.tobytes(): i for i, row in enumerate(strings.tokens)}
    return np.array([index[row.tobytes()] for row in some.tokens], np.int64)


def test_draws_follow_the_prior(prior: Language, strings: States, log_p: NDArray[np.float64]) -> None:
    drawn = prior.draw(np.random.default_rng(0), 20_000)
    counts = np.bincount(find(strings, drawn), minlength=len(log_p))
    assert chi_square(counts, 20_000 * np.exp(log_p)) > 1e-3
    uniform = np.full(len(log_p), 20_000 / len(log_p))
    assert chi_square(counts, uniform) < 1e-6
    np.testing.assert_array_equal(drawn.length, language.lengths(drawn.tokens))


class Scripted(Language):
    """A language whose chance is given: kinds, cuts, sizes and completions come from the test."""

    def _complete(self, rng: Any, tokens: NDArray[np.int16], keep: NDArray[np.int32]) -> States:
        kept = np.arange(tokens.shape[1])[None, :] < keep[:, None]
        completed = np.where(kept, tokens, rng.completions.tokens)
        np.testing.assert_array_equal(completed, tokens if rng.kind == 2 else rng.completions.tokens)
        return States(completed, language.lengths(completed))

    def token_log_probs(self, tokens: NDArray[np.int16]) -> NDArray[np.float64]:
        distinct, back = np.unique(tokens, axis=0, return_inverse=True)
        return super().token_log_probs(distinct)[back]


class Chance:
    """Stands in for a numpy Generator: every particle one given way through a move."""

    def __init__(self, kind: int, cut: NDArray[Any], sizes: NDArray[Any], completions: States) -> None:
        self.kind, self.completions = kind, completions
        self.drawn = [cut, sizes]

    def choice(self, kinds: int, size: int, p: list[float]) -> NDArray[Any]:
        return np.full(size, self.kind)

    def integers(self, low: Any, high: Any, size: Any = None, dtype: Any = None) -> NDArray[Any]:
        drawn = self.drawn.pop(0)
        assert (drawn >= low).all()
        assert (drawn < high).all()
        return drawn.astype(dtype)


def flow(
    prior: Language, kind: int, strings: States, log_p: NDArray[np.float64], log_l: NDArray[np.float64], wrong: float
) -> NDArray[np.float64]:
    """Probability (S, S) to be at one string of the target p L and to go to another by one kind of move.

    Every way through the move is followed: place, sizes, completion. `wrong` is added to the ratio per token of
    difference in length.
    """
    scripted = Scripted(*(getattr(prior, name) for name in ("vocabulary", "rule", "params", "max_length", "batch")))
    by_token = prior.token_log_probs(strings.tokens)
    n = len(log_p)
    out = np.zeros((n, n))
    for cut in range(prior.max_length if kind < 2 else 1):
        _, prefix = np.unique(strings.tokens[:, :cut], axis=0, return_inverse=True)
        old, new = np.nonzero((prefix[:, None] == prefix[None, :]) & (cut < strings.length)[:, None])
        if kind == 2:
            old = new = np.arange(n)
        chance = np.exp(by_token[new, cut:].sum(axis=1)) / strings.length[old] if kind < 2 else np.ones(n)
        for sizes in np.ndindex(2, 2) if kind == 1 else [(0, 0)]:
            both = np.repeat(np.array(sizes)[:, None] + 1, len(old), axis=1)
            rng = Chance(kind, np.full(len(old), cut), both, take(strings, new))
            proposed, ratio = scripted.move(rng, take(strings, old))  # type: ignore[arg-type]
            possible = np.isfinite(ratio)
            at = find(strings, take(proposed, possible))
            start = old[possible]
            ratio = ratio[possible] + log_l[at] - log_l[start]
            ratio += wrong * (strings.length[at] - strings.length[start])
            weight = np.exp(log_p + log_l)[start] * chance[possible] / (4 if kind == 1 else 1)
            np.add.at(out, (start, at), weight * np.minimum(1, np.exp(ratio)))
    return out


@pytest.mark.parametrize("kind", [0, 1, 2], ids=list(language.MOVES))
def test_detailed_balance(kind: int, prior: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "SEGMENT", 2)
    # The ways through a move grow with the square of the strings.
    strings = every_string(VOCABULARY, MAX_LENGTH - 1)
    narrow = Language(prior.vocabulary, prior.rule, prior.params, MAX_LENGTH - 1, 512)
    log_p = narrow.log_prior(strings)
    log_l = np.random.default_rng(1).normal(size=len(log_p))
    flows = flow(narrow, kind, strings, log_p, log_l, 0.0)
    assert (flows > 0).sum() > (len(log_p) if kind < 2 else 20), "hardly a string moves"
    scale = np.maximum(flows, flows.T)
    apart = np.abs(flows - flows.T) / np.where(scale > 0, scale, 1)
    assert apart.max() < 1e-6
    if kind < 2:
        spoilt = flow(narrow, kind, strings, log_p, log_l, 0.05)
        assert np.abs(spoilt - spoilt.T).max() > 1e-5, "a wrong ratio is not seen"


def test_moves_keep_the_target(prior: Language, strings: States, log_p: NDArray[np.float64]) -> None:
    """From exact draws of prior x likelihood, accepted moves lead to draws of the same."""
    rng = np.random.default_rng(3)
    # Against the prior, so that the target is spread over many strings.
    log_l = rng.normal(size=len(log_p)) - 0.5 * log_p
    target = np.exp(log_p + log_l) / np.exp(log_p + log_l).sum()
    at = rng.choice(len(target), size=20_000, p=target)
    start = at.copy()
    for _ in range(3):
        proposed, ratio = prior.move(rng, take(strings, at))
        to = find(strings, proposed)
        accepted = np.log(rng.random(len(at))) < ratio + log_l[to] - log_l[at]
        at = np.where(accepted, to, at)
    assert (at != start).mean() > 0.1
    assert chi_square(np.bincount(at, minlength=len(target)), 20_000 * target) > 1e-3


def test_equal_generators_give_equal_draws_and_moves(prior: Language) -> None:
    drawn = [prior.draw(np.random.default_rng(8), 700) for _ in range(2)]
    np.testing.assert_array_equal(drawn[0].tokens, drawn[1].tokens)
    moved = [prior.move(np.random.default_rng(9), drawn[0]) for _ in range(2)]
    np.testing.assert_array_equal(moved[0][0].tokens, moved[1][0].tokens)
    np.testing.assert_array_equal(moved[0][1], moved[1][1])
    # The two batches of a draw are not copies of each other.
    assert (drawn[0].tokens[:188] != drawn[0].tokens[512:]).any()


def test_it_is_a_proposal(prior: Language) -> None:
    proposal: Proposal[States] = prior
    states = proposal.draw(np.random.default_rng(0), 3)
    assert len(concatenate([states, states]).length) == 6
    assert proposal.provenance(states) == [Provenance("", (), "")] * 3
    assert all(text.count("*") == 2 for text in proposal.smiles(states))


def test_arrays_lead_back_to_the_language(prior: Language, strings: States, log_p: NDArray[np.float64]) -> None:
    kept = io.BytesIO()
    np.savez(kept, **language.to_arrays(prior))  # type: ignore[arg-type]
    kept.seek(0)
    rule: Callable[..., Any] = type(prior.rule)
    with np.load(kept, allow_pickle=False) as arrays:
        again = language.from_arrays(rule, arrays)
    assert (again.vocabulary, again.rule, again.max_length) == (prior.vocabulary, prior.rule, prior.max_length)
    # Batches of another size round differently.
    np.testing.assert_allclose(again.log_prior(strings), log_p, atol=1e-5)


def test_rerooting_is_its_own_inverse_and_keeps_the_molecule(strings: States) -> None:
    for row, length in zip(strings.tokens, strings.length, strict=True):
        given = [VOCABULARY.tokens[i] for i in row[: length - 1]]
        turned = reroot(given)
        assert len(turned) == len(given)
        assert reroot(turned) == given


def test_a_string_with_a_net_charge_is_no_repeat_unit() -> None:
    salts = ["*CC(*)[N+](C)(C)C", "*CC(*)C[N+](=O)[O-]", "*CC*"]
    fitted = ngram.fit(salts, max_length=32)
    corpus = read_corpus(salts, 32, fitted.vocabulary)
    texts = fitted.smiles(States(corpus.tokens, language.lengths(corpus.tokens)))
    assert [text == "" for text in texts] == [row == 0 for row in corpus.rows]


def test_a_corpus_without_repeat_units_is_refused() -> None:
    with pytest.raises(ValueError, match="none of 2 can be written"):
        read_corpus(["CC", "*C"])


def test_what_is_left_out_of_a_corpus_says_why() -> None:
    corpus = read_corpus(["*CC*", "*CCCCCC*", "*C1CC1*"], 7)
    assert corpus.reasons[0] == corpus.reasons[2] == ""
    assert "longer than 7" in corpus.reasons[1]
    assert set(corpus.rows.tolist()) == {0, 2}
