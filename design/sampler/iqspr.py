"""Sampling rule of XenonPy's `IQSPR`, for comparison only.

It does not sample the posterior it states (Ikebata et al., 2017).

At every step the particles are reweighted by the whole L^b, although they were selected by it before, always
resampled, and all proposals are accepted; an invalid proposal leaves the particle as it is.
"""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.proposals.proposal import Proposal, States, choose, take
from kakehashi.design.sampler.ledger import Evaluate, Evaluated, Ledger
from kakehashi.design.sampler.metropolis import FloatArray
from kakehashi.design.sampler.smc import generator
from kakehashi.design.sampler.tempering import effective_size

# The schedule of XenonPy's tutorial (samples/iQSPR.ipynb).
SCHEDULE: tuple[float, ...] = tuple(
    np.concatenate(
        [np.linspace(0.01, 0.2, 20), np.linspace(0.21, 0.4, 10), np.linspace(0.4, 1, 10), np.ones(10)]
    ).tolist()
)


class IqsprResult(NamedTuple, Generic[States]):
    """Final proposals and diagnostics of the rule.

    states, smiles, log_likelihood : the last proposals, (n,); selected : of them, after a last resampling, the indices
    effective_size, distinct : per step, of the weights and among the resampled
    """

    states: States
    smiles: tuple[str, ...]
    log_likelihood: FloatArray
    selected: NDArray[np.intp]
    effective_size: tuple[float, ...]
    distinct: tuple[int, ...]
    evaluated: Evaluated


def run_iqspr(
    seed: int,
    proposal: Proposal[States],
    log_likelihood: Evaluate,
    particles: int,
    *,
    schedule: tuple[float, ...] = SCHEDULE,
) -> IqsprResult[States]:
    """Run the rule from prior draws.

    Where no particle has a positive likelihood none is selected, as in XenonPy.
    """
    ledger = Ledger(log_likelihood)
    states = proposal.draw(generator(seed, 0, 0), particles)
    smiles, values = _judged(proposal, ledger, states, 0)
    sizes, distinct = [], []
    for t, inverse_temperature in enumerate(schedule, 1):
        rng = generator(seed, t, 0)
        index = _selected(rng, inverse_temperature * values)
        sizes.append(effective_size(inverse_temperature * values))
        distinct.append(len(set(smiles[index].tolist())))
        parents = take(states, index)
        proposed, log_ratio = proposal.move(generator(seed, t, 1), parents)
        new, new_values = _judged(proposal, ledger, proposed, t)
        valid = (new != "") & (log_ratio > -np.inf)
        states = choose(valid, proposed, parents)
        smiles = np.where(valid, new, smiles[index])
        values = np.where(valid, new_values, values[index])
    last = _selected(generator(seed, len(schedule) + 1, 0), values)
    return IqsprResult(states, tuple(smiles.tolist()), values, last, tuple(sizes), tuple(distinct), ledger.since(0))


def _judged(
    proposal: Proposal[States], ledger: Ledger, states: States, step: int
) -> tuple[NDArray[np.object_], FloatArray]:
    smiles = proposal.smiles(states)
    ledger.constraints(smiles, step)
    return np.array(smiles, object), ledger.likelihoods(smiles, step)


def _selected(rng: np.random.Generator, log_weights: FloatArray) -> NDArray[np.intp]:
    """Resample (multinomial) by the full weights."""
    largest = log_weights.max()
    if largest == -np.inf:
        return np.arange(len(log_weights))
    weights = np.exp(log_weights - largest)
    return rng.choice(len(weights), len(weights), p=weights / weights.sum())
