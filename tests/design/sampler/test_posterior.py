"""Does the sampler draw from the posterior it states? On 12,750 pairs whose posterior is known by brute force.

Bands are those of independent exact draws of the same number. Every check is also shown to fail for a wrong sampler.
"""

from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kakehashi.design.sampler import smc
from kakehashi.design.sampler.iqspr import run_iqspr
from kakehashi.design.sampler.ledger import Ledger
from kakehashi.design.sampler.metropolis import Population, metropolis
from kakehashi.design.sampler.smc import generator, run
from kakehashi.design.sampler.trace import TemperingSettings

if TYPE_CHECKING:
    from conftest import Pairs, Toy

PARTICLES = 4000


def inside(check: ModuleType, toy: "Toy", smiles: Any, probabilities: NDArray[np.float64]) -> list[bool]:
    """Whether a sample's total variation, jointly and of both components, lies in the band of exact draws."""
    observed = check.counts(smiles, toy.cells)
    joint = (observed, probabilities)
    sides = zip(toy.marginal(observed), toy.marginal(probabilities), strict=True)
    return [check.total_variation(o, p) < check.total_variation_band(p, len(smiles)) for o, p in (joint, *sides)]


@pytest.mark.parametrize("kernel", ["pairs", "drifting"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_particles_are_draws_from_the_posterior(
    kernel: str, seed: int, toy: "Toy", check: ModuleType, request: pytest.FixtureRequest
) -> None:
    result = run(seed, request.getfixturevalue(kernel), toy.evaluate(), PARTICLES)
    assert all(inside(check, toy, result.smiles, toy.posterior))


def test_exact_draws_pass_and_the_rule_of_iqspr_fails(toy: "Toy", pairs: "Pairs", check: ModuleType) -> None:
    exact = np.random.default_rng(0).choice(toy.cells, PARTICLES, p=toy.posterior).tolist()
    assert all(inside(check, toy, exact, toy.posterior))
    wrong = run_iqspr(0, pairs, toy.evaluate(), PARTICLES)
    assert not any(inside(check, toy, wrong.smiles, toy.posterior))
    assert not any(inside(check, toy, [wrong.smiles[i] for i in wrong.selected], toy.posterior))


def test_constraints_belong_to_the_prior(toy: "Toy", drifting: "Pairs", check: ModuleType) -> None:
    numbers = np.array([[int(number) for number in cell.split("|")] for cell in toy.cells])
    log_c = np.where(numbers.sum(axis=1) % 7 == 0, -np.inf, -0.02 * numbers[:, 1])
    table = dict(zip(toy.cells, log_c.tolist(), strict=True))
    weights = toy.prior * np.exp(log_c)
    goal = weights * np.exp(toy.log_likelihood)

    def constraint(smiles: list[str]) -> NDArray[np.float64]:
        return np.array([table[text] for text in smiles])

    results = [run(seed, drifting, toy.evaluate(), 400, log_constraint=constraint) for seed in range(8)]
    for values, exact in (
        ([result.log_z_constraint for result in results], np.log(weights.sum())),
        ([result.log_z for result in results], np.log(goal.sum() / weights.sum())),
    ):
        assert abs(np.mean(values) - exact) < 3 * np.std(values, ddof=1) / np.sqrt(len(values))
    result = run(0, drifting, toy.evaluate(), PARTICLES, log_constraint=constraint)
    assert all(inside(check, toy, result.smiles, goal / goal.sum()))


# --- the normalisation


def off_by(toy: "Toy", proposal: "Pairs", settings: TemperingSettings = TemperingSettings(), seeds: int = 20) -> float:  # noqa: B008
    """Distance of the mean log Z from the exact one, in standard errors."""
    values = [run(seed, proposal, toy.evaluate(), 400, settings=settings).log_z for seed in range(seeds)]
    return float(abs(np.mean(values) - toy.log_z) / (np.std(values, ddof=1) / np.sqrt(seeds)))


@pytest.mark.parametrize("kernel", ["pairs", "drifting"])
def test_log_z_is_right(kernel: str, toy: "Toy", request: pytest.FixtureRequest) -> None:
    assert off_by(toy, request.getfixturevalue(kernel)) < 3


def test_a_goal_far_beyond_the_prior_is_reached(toy: "Toy", pairs: "Pairs") -> None:
    """No draw of the prior comes near: the best pair has a probability of 1e-12, a draw of the prior 1e-70."""
    far = replace(toy, log_likelihood=40.0 * (toy.log_likelihood - toy.log_likelihood.max()) - 27.6)
    results = [run(seed, pairs, far.evaluate(), 200) for seed in range(6)]
    values = [result.log_z for result in results]
    assert far.log_z < -30
    assert len(results[0].trace) > 10
    assert abs(np.mean(values) - far.log_z) < 3 * np.std(values, ddof=1) / np.sqrt(len(values))


def test_weights_that_are_not_incremental_are_noticed(
    toy: "Toy", pairs: "Pairs", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smc, "incremental_weights", lambda log_likelihood, before, after: after * log_likelihood)
    assert off_by(toy, pairs, seeds=5) > 10


def test_z_is_unbiased_at_a_given_schedule(toy: "Toy", drifting: "Pairs") -> None:
    """Even with few particles, few moves and long steps; the logarithm of Z is not."""
    settings = TemperingSettings(schedule=(0.1, 0.4, 1.0), moved=0.0, least_moves=1, last_moves=1)
    runs = [run(seed, drifting, toy.evaluate(), 40, settings=settings) for seed in range(300)]
    assert all([step.inverse_temperature for step in one.trace[1:]] == [0.1, 0.4, 1.0] for one in runs)
    ratio = np.exp([one.log_z - toy.log_z for one in runs])
    assert abs(ratio.mean() - 1) < 3 * ratio.std(ddof=1) / np.sqrt(len(ratio))
    assert ratio.std() > 0.3  # the test would see a bias of a few hundredths
    assert np.log(ratio).mean() < -0.03


# --- the kernel


def moved(
    toy: "Toy", proposal: Any, start: NDArray[np.float64], inverse_temperature: float, moves: int, n: int = 20_000
) -> tuple[list[str], float]:
    """Exact draws from `start` after moves at an inverse temperature, and the share of accepted ones."""
    index = np.random.default_rng(7).choice(len(toy.cells), n, p=start)
    states = type(proposal.draw(generator(0, 0, 0), 1))(index // len(toy.second), index % len(toy.second))
    ledger = Ledger(toy.evaluate())
    smiles = proposal.smiles(states)
    population = Population(
        states, np.array(smiles, object), ledger.constraints(smiles, 0), ledger.likelihoods(smiles, 0)
    )
    accepted = 0.0
    for move in range(1, moves + 1):
        population, did = metropolis(generator(11, 1, move), proposal, ledger, population, inverse_temperature, 1)
        accepted += did.changed.mean() / moves
    return population.smiles.tolist(), accepted


@pytest.mark.parametrize("kernel", ["pairs", "drifting"])
@pytest.mark.parametrize("inverse_temperature", [0.3, 1.0])
def test_moves_leave_the_tempered_posterior_alone(
    kernel: str, inverse_temperature: float, toy: "Toy", check: ModuleType, request: pytest.FixtureRequest
) -> None:
    proposal, target = request.getfixturevalue(kernel), toy.tempered(inverse_temperature)
    smiles, accepted = moved(toy, proposal, target, inverse_temperature, 30)
    assert accepted > 0.05
    observed = check.counts(smiles, toy.cells)
    for o, p in ((observed, target), *zip(toy.marginal(observed), toy.marginal(target), strict=True)):
        assert check.chi_square(o, p) > 1e-3


def test_without_a_likelihood_moves_lead_back_to_the_prior(toy: "Toy", drifting: "Pairs", check: ModuleType) -> None:
    """An inverse temperature of next to nothing: from the posterior back to the prior."""
    smiles, _ = moved(toy, drifting, toy.posterior, 1e-12, 120, n=4000)
    observed = check.counts(smiles, toy.cells)
    assert check.chi_square(observed, toy.prior) > 1e-3
    assert check.chi_square(observed, toy.posterior) < 1e-12


class WithoutRatio:
    """A proposal that calls its moves symmetric, which they are not."""

    def __init__(self, inner: "Pairs") -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def move(self, rng: np.random.Generator, states: Any) -> tuple[Any, NDArray[np.float64]]:
        proposed, ratio = self.inner.move(rng, states)
        return proposed, np.zeros_like(ratio)


def test_a_missing_ratio_is_noticed(toy: "Toy", drifting: "Pairs", check: ModuleType) -> None:
    wrong = WithoutRatio(drifting)
    smiles, _ = moved(toy, wrong, toy.posterior, 1.0, 30)
    assert check.chi_square(check.counts(smiles, toy.cells), toy.posterior) < 1e-12
    result = run(0, wrong, toy.evaluate(), PARTICLES)
    assert not any(inside(check, toy, result.smiles, toy.posterior))


def test_a_missing_proposal_ratio_alone_is_noticed(toy: "Toy", drifting: "Pairs", check: ModuleType) -> None:
    """The prior's share of the ratio without q(s | s') / q(s' | s): subtler, as the drift is the same everywhere."""

    class Half(WithoutRatio):
        def move(self, rng: np.random.Generator, states: Any) -> tuple[Any, NDArray[np.float64]]:
            proposed, _ = self.inner.move(rng, states)
            return proposed, self.inner.log_prior(proposed) - self.inner.log_prior(states)

    smiles, _ = moved(toy, Half(drifting), toy.posterior, 1.0, 30)
    assert check.chi_square(check.counts(smiles, toy.cells), toy.posterior) < 1e-12


# --- the checks themselves


def test_the_checks_tell_exact_draws_from_others(toy: "Toy", check: ModuleType) -> None:
    rng = np.random.default_rng(0)
    p_values = [check.chi_square(rng.multinomial(5000, toy.posterior), toy.posterior) for _ in range(300)]
    assert 0.45 < np.mean(p_values) < 0.55
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09
    off = toy.tempered(0.9)
    assert check.chi_square(rng.multinomial(50_000, off), toy.posterior) < 1e-6
    band = check.total_variation_band(toy.posterior, 1000, draws=300)
    below = [check.total_variation(rng.multinomial(1000, toy.posterior), toy.posterior) < band for _ in range(300)]
    assert 0.96 < np.mean(below) <= 1
    with pytest.raises(KeyError):
        check.counts(["elsewhere"], toy.cells)
    assert check.chi_square(np.array([5, 5, 1]), np.array([0.5, 0.5, 0.0])) == 0
