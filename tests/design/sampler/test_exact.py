"""Exact posterior of small spaces: against brute force, and tempered SMC against it."""

from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from kakehashi.catalogs.molecules.polymers import parse
from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.blocks import Molecule
from kakehashi.design.proposals.reactions.reactions import Reactions
from kakehashi.design.sampler.checkpoint import Checkpoint
from kakehashi.design.sampler.exact import Enumeration, run_exact
from kakehashi.design.sampler.smc import run

# Diamines, diacids and an amino acid; two of the diamines and one diacid differ by their ends.
POOL = [
    *(f"N{'C' * k}N" for k in range(2, 9)), "NCC(C)CCN", "NCCC(C)CCCN", "Nc1ccc(N)cc1", "Nc1ccc(N)c(C)c1",
    *(f"OC(=O){'C' * k}C(=O)O" for k in range(1, 8)), "OC(=O)CC(C)C(=O)O", "OC(=O)c1ccc(cc1)C(=O)O", "NCCCCCC(=O)O",
]  # fmt: skip


@pytest.fixture(scope="module")
def proposal() -> Reactions:
    return Reactions([Molecule(text) for text in POOL], growth=False)


@dataclass
class Judge:
    """A constraint and a likelihood of the polymer, whatever its text; one unit in four is excluded."""

    keys: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    def constraint(self, units: list[str]) -> NDArray[np.float64]:
        self.asked += len(units)
        return np.array([-np.inf if crc32(self._key(u)) % 4 == 0 else -0.1 * (crc32(self._key(u)) % 3) for u in units])

    def likelihood(self, units: list[str]) -> NDArray[np.float64]:
        return np.array([-4.0 * (crc32(self._key(u)[::-1]) / 2**32) for u in units])

    def _key(self, unit: str) -> bytes:
        if unit not in self.keys:
            self.keys[unit] = parse(unit)[1]
        return self.keys[unit].encode()


def by_key(judge: Judge, smiles, values) -> dict[str, float]:
    found: dict[str, float] = {}
    for text, value in zip(smiles, values, strict=True):
        key = judge._key(text).decode()
        found[key] = found.get(key, 0.0) + float(value)
    return found


def test_the_prior_is_that_of_all_derivations(proposal: Reactions) -> None:
    """Those alike both ways round count once with twice the weight: nothing is lost, and draws agree."""
    listed = Enumeration(proposal)
    states, log_prior = listed.states(0, listed.size)
    assert listed.size < proposal.space.size()
    assert np.exp(log_prior).sum() == pytest.approx(1.0, abs=1e-12)
    judge = Judge()
    exact = by_key(judge, proposal.smiles(states), np.exp(log_prior))
    drawn = proposal.smiles(proposal.draw(np.random.default_rng(0), 20_000))
    counted = by_key(judge, drawn, np.full(len(drawn), 1 / len(drawn)))
    assert counted.keys() <= exact.keys()
    distance = 0.5 * sum(abs(exact[key] - counted.get(key, 0.0)) for key in exact)
    expected = 0.5 * sum(np.sqrt(2 / np.pi * p * (1 - p) / len(drawn)) for p in exact.values())
    assert distance < 1.3 * expected


def test_the_posterior_is_prior_times_constraint_times_likelihood(proposal: Reactions) -> None:
    judge = Judge()
    found = run_exact(0, proposal, judge.likelihood, 500, log_constraint=judge.constraint, part=37)
    assert judge.asked == len(set(found.evaluated.smiles)) == len(found.evaluated.smiles)
    listed = Enumeration(proposal)
    states, log_prior = listed.states(0, listed.size)
    units = proposal.smiles(states)
    allowed = np.exp(log_prior + judge.constraint(units))
    both = allowed * np.exp(judge.likelihood(units))
    assert found.log_z_constraint == pytest.approx(np.log(allowed.sum()), abs=1e-12)
    assert found.log_z == pytest.approx(np.log(both.sum() / allowed.sum()), abs=1e-12)
    expected = by_key(judge, units, both / both.sum())
    got = by_key(judge, found.evaluated.smiles, np.exp(found.log_posterior))
    assert got == pytest.approx(expected, abs=1e-12)
    counted = by_key(judge, found.particles, np.full(500, 1 / 500))
    assert max(abs(counted.get(key, 0.0) - share) for key, share in expected.items()) < 0.02


def test_tempered_smc_agrees_with_it(proposal: Reactions) -> None:
    judge = Judge()
    exact = run_exact(0, proposal, judge.likelihood, 10, log_constraint=judge.constraint)
    sampled = run(1, proposal, judge.likelihood, 2000, log_constraint=judge.constraint)
    assert sampled.log_z == pytest.approx(exact.log_z, abs=4 * sampled.log_z_error + 0.02)
    assert sampled.log_z_constraint == pytest.approx(exact.log_z_constraint, abs=0.1)
    expected = by_key(judge, exact.evaluated.smiles, np.exp(exact.log_posterior))
    counted = by_key(judge, sampled.smiles, np.full(2000, 1 / 2000))
    assert counted.keys() <= {key for key, share in expected.items() if share > 0}
    distance = 0.5 * sum(abs(share - counted.get(key, 0.0)) for key, share in expected.items())
    chance = 0.5 * sum(np.sqrt(2 / np.pi * p * (1 - p) / 2000) for p in expected.values())
    assert distance < 1.5 * chance


def test_a_run_that_was_killed_goes_on_to_the_same(proposal: Reactions) -> None:
    judge, kept = Judge(), []
    whole = run_exact(
        3, proposal, judge.likelihood, 50, log_constraint=judge.constraint, part=40, checkpoint=kept.append
    )
    assert [point.state["share"] for point in kept] == sorted(point.state["share"] for point in kept)
    again = Judge()
    resumed = run_exact(3, proposal, again.likelihood, 50, log_constraint=again.constraint, part=40, resume=kept[:-1])
    assert 0 < again.asked < judge.asked / 2
    for name in ("log_prior", "log_posterior"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    assert (resumed.particles, resumed.log_z) == (whole.particles, whole.log_z)
    broken = [Checkpoint({"log_constraint": np.zeros(1), "log_likelihood": np.zeros(1)}, {})]
    with pytest.raises(UserError, match="of another space"):
        run_exact(3, proposal, again.likelihood, 50, log_constraint=again.constraint, part=40, resume=broken)


@pytest.mark.fault
def test_growth_and_goals_that_nothing_meets_are_refused(proposal: Reactions) -> None:
    with pytest.raises(UserError, match="switch growth off"):
        Enumeration(Reactions([Molecule(text) for text in POOL]))
    nothing = lambda units: np.full(len(units), -np.inf)
    with pytest.raises(UserError, match=r"none of the .* meets the constraints"):
        run_exact(0, proposal, Judge().likelihood, 5, log_constraint=nothing)
    with pytest.raises(UserError, match="out of reach of all"):
        run_exact(0, proposal, nothing, 5)
