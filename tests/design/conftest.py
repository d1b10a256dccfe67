"""A space of 150 x 85 pairs whose posterior is known by brute force, and the tests of a sample against it."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.likelihood.goals import Goal
from kakehashi.design.likelihood.likelihood import Prediction, log_goal_probability


@pytest.fixture(scope="session")
def check() -> ModuleType:
    """`posterior_check`: counts, total_variation, total_variation_band, chi_square."""
    path = Path(__file__).with_name("posterior_check.py")
    spec = importlib.util.spec_from_file_location("posterior_check", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class PairStates(NamedTuple):
    first: NDArray[np.int64]
    second: NDArray[np.int64]


class Pairs:
    """Pairs of components, each drawn from its own prior; a move redraws one from the prior, so that its ratio is 1."""

    def __init__(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
        self.probabilities = (first, second)

    def draw(self, rng: np.random.Generator, n: int) -> PairStates:
        return PairStates(*(rng.choice(len(p), n, p=p) for p in self.probabilities))

    def move(self, rng: np.random.Generator, states: PairStates) -> tuple[PairStates, NDArray[np.float64]]:
        n = len(states.first)
        which, fresh = rng.random(n) < 0.5, self.draw(rng, n)
        proposed = PairStates(np.where(which, fresh.first, states.first), np.where(which, states.second, fresh.second))
        return proposed, np.zeros(n)

    def log_prior(self, states: PairStates) -> NDArray[np.float64]:
        return np.sum([np.log(p[index]) for p, index in zip(self.probabilities, states, strict=True)], axis=0)

    def smiles(self, states: PairStates) -> list[str]:
        return [f"{a}|{b}" for a, b in zip(states.first.tolist(), states.second.tolist(), strict=True)]

    def provenance(self, states: PairStates) -> list[Provenance]:
        return [Provenance("pair", (str(a), str(b))) for a, b in zip(*states, strict=True)]


class Drifting(Pairs):
    """Moves that are neither symmetric nor invariant: steps on a ring, upwards seven times in ten, of one component."""

    UP = 0.7

    def move(self, rng: np.random.Generator, states: PairStates) -> tuple[PairStates, NDArray[np.float64]]:
        n = len(states.first)
        which, up = rng.random(n) < 0.5, rng.random(n) < self.UP
        step = np.where(up, 1, -1) * rng.integers(1, 30, n)
        first, second = self.probabilities
        proposed = PairStates(
            np.where(which, (states.first + step) % len(first), states.first),
            np.where(which, states.second, (states.second + step) % len(second)),
        )
        backward = np.log(np.where(up, (1 - self.UP) / self.UP, self.UP / (1 - self.UP)))
        return proposed, self.log_prior(proposed) - self.log_prior(states) + backward


@dataclass(frozen=True)
class Toy:
    """A prior, a goal whose likelihood is asymmetric, and their posterior over all pairs.

    cells : texts of the pairs; prior, log_likelihood, posterior : (150 * 85,) in that order
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    cells: tuple[str, ...]
    prior: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]

    @property
    def log_z(self) -> float:
        return float(np.log(np.sum(self.prior * np.exp(self.log_likelihood))))

    @property
    def posterior(self) -> NDArray[np.float64]:
        return self.tempered(1.0)

    def tempered(self, inverse_temperature: float) -> NDArray[np.float64]:
        weights = self.prior * np.exp(inverse_temperature * self.log_likelihood)
        return weights / weights.sum()

    def evaluate(self) -> Callable[[list[str]], NDArray[np.float64]]:
        """The likelihood as the sampler calls it."""
        table = dict(zip(self.cells, self.log_likelihood.tolist(), strict=True))
        return lambda smiles: np.array([table[text] for text in smiles])

    def marginal(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums over the second and over the first component of (150 * 85,) values."""
        grid = values.reshape(len(self.first), len(self.second))
        return grid.sum(axis=1), grid.sum(axis=0)


@pytest.fixture(scope="session")
def toy() -> Toy:
    """150 x 85 pairs: additive means with an interaction, a window that one pair in fifteen of the prior meets."""
    rng = np.random.default_rng(1)
    first, second = rng.dirichlet(np.ones(150)), rng.dirichlet(np.ones(85))
    mean = rng.normal(0, 0.8, 150)[:, None] + rng.normal(0, 0.6, 85) + 0.3 * rng.normal(size=(150, 85))
    means = mean.reshape(1, -1)
    prediction = Prediction(means, np.full_like(means, 0.7), np.ones(1))
    cells = tuple(f"{a}|{b}" for a in range(150) for b in range(85))
    log_likelihood = log_goal_probability([Goal("x", 2.2, 4.0)], [prediction])
    return Toy(first, second, cells, np.outer(first, second).reshape(-1), log_likelihood)


@pytest.fixture(scope="session")
def pairs(toy: Toy) -> Pairs:
    return Pairs(toy.first, toy.second)


@pytest.fixture(scope="session")
def drifting(toy: Toy) -> Drifting:
    return Drifting(toy.first, toy.second)
