"""Training of the recurrent language."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rdkit import Chem

from kakehashi.design.proposals.language import language, recurrent
from kakehashi.design.proposals.language.corpus import read_corpus
from kakehashi.design.proposals.language.language import Language, States
from kakehashi.design.proposals.language.recurrent import Training

UNITS = [
    *(f"*{'C' * n}C(=O)O*" for n in range(1, 12)), *(f"*{'C' * n}OC(=O)CC(*)=O" for n in range(2, 12)),
    *(f"*N{'C' * n}NC(=O){'C' * m}C(*)=O" for n in range(2, 7) for m in range(2, 7)),
]  # fmt: skip
TRAINING = Training(epochs=8, batch=16, learning_rate=1e-2)


def trained(seed: int, losses: list[float]) -> Language:
    return recurrent.train(
        seed, UNITS, width=32, max_length=40, training=TRAINING, progress=lambda epoch, loss: losses.append(loss)
    )


@pytest.fixture(scope="module")
def network() -> tuple[Language, list[float]]:
    losses: list[float] = []
    return trained(4, losses), losses


def test_training_lowers_the_held_out_loss(network: tuple[Language, list[float]]) -> None:
    model, losses = network
    fresh = Language(model.vocabulary, model.rule, _fresh(model), model.max_length)
    corpus = read_corpus(UNITS, 40, model.vocabulary)
    states = States(corpus.tokens, language.lengths(corpus.tokens))
    before, after = -fresh.log_prior(states).mean(), -model.log_prior(states).mean()
    assert min(losses) < 0.6 * before
    assert after < 0.6 * before


def test_the_loss_is_that_of_the_prior(network: tuple[Language, list[float]]) -> None:
    """Training and `log_prior` walk separate ways to the same probabilities."""
    model, _ = network
    corpus = read_corpus(UNITS, 40, model.vocabulary)
    rule = model.rule
    assert isinstance(rule, recurrent.Recurrent)
    batches = recurrent._batches(corpus, np.arange(len(corpus.tokens)), [16, 40], 64)
    assert {batch.tokens.shape for batch in batches} == {(64, 16), (64, 40)}
    assert sum(float(batch.weight.sum()) for batch in batches) == len(corpus.tokens)
    params = {name: jnp.asarray(array) for name, array in model.params.items()}
    sums = [float(recurrent._loss(rule, params, batch)) * float(batch.weight.sum()) for batch in batches]
    prior = model.log_prior(States(corpus.tokens, language.lengths(corpus.tokens)))
    assert sum(sums) == pytest.approx(-prior.sum(), rel=1e-5)


def test_the_best_epoch_is_kept_and_a_seed_repeats_itself(network: tuple[Language, list[float]]) -> None:
    model, losses = network
    again: list[float] = []
    other = trained(4, again)
    assert again == losses
    for name, array in model.params.items():
        np.testing.assert_array_equal(array, other.params[name])
    # The held-out loss of what was kept is the lowest seen.
    rng = np.random.default_rng(4)
    corpus = read_corpus(UNITS, 40, model.vocabulary)
    entries = np.unique(corpus.rows)
    held = np.isin(corpus.rows, rng.permutation(entries)[: round(0.1 * len(entries))])
    states = States(corpus.tokens[held], language.lengths(corpus.tokens[held]))
    assert -model.log_prior(states).mean() == pytest.approx(min(losses), rel=1e-4)


def test_what_it_writes_are_repeat_units(network: tuple[Language, list[float]]) -> None:
    model, _ = network
    texts = model.smiles(model.draw(np.random.default_rng(0), 500))
    molecules = [Chem.MolFromSmiles(text) for text in texts]
    assert all(molecules)
    assert all(text.count("*") == 2 for text in texts)


def test_too_few_units_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10"):
        recurrent.train(0, UNITS[:5])


def _fresh(model: Language) -> dict[str, np.ndarray]:
    assert isinstance(model.rule, recurrent.Recurrent)
    params = recurrent.initial_params(model.rule, jax.random.key(0))
    return {name: np.asarray(array) for name, array in params.items()}
