"""Tempered sequential Monte Carlo over repeat units (Del Moral, Doucet & Jasra, 2006).

The stated posterior is p(s) C(s) L(s) / Z: prior, constraints (at most one, zero where violated), likelihood of the
goal. Particles are drawn from p C exactly and carried along p C L^b, the inverse temperature b rising from 0 to 1: at
each step they are weighted by the increment, resampled, and moved by Metropolis-Hastings steps that leave p C L^b
invariant. A proposal that is no valid repeat unit is rejected, never replaced.

A posterior is no list of the best. With a search, copies of its particles are carried on to b > 1 for what they meet;
the particles, log Z and the trace that are returned stay the posterior's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import UserError
from kakehashi.design.proposals.proposal import Proposal, States, concatenate, pack, take, unpack
from kakehashi.design.sampler.checkpoint import Checkpoint, pack_evaluated, unpack_evaluated
from kakehashi.design.sampler.ledger import Evaluate, Evaluated, Ledger
from kakehashi.design.sampler.metropolis import Population, metropolis
from kakehashi.design.sampler.resampling import systematic
from kakehashi.design.sampler.tempering import effective_size, incremental_weights, next_inverse_temperature
from kakehashi.design.sampler.trace import Step, TemperingSettings, check_settings, collapse

FloatArray = NDArray[np.float64]

# Most draws per accepted particle when the constrained prior is drawn by rejection.
_DRAWS_PER_PARTICLE = 500
# Moves per temperature of the search, which need not reach a stationary distribution.
_SEARCH_MOVES = 10


class SmcResult(NamedTuple, Generic[States]):
    """Equally weighted particles of the posterior, evidence, trace and evaluations.

    smiles, log_likelihood, log_constraint : of the particles, (n,) each
    evaluated : all units on record, those of the search included
    log_z : log of the likelihood's mean under the constrained prior; `log_z_error` its standard error if the moves
        forget where they started, a lower bound otherwise
    log_z_constraint : log of the constraint's mean under the prior; their sum is the posterior's normalisation
    """

    states: States
    smiles: tuple[str, ...]
    log_likelihood: FloatArray
    log_constraint: FloatArray
    log_z: float
    log_z_error: float
    log_z_constraint: float
    trace: tuple[Step, ...]
    evaluated: Evaluated
    warnings: tuple[str, ...]


def run(
    seed: int,
    proposal: Proposal[States],
    log_likelihood: Evaluate,
    particles: int,
    *,
    log_constraint: Evaluate | None = None,
    settings: TemperingSettings = TemperingSettings(),  # noqa: B008  (immutable)
    checkpoint: Callable[[Checkpoint], None] | None = None,
    resume: Sequence[Checkpoint] = (),
    warn: Callable[[str], None] | None = None,
) -> SmcResult[States]:
    """Sample the posterior of a goal.

    log_likelihood, log_constraint : called with distinct, non-empty repeat units, each once in a run; -inf where the
        goal or a constraint rules it out. Constraints are at most 0, and come first.
    checkpoint : called after every temperature
    resume : all checkpoints of an interrupted run in order; the result is that of an uninterrupted one, bit for bit
    warn : called with each warning when it is first due

    Raises
    ------
    UserError
        If no particle can meet the constraints or the goal, the goal is out of reach within the number of
        temperatures, or the checkpoints are of another run.
    """
    check_settings(seed, particles, settings)
    plain = {**settings._asdict(), "schedule": list(settings.schedule)}
    identity = {"seed": seed, "particles": particles, "settings": plain}
    ledger = Ledger(log_likelihood, log_constraint)
    trace: list[Step] = []
    warnings: list[str] = []

    def finish(population: Population[States], step: Step, log_z_constraint: float, start: int) -> None:
        trace.append(step)
        for text in collapse(step, particles, settings):
            if text.partition(":")[0] not in {old.partition(":")[0] for old in warnings}:
                warnings.append(text)
                if warn:
                    warn(text)
        if checkpoint:
            state = {
                **identity,
                "log_z_constraint": log_z_constraint,
                "warnings": list(warnings),
                "step": step._asdict(),
            }
            checkpoint(Checkpoint({**_packed(population), **pack_evaluated(ledger.since(start))}, state))

    if resume:
        population, log_z_constraint = _restored(proposal, ledger, identity, resume, seed)
        trace += [Step(**part.state["step"]) for part in resume]
        warnings += resume[-1].state["warnings"]
    else:
        population, first, log_z_constraint = _prior(proposal, ledger, particles, seed)
        finish(population, first, log_z_constraint, 0)

    while (before := trace[-1].inverse_temperature) < 1:
        t, start = len(trace), len(ledger)
        if t > settings.temperatures and not settings.schedule:
            raise UserError(
                f"the goal is out of reach: after {settings.temperatures} temperatures the inverse temperature is"
                f" {before:.3g} of 1 and the best log probability of the goal {population.log_likelihood.max():.4g};"
                " widen the goal, or allow more temperatures"
            )
        if settings.schedule:
            after = settings.schedule[t - 1]
        else:
            after = next_inverse_temperature(population.log_likelihood, before, settings.effective)
        population, step = _temperature(proposal, ledger, population, trace[-1], after, settings, seed)
        finish(population, step, log_z_constraint, start)

    _search(proposal, ledger, population, trace[-1], settings, seed)
    return SmcResult(
        population.states,
        tuple(population.smiles.tolist()),
        population.log_likelihood,
        population.log_constraint,
        trace[-1].log_z,
        float(np.sqrt(sum(1 / step.effective_size - 1 / particles for step in trace[1:]))),
        log_z_constraint,
        tuple(trace),
        ledger.since(0),
        tuple(warnings),
    )


def _search(
    proposal: Proposal[States],
    ledger: Ledger,
    population: Population[States],
    last: Step,
    settings: TemperingSettings,
    seed: int,
) -> None:
    """Evaluate units likelier than most of the posterior.

    Copies of its particles go on along p C L^b to b = `settings.search` > 1. Most units of a posterior meet the goal
    with a typical probability; the few likeliest need a search (simulated annealing; Kirkpatrick, Gelatt & Vecchi,
    1983).
    """
    settings = settings._replace(most_moves=max(settings.least_moves, _SEARCH_MOVES))
    while last.inverse_temperature < settings.search and len(set(population.smiles.tolist())) > 1:
        after = next_inverse_temperature(
            population.log_likelihood, last.inverse_temperature, settings.effective, settings.search
        )
        population, last = _temperature(proposal, ledger, population, last, after, settings, seed)


def generator(seed: int, temperature: int, move: int) -> np.random.Generator:
    """Random generator of a move at a temperature.

    move : 0 for the draw or the resampling
    """
    return np.random.default_rng((seed, temperature, move))


def _prior(proposal: Proposal[States], ledger: Ledger, n: int, seed: int) -> tuple[Population[States], Step, float]:
    """Draw from the constrained prior by rejection, with probability C."""
    accepted: list[States] = []
    numbers: list[NDArray[np.intp]] = []
    drawn = count = invalid = 0
    while count < n:
        # Three standard errors and three draws allow for chance; a prior that is nearly all refused stops early.
        if drawn > _DRAWS_PER_PARTICLE * (count + 3 * np.sqrt(count) + 3):
            raise UserError(
                f"the constraints leave next to nothing of the prior: {count} of {drawn} drawn repeat units meet them"
                f" and {n} are needed; relax the constraints or change the prior"
            )
        rng = generator(seed, 0, drawn // n)
        threshold = -rng.standard_exponential(n)
        states = proposal.draw(rng, n)
        constraint = ledger.constraints(proposal.smiles(states), 0)
        good = np.flatnonzero(threshold < constraint)
        accepted.append(take(states, good))
        numbers.append(drawn + good)
        count += len(good)
        drawn += n
        invalid += int((constraint == -np.inf).sum())
    states = take(concatenate(accepted), np.arange(n))
    tried = int(np.concatenate(numbers)[n - 1]) + 1  # draws up to the n-th accepted one: unbiased share
    share = (n - 1) / (tried - 1) if n > 1 and tried > 1 else 1 / tried
    smiles = proposal.smiles(states)
    population = Population(
        states, np.array(smiles, object), ledger.constraints(smiles, 0), ledger.likelihoods(smiles, 0)
    )
    if not (population.log_likelihood > -np.inf).any():
        raise UserError(
            f"the goal is out of reach: its probability is zero for all {n} repeat units drawn from the prior;"
            " widen the goal, or draw more particles"
        )
    step = Step(
        temperature=0,
        inverse_temperature=0.0,
        effective_size=float(n),
        acceptance=count / drawn,
        moves=0,
        moved=1.0,
        distinct=len(set(smiles)),
        log_z_increment=0.0,
        log_z=0.0,
        proposed=drawn,
        impossible=0,
        invalid=invalid,
        evaluated=ledger.evaluations,
    )
    return population, step, float(np.log(share))


def _temperature(
    proposal: Proposal[States],
    ledger: Ledger,
    old: Population[States],
    last: Step,
    after: float,
    settings: TemperingSettings,
    seed: int,
) -> tuple[Population[States], Step]:
    """Reweight, resample and move the particles."""
    t, n, evaluations = last.temperature + 1, len(old.smiles), ledger.evaluations
    log_weights = incremental_weights(old.log_likelihood, last.inverse_temperature, after)
    size = effective_size(log_weights)
    largest = log_weights.max()
    increment = float(largest + np.log(np.mean(np.exp(log_weights - largest))))
    index = systematic(generator(seed, t, 0), log_weights)
    population = Population(
        take(old.states, index), old.smiles[index], old.log_constraint[index], old.log_likelihood[index]
    )
    moved = np.zeros(n, bool)
    accepted = impossible = invalid = moves = 0
    least = max(settings.least_moves, settings.last_moves if after == 1 else 0)
    while moves < least or (moves < settings.most_moves and moved.mean() < settings.moved):
        moves += 1
        population, did = metropolis(generator(seed, t, moves), proposal, ledger, population, after, t)
        moved |= did.changed
        accepted += int(did.changed.sum())
        impossible += did.impossible
        invalid += did.invalid
    step = Step(
        temperature=t,
        inverse_temperature=after,
        effective_size=size,
        acceptance=accepted / (n * moves),
        moves=moves,
        moved=float(moved.mean()),
        distinct=len(set(population.smiles.tolist())),
        log_z_increment=increment,
        log_z=last.log_z + increment,
        proposed=n * moves,
        impossible=impossible,
        invalid=invalid,
        evaluated=ledger.evaluations - evaluations,
    )
    return population, step


def _packed(population: Population[Any]) -> dict[str, NDArray[Any]]:
    return {
        **pack(population.states),
        "log_constraint": population.log_constraint,
        "log_likelihood": population.log_likelihood,
    }


def _restored(
    proposal: Proposal[States], ledger: Ledger, identity: dict[str, Any], parts: Sequence[Checkpoint], seed: int
) -> tuple[Population[States], float]:
    for t, part in enumerate(parts):
        other = next((key for key in identity if part.state.get(key) != identity[key]), None)
        if other:
            raise UserError(f"checkpoint {t} is of a run with another {other}: resume with the one it was started with")
        if part.state["step"]["temperature"] != t:
            raise UserError(f"expected the checkpoint of temperature {t}, got {part.state['step']['temperature']}")
        ledger.restore(unpack_evaluated(part.arrays))
    last = parts[-1]
    states = unpack(proposal.draw(generator(seed, 0, 0), 1), last.arrays)
    smiles = np.array(proposal.smiles(states), object)
    population = Population(states, smiles, last.arrays["log_constraint"], last.arrays["log_likelihood"])
    return population, last.state["log_z_constraint"]
