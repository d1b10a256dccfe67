"""Metropolis-Hastings moves of a population of repeat units, many chains at a time."""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from design.ledger import Ledger
from design.proposals.proposal import Proposal, States, choose, differs, take

FloatArray = NDArray[np.float64]


class Population(NamedTuple, Generic[States]):
    """Particles with what they are worth."""

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
) -> tuple[Population[States], NDArray[np.bool_], int]:
    """One Metropolis-Hastings step of every particle, leaving p C L^b invariant for b > 0.

    Returns the particles, which of them changed (n,), and the number of invalid proposals.
    """
    threshold = -rng.standard_exponential(len(old.smiles))  # the logarithm of a uniform number
    states, log_ratio = proposal.move(rng, old.states)
    if not (log_ratio < np.inf).all():
        raise ValueError("expected log ratios that are finite or -inf from a move")
    possible = np.flatnonzero(log_ratio > -np.inf)
    smiles = np.full(len(log_ratio), "", object)
    smiles[possible] = proposal.smiles(take(states, possible))
    constraint = ledger.constraints(smiles.tolist(), temperature)
    likelihood = ledger.likelihoods(smiles.tolist(), temperature)
    gain = constraint - old.log_constraint + inverse_temperature * (likelihood - old.log_likelihood)
    changed = (threshold < log_ratio + gain) & differs(states, old.states)
    return (
        Population(
            choose(changed, states, old.states),
            np.where(changed, smiles, old.smiles),
            np.where(changed, constraint, old.log_constraint),
            np.where(changed, likelihood, old.log_likelihood),
        ),
        changed,
        int((constraint == -np.inf).sum()),
    )
