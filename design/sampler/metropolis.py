"""Metropolis-Hastings steps of a population of repeat units."""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.proposals.proposal import Proposal, States, choose, differs, take
from kakehashi.design.sampler.ledger import Ledger

FloatArray = NDArray[np.float64]


class Moved(NamedTuple):
    """Counts of a Metropolis-Hastings step.

    changed : (n,) mask of the particles that changed
    impossible : number of particles without a possible move
    invalid : number of proposals that were no valid repeat unit or violated a constraint
    """

    changed: NDArray[np.bool_]
    impossible: int
    invalid: int


class Population(NamedTuple, Generic[States]):
    """Particles with their constraint and likelihood."""

    states: States
    smiles: NDArray[np.object_]
    log_constraint: FloatArray
    log_likelihood: FloatArray


def metropolis(
    rng: np.random.Generator,
    proposal: Proposal[States],
    ledger: Ledger,
    old: Population[States],
    inverse_temperature: float,
    temperature: int,
) -> tuple[Population[States], Moved]:
    """Move every particle by one step that leaves p C L^b invariant.

    For an inverse temperature b > 0.
    """
    threshold = -rng.standard_exponential(len(old.smiles))  # the logarithm of a uniform number
    states, log_ratio = proposal.move(rng, old.states)
    if not (log_ratio < np.inf).all():
        raise ValueError("expected log ratios that are finite or -inf from a move")
    possible = np.flatnonzero(log_ratio > -np.inf)
    smiles = np.full(len(log_ratio), "", object)
    if possible.size:
        smiles[possible] = proposal.smiles(take(states, possible))
    constraint = ledger.constraints(smiles.tolist(), temperature)
    likelihood = ledger.likelihoods(smiles.tolist(), temperature)
    gain = constraint - old.log_constraint + inverse_temperature * (likelihood - old.log_likelihood)
    changed = (threshold < log_ratio + gain) & differs(states, old.states)
    population = Population(
        choose(changed, states, old.states),
        np.where(changed, smiles, old.smiles),
        np.where(changed, constraint, old.log_constraint),
        np.where(changed, likelihood, old.log_likelihood),
    )
    impossible = len(smiles) - len(possible)
    return population, Moved(changed, impossible, int((constraint == -np.inf).sum()) - impossible)
