"""Does the sampler draw from its posterior on real monomers? On 25,500 polyamides, known by brute force.

The lightest 150 diamines and 85 diacids of the embedded pool, as they are, either way round. What the prior should be
is written down here again from its description; the likelihood is made up, of what can be counted in the repeat unit.
"""

import io
import json
import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray
from rdkit import Chem

from kakehashi.catalogs.molecules import monomers
from kakehashi.catalogs.molecules.polymers import read, repeat_unit_key
from kakehashi.design.chemistry.blocks import Molecule, blocks
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.likelihood.goals import Goal
from kakehashi.design.likelihood.likelihood import Prediction, log_goal_probability
from kakehashi.design.proposals.proposal import take
from kakehashi.design.proposals.reactions import bans
from kakehashi.design.proposals.reactions.derivations import Derivations
from kakehashi.design.proposals.reactions.reactions import Reactions
from kakehashi.design.sampler.checkpoint import Checkpoint
from kakehashi.design.sampler.iqspr import run_iqspr
from kakehashi.design.sampler.ledger import Ledger
from kakehashi.design.sampler.metropolis import Population, metropolis
from kakehashi.design.sampler.smc import generator, run

PARTICLES = 3000
DIAMINES, DIACIDS, HEAVIEST = 150, 85, 14


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> list[Molecule]:
    """The light molecules of the embedded pool with N2 or O4 in their formula; to read all takes 17 s."""
    folder = tmp_path_factory.mktemp("light")
    for name in monomers._IDENTIFIERS:
        lines = monomers.package_file("chemicals", name).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join(line for line in lines if _may_be_chosen(line.split("\t")[2])), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAKEHASHI_HOME", str(folder / "home"))
        patch.setattr(monomers, "package_file", lambda package, name: folder / name)
        monomers.table.cache_clear()
        found = monomers.monomers()
        kinds = [one for kind in ("aromatic diamine", "aliphatic diamine", "diacid") for one in monomers.pool(kind)]
    monomers.table.cache_clear()
    assert len(found) > len(kinds)
    return [Molecule(one.smiles, one.name, one.cas) for one in kinds]


