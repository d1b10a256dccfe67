"""What the automaton allows is a repeat unit, can always be finished, and leaves no known polymer out."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray
from pyarrow import parquet
from rdkit import Chem

from kakehashi.design.proposals.language import automaton, tokens
from kakehashi.design.proposals.language.tokens import ALWAYS, BEGIN, END, PAD, SPECIAL, Vocabulary

ATOMS = ("=C", "#C", "N", "=N", "#N", "O", "=O", "S", "=S", "F", "Si", "N+", "=N+", "O-", "P", "=P", "B", "Na")
VOCABULARY = Vocabulary((*SPECIAL, *ALWAYS, *ATOMS))
TABLES = automaton.tables(VOCABULARY)


def random_strings(seed: int, n: int, max_length: int, structure: float) -> NDArray[np.int16]:
    """Masked random walks; above 1, `structure` favours rings and branches."""
    rng = np.random.default_rng(seed)
    weight = np.where(TABLES.kind > 3, structure, 1.0)[None, :]
    state, out = automaton.start(n, max_length), np.zeros((n, max_length), np.int16)
    for t in range(max_length):
        may = automaton.allowed(TABLES, state)
        assert may.any(axis=1).all(), "a dead end"
        token = np.where(may, rng.random(may.shape) ** (1 / weight), -1).argmax(axis=1).astype(np.int32)
        out[:, t] = token
        state = automaton.advance(TABLES, state, token)
    return out


def ids(string: str, max_length: int = 24) -> NDArray[np.int16]:
    row = [VOCABULARY.ids[token] for token in string.split()] + [END]
    return np.array([row + [PAD] * (max_length - len(row))], np.int16)


def accepted(rows: NDArray[np.int16]) -> NDArray[np.bool_]:
    return automaton.accepts(automaton.masks(TABLES, rows), rows)


def is_repeat_unit(smiles: str) -> bool:
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return False
    stars = [atom.GetDegree() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    return stars == [1, 1] and not any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())


@pytest.mark.parametrize("structure", [1.0, 6.0])
@pytest.mark.parametrize("max_length", [3, 5, 8, 13, 24, 60])
def test_random_masked_strings_are_repeat_units(max_length: int, structure: float) -> None:
    rows = random_strings(max_length, 800, max_length, structure)
    assert (rows == END).any(axis=1).all()
    assert accepted(rows).all()
    assert [text for text in tokens.decode(rows, VOCABULARY) if not is_repeat_unit(text)] == []
    assert PAD not in [row[0] for row in rows]
    assert not (rows == BEGIN).any()


def test_strings_that_differ_by_a_token_are_accepted_only_if_repeat_units() -> None:
    rng = np.random.default_rng(7)
    rows = random_strings(1, 6000, 30, 3.0)
    length = (rows == END).argmax(axis=1)
    rows[np.arange(len(rows)), rng.integers(0, length)] = rng.integers(3, len(VOCABULARY.tokens), len(rows))
    good = accepted(rows)
    assert 0.05 < good.mean() < 0.9
    assert all(map(is_repeat_unit, tokens.decode(rows[good], VOCABULARY)))


@pytest.mark.parametrize(
    "string",
    [
        "C *", "C C & C C ^0 *", "C ( * ) C", "C & C C C ^0 ( C ) *", "C & & C C ^1 C C ^0 *",
        "S ( =O ) ( =O ) C *", "N+ ( C ) ( C ) C *", "C #C C *",
    ],
)  # fmt: skip
def test_good_strings(string: str) -> None:
    assert accepted(ids(string)).all()


@pytest.mark.parametrize(
    "string",
    [
        "*", "C", "C ) *", "( C ) *", "C ( C *", "C ( ) C *", "C ( * )", "C ( C ) ( C ) ( C ) *", "O ( C ) *", "=O C *",
        "C * C", "C ( * ) *  *", "C ( * ) C *", "F *", "C & C *", "C ^0 *", "C & ^0 C *", "C & C ^0 *",
        "C & & C C ^0 ^0 *", "C & ( C ) C C ^0 ( & C ) *", "C #C =C *", "N & & C C ^0 C ^0 *", "C ( C ) & C C ^0 *",
        "C & C C & ^0 C C ^0 *", "<begin> C *", "C C ^0 & C C ^0 *", "& C C ^0 *",
    ],
)  # fmt: skip
def test_bad_strings(string: str) -> None:
    assert not accepted(ids(string)).any()


def test_nothing_but_padding_follows_the_end() -> None:
    assert not accepted(np.array([[4, 3, END, 4, PAD]], np.int16)).any()
    row = ids("C *")
    row[0, 5] = VOCABULARY.ids["C"]
    assert not accepted(row).any()


def test_a_string_needs_its_end_within_the_limit() -> None:
    assert accepted(ids("C C C *", 5)).all()
    assert not accepted(ids("C C C *", 5)[:, :4]).any()


def test_numpy_and_jax_agree() -> None:
    assert os.environ["JAX_NUMPY_RANK_PROMOTION"] == "raise"
    rows = random_strings(3, 200, 30, 4.0).astype(np.int32)
    allowed = jax.jit(lambda state: automaton.allowed(jax.tree.map(jnp.asarray, TABLES), state, jnp))
    advance = jax.jit(lambda state, token: automaton.advance(jax.tree.map(jnp.asarray, TABLES), state, token, jnp))
    ours, theirs = automaton.start(200, 30), automaton.start(200, 30, jnp)
    for t in range(30):
        np.testing.assert_array_equal(automaton.allowed(TABLES, ours), np.asarray(allowed(theirs)))
        ours, theirs = automaton.advance(TABLES, ours, rows[:, t]), advance(theirs, rows[:, t])
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.dtype == np.asarray(other).dtype
            np.testing.assert_array_equal(mine, np.asarray(other))


@pytest.mark.parametrize(("name", "step"), [("radonpy_pi1070", 2), ("polyinfo_smiles_pid", 12)])
def test_known_polymers_are_accepted(name: str, step: int, shared_data: Path) -> None:
    smiles = parquet.read_table(shared_data / "organic" / f"{name}.parquet")["smiles"].to_pylist()[::step]
    vocabulary, encoded = tokens.encode(smiles, 128)
    # With tokens to spare: the completion that is counted on is not always the shortest.
    rows = np.pad(encoded.tokens, ((0, 0), (0, 8)))
    masks = automaton.masks(automaton.tables(vocabulary), rows)
    assert automaton.accepts(masks, rows).all()