def _may_be_chosen(formula: str) -> bool:
    count = {symbol: int(number or 1) for symbol, number in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
    heavy = sum(count.values()) - count.get("H", 0)
    return heavy <= HEAVIEST and (count.get("N", 0) >= 2 or count.get("O", 0) >= 4)


@dataclass(frozen=True)
class Polyamides:
    """Every state, in the order diamine, diacid, which way round the second stands.

    units, keys : repeat units, and what they are whatever the text; prior, log_likelihood : (150 * 85 * 2,)
    table : log likelihood of each unit
    """

    proposal: Reactions
    states: Derivations
    units: list[str]
    keys: list[str]
    prior: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    table: dict[str, float]

    @property
    def log_z(self) -> float:
        return float(np.log(np.sum(self.prior * np.exp(self.log_likelihood))))

    def tempered(self, inverse_temperature: float) -> NDArray[np.float64]:
        weights = self.prior * np.exp(inverse_temperature * self.log_likelihood)
        return np.asarray(weights / weights.sum())

    def evaluate(self, units: list[str]) -> NDArray[np.float64]:
        return np.array([self.table[unit] for unit in units])

    def place(self, states: Derivations) -> NDArray[np.int64]:
        """The index of each state."""
        diamine, diacid = (states.block.astype(np.int64) - self.proposal.space.first[[0, 1]]).T
        return np.asarray((diamine * DIACIDS + diacid) * 2 + states.turned)

    def views(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Values (states,) summed over which is the same: states, repeat units, diamines, diacids, which way round."""
        _, unit = np.unique(self.keys, return_inverse=True)
        grid = values.reshape(DIAMINES, DIACIDS, 2)
        units = np.bincount(unit, values).astype(values.dtype)
        return [values, units, grid.sum((1, 2)), grid.sum((0, 2)), grid.sum((0, 1))]


def planted(unit: str, key: str) -> float:
    """Rigid repeat units with few heteroatoms are high; what else the molecule is adds a little."""
    atoms = re.findall(r"Cl|Br|[BCNOPSFIcnops]", unit)
    aromatic = sum(atom.islower() for atom in atoms) / len(atoms)
    branches, hetero = unit.count("("), sum(atom not in "Cc" for atom in atoms) / len(atoms)
    return 4.0 * aromatic - 3.0 * hetero + 2.0 * aromatic * hetero + 0.1 * branches + 0.6 * crc32(key.encode()) / 2**32


@pytest.fixture(scope="module")
def polyamides(light: list[Molecule]) -> Polyamides:
    chosen = []
    for group, number in (("diamine", DIAMINES), ("diacid", DIACIDS)):
        found = sorted((b.heavy, b.molecule) for b in blocks(light) if b.group == group)
        assert found[number - 1][0] <= HEAVIEST
        chosen.append([molecule for _, molecule in found[:number]])
    # Without the rules on monomers: what is tested is the sampler, and a prior of sizes alone is easily stated.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bans, "rules_of", lambda rule: ())
        proposal = Reactions([*chosen[0], *chosen[1]], POLYMERISATIONS[:1], growth=False)
    n = DIAMINES * DIACIDS * 2
    places = np.stack(np.unravel_index(np.arange(n), (DIAMINES, DIACIDS, 2)), axis=1)
    like = proposal.draw(np.random.default_rng(0), n)
    states = like._replace(
        turned=places[:, 2].astype(np.int8), block=(places[:, :2] + proposal.space.first[[0, 1]]).astype(np.int32)
    )
    units = proposal.smiles(states)
    keyed = {unit: repeat_unit_key(read(unit)) for unit in dict.fromkeys(units)}
    means = np.array([[planted(unit, key) for unit, key in keyed.items()]])
    log_p = log_goal_probability([Goal("x", 2.5, 3.6)], [Prediction(means, np.full_like(means, 0.3), np.ones(1))])
    table = dict(zip(keyed, log_p.tolist(), strict=True))
    shares = [np.exp([-Chem.MolFromSmiles(one.smiles).GetNumHeavyAtoms() / 15 for one in side]) for side in chosen]
    diamine, diacid = (share / share.sum() for share in shares)
    prior = np.repeat(np.outer(diamine, diacid).reshape(-1) / 2, 2)
    return Polyamides(
        proposal, states, units, [keyed[u] for u in units], prior, np.array([table[u] for u in units]), table
    )


def inside(check: ModuleType, space: Polyamides, states: Derivations, probabilities: NDArray[np.float64]) -> list[bool]:
    """Whether a sample's total variation lies in the band of exact draws: by state, repeat unit and each component."""
    observed = np.bincount(space.place(states), minlength=len(space.units))
    sides = zip(space.views(observed), space.views(probabilities), strict=True)
    n = len(states.reaction)
    return [check.total_variation(o, p) < check.total_variation_band(p, n, draws=400) for o, p in sides]


def test_without_growth_the_space_is_the_pairs_as_they_are(polyamides: Polyamides) -> None:
    space = polyamides
    assert space.proposal.space.size() == len(space.units) == 2 * DIAMINES * DIACIDS
    np.testing.assert_array_equal(space.place(space.states), np.arange(len(space.units)))
    np.testing.assert_allclose(space.proposal.log_prior(space.states), np.log(space.prior), atol=1e-12)
    rng = np.random.default_rng(1)
    drawn = space.proposal.draw(rng, 1000)
    for _ in range(20):
        drawn, _ = space.proposal.move(rng, drawn)
    assert (drawn.links < 0).all()
    assert (drawn.sites < 0).all()
    assert set(space.proposal.smiles(drawn)) <= set(space.units)
    for at in range(0, len(space.units), 997):
        pair = [
            Chem.MolFromSmiles(text) for text in space.proposal.provenance(take(space.states, np.array([at])))[0][1]
        ]
        unit = read(space.units[at])
        # two molecules of water leave
        assert unit.GetNumHeavyAtoms() == sum(mol.GetNumHeavyAtoms() for mol in pair) - 2
    posterior = space.views(space.tempered(1.0))
    assert 0.02 < np.exp(space.log_z) < 0.2
    assert len(set(space.keys)) > 0.55 * len(space.units)  # symmetric blocks look the same both ways round
    assert all(
        0.5 * np.abs(a - b).sum() > 0.4 for a, b in zip(posterior[:4], space.views(space.prior)[:4], strict=True)
    )
    # the goal's probability is no product of a diamine's and a diacid's
    pairs = posterior[0].reshape(DIAMINES, DIACIDS, 2).sum(axis=2)
    assert 0.5 * np.abs(pairs - np.outer(posterior[2], posterior[3])).sum() > 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_particles_are_draws_from_the_posterior(seed: int, polyamides: Polyamides, check: ModuleType) -> None:
    result = run(seed, polyamides.proposal, polyamides.evaluate, PARTICLES)
    assert all(inside(check, polyamides, result.states, polyamides.tempered(1.0)))
    assert list(result.smiles) == [polyamides.units[at] for at in polyamides.place(result.states)]


def test_exact_draws_pass_and_others_fail(polyamides: Polyamides, check: ModuleType) -> None:
    space, posterior = polyamides, polyamides.tempered(1.0)

    def drawn(p: NDArray[np.float64]) -> Derivations:
        return take(space.states, np.random.default_rng(0).choice(len(p), PARTICLES, p=p))

    assert all(inside(check, space, drawn(posterior), posterior))
    states, units, _, diacids, _ = inside(check, space, drawn(space.tempered(0.6)), posterior)
    assert [states, units, diacids] == [False] * 3  # the diamines differ too little there
    one_way = posterior * np.tile([1.3, 0.7], len(posterior) // 2)
    assert not inside(check, space, drawn(one_way / one_way.sum()), posterior)[4]


def test_the_rule_of_iqspr_fails(polyamides: Polyamides, check: ModuleType) -> None:
    wrong = run_iqspr(0, polyamides.proposal, polyamides.evaluate, PARTICLES)
    posterior = polyamides.tempered(1.0)
    assert not any(inside(check, polyamides, wrong.states, posterior)[:4])
    assert not any(inside(check, polyamides, take(wrong.states, wrong.selected), posterior)[:4])


def test_log_z_is_right(polyamides: Polyamides) -> None:
    values = [run(seed, polyamides.proposal, polyamides.evaluate, 200).log_z for seed in range(20)]
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values) - polyamides.log_z) < 3 * error
    assert error < 0.05


# --- the kernel


class WithoutRatio:
    """The proposal, were all its moves reversible with respect to the prior by themselves."""

    def __init__(self, inner: Reactions) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def move(self, rng: np.random.Generator, states: Derivations) -> tuple[Derivations, NDArray[np.float64]]:
        proposed, ratio = self.inner.move(rng, states)
        return proposed, np.where(np.isfinite(ratio), 0.0, ratio)


def moved(space: Polyamides, proposal: Any, inverse_temperature: float, n: int = 8000) -> tuple[Derivations, float]:
    """Exact draws of the tempered posterior after 15 moves, and the share of accepted ones."""
    index = np.random.default_rng(7).choice(len(space.units), n, p=space.tempered(inverse_temperature))
    ledger, units = Ledger(space.evaluate), [space.units[at] for at in index]
    population = Population(
        take(space.states, index), np.array(units, object), ledger.constraints(units, 0), ledger.likelihoods(units, 0)
    )
    accepted = 0.0
    for move in range(1, 16):
        population, did = metropolis(generator(11, 1, move), proposal, ledger, population, inverse_temperature, 1)
        accepted += did.changed.mean() / 15
    return population.states, accepted


def p_values(space: Polyamides, check: ModuleType, states: Derivations, inverse_temperature: float) -> list[float]:
    observed = np.bincount(space.place(states), minlength=len(space.units))
    sides = zip(space.views(observed), space.views(space.tempered(inverse_temperature)), strict=True)
    return [check.chi_square(o, p) for o, p in sides]


@pytest.mark.parametrize("inverse_temperature", [0.3, 1.0])
def test_moves_leave_the_tempered_posterior_alone(
    inverse_temperature: float, polyamides: Polyamides, check: ModuleType
) -> None:
    states, accepted = moved(polyamides, polyamides.proposal, inverse_temperature)
    assert accepted > 0.05
    assert min(p_values(polyamides, check, states, inverse_temperature)) > 1e-3


def test_a_missing_ratio_is_noticed(polyamides: Polyamides, check: ModuleType) -> None:
    wrong, _ = moved(polyamides, WithoutRatio(polyamides.proposal), 1.0)
    assert max(p_values(polyamides, check, wrong, 1.0)[2:4]) < 1e-6  # pairs are too many for 8,000 draws


# --- a run with growth


def through_files(part: Checkpoint) -> Checkpoint:
    """As a run that is resumed reads it."""
    file = io.BytesIO()
    np.savez(file, **part.arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return Checkpoint(dict(arrays), json.loads(json.dumps(part.state)))


def test_a_resumed_run_with_growth_is_the_same_bit_for_bit(light: list[Molecule]) -> None:
    proposal = Reactions(light, POLYMERISATIONS[:1])

    def evaluate(units: list[str]) -> NDArray[np.float64]:
        means = np.array([[planted(unit, unit) for unit in units]])
        return log_goal_probability([Goal("x", 2.5, 3.6)], [Prediction(means, np.full_like(means, 0.3), np.ones(1))])

    parts: list[Checkpoint] = []
    whole = run(3, proposal, evaluate, 100, checkpoint=parts.append)
    assert len(parts) == len(whole.trace) > 4
    assert (whole.states.links >= 0).any()
    assert (whole.states.sites >= 0).any()
    for stop in (1, len(parts) // 2, len(parts)):
        again = run(3, proposal, evaluate, 100, resume=[through_files(part) for part in parts[:stop]])
        for a, b in zip([*whole.states, *whole.evaluated], [*again.states, *again.evaluated], strict=True):
            np.testing.assert_array_equal(a, b)
        assert whole.log_likelihood.tobytes() == again.log_likelihood.tobytes()
        assert (whole.smiles, whole.trace, whole.log_z) == (again.smiles, again.trace, again.log_z)
