"""Exact ranking and posterior: every derivation of a space without growth, scored once.

The stated posterior is that of `smc`: p(s) C(s) L(s) / Z, of prior, constraint and likelihood. Derivations are taken in
order, in parts; a derivation whose second block may stand either way round without a difference counts twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.blocks import Block
from kakehashi.design.chemistry.groups import GROUPS
from kakehashi.design.proposals.reactions.derivations import Derivations, IntArray, empty
from kakehashi.design.proposals.reactions.reactions import Reactions
from kakehashi.design.sampler.checkpoint import Checkpoint
from kakehashi.design.sampler.ledger import Evaluate, Evaluated, checked
from kakehashi.design.sampler.resampling import systematic

FloatArray = NDArray[np.float64]

# Derivations of a part, which is kept when it is done.
PART = 20_000
# Repeat units of a part that are described and scored at a time.
SLICE = 2_000
# Most derivations that are scored one by one: half a day of two processors.
MOST = 50_000_000


class ExactResult(NamedTuple):
    """Every repeat unit of a space, with its share of the posterior.

    evaluated : the distinct units in order; log_prior, log_posterior : (n,) of each, over all its derivations
    particles : units drawn from the posterior; log_z, log_z_constraint : as of `smc.SmcResult`, without error
    """

    evaluated: Evaluated
    log_prior: FloatArray
    log_posterior: FloatArray
    particles: tuple[str, ...]
    log_z: float
    log_z_constraint: float


class Enumeration:
    """Derivations of a space without growth, in order.

    size : how many there are; those alike both ways round count once

    Raises
    ------
    UserError : a space with growth, or of too many derivations.
    """

    def __init__(self, proposal: Reactions) -> None:
        self._proposal, space = proposal, proposal.space
        if any(block.sites or block.ports != (-1, -1) for block in proposal.blocks):
            raise UserError("an exact design needs building blocks as they are in the pool: switch growth off")
        alike = np.array([_alike(block) for block in proposal.blocks])
        parts = []
        for reaction, slots in enumerate(space.slots):
            first, last = (
                np.arange(space.first[g], space.first[g] + space.count[g]) if g >= 0 else np.array([-1])
                for g in space.groups[reaction]
            )
            turnable = (first[~alike[first]], last[~alike[last]]) if slots == 2 else (first[:0], last[:0])
            parts += [(reaction, 0, first, last), (reaction, 1, *turnable)]
        self._parts = [part for part in parts if len(part[2]) and len(part[3])]
        self._starts = np.cumsum([0, *(len(first) * len(last) for _, _, first, last in self._parts)])
        self._alike = alike
        self.size = int(self._starts[-1])
        if self.size > MOST:
            raise UserError(
                f"an exact design scores {self.size:,} derivations, more than {MOST:,}: give a smaller pool,"
                " fewer polymerisations, or --sampler smc"
            )

    def states(self, start: int, stop: int) -> tuple[Derivations, FloatArray]:
        """Derivations from `start` up to `stop`, and their log prior (n,)."""
        numbers = np.arange(start, min(stop, self.size))
        part = np.searchsorted(self._starts, numbers, "right") - 1
        states = empty(np.zeros(len(numbers), np.int16), np.zeros(len(numbers), np.int8))
        twice = np.zeros(len(numbers))
        for k in np.unique(part):
            reaction, turned, first, last = self._parts[k]
            rows = np.flatnonzero(part == k)
            a, b = np.divmod(numbers[rows] - self._starts[k], len(last))
            states.reaction[rows], states.turned[rows] = reaction, turned
            states.block[rows, 0], states.block[rows, 1] = first[a], last[b]
            if self._proposal.space.slots[reaction] == 2:
                twice[rows] = np.where(self._alike[first[a]] | self._alike[last[b]], np.log(2.0), 0.0)
        return states, self._proposal.log_prior(states) + twice


def run_exact(
    seed: int,
    proposal: Reactions,
    log_likelihood: Evaluate,
    particles: int,
    *,
    log_constraint: Evaluate | None = None,
    part: int = PART,
    checkpoint: Callable[[Checkpoint], None] | None = None,
    resume: Sequence[Checkpoint] = (),
) -> ExactResult:
    """Score every derivation, part by part.

    log_likelihood, log_constraint : as of `smc.run`
    checkpoint : called after every part; resume : all parts of an interrupted run, in order

    Raises
    ------
    UserError : too many derivations, or none that can meet constraints and goal.
    """
    listed = Enumeration(proposal)
    place: dict[str, int] = {}
    found: list[tuple[FloatArray, FloatArray]] = []
    prior: list[FloatArray] = []
    rows: list[IntArray] = []
    for number, start in enumerate(range(0, listed.size, part)):
        states, log_prior = listed.states(start, start + part)
        units = proposal.smiles(states)
        new = [text for text in dict.fromkeys(units) if text and text not in place]
        if number < len(resume):
            arrays = resume[number].arrays
            if len(arrays["log_constraint"]) != len(new):
                raise UserError(f"part {number} of the checkpoints is of another space", code=6)
        else:
            arrays = _scored(new, log_likelihood, log_constraint)
            if checkpoint:
                state = {"step": {"temperature": number}, "share": min(1.0, (start + part) / listed.size)}
                checkpoint(Checkpoint(arrays, state))
        found.append((arrays["log_constraint"], arrays["log_likelihood"]))
        place |= {text: row for row, text in enumerate(new, start=len(place))}
        valid = np.array([text != "" for text in units], bool)
        rows.append(np.array([place[text] for text in units if text], np.int64))
        prior.append(log_prior[valid])
    constraints, likelihoods = (np.concatenate(values) for values in zip(*found, strict=True))
    made = Evaluated(tuple(place), constraints, likelihoods, np.zeros(len(place), np.int64))
    share = np.bincount(np.concatenate(rows), np.exp(np.concatenate(prior)), len(place)).astype(np.float64)
    return _weighed(seed, made, share, particles)


def _scored(units: list[str], log_likelihood: Evaluate, log_constraint: Evaluate | None) -> dict[str, FloatArray]:
    """Constraint, and likelihood of the units that meet it, else -inf; a slice at a time, which bounds the memory."""
    constraint, likelihood = np.zeros(len(units)), np.full(len(units), -np.inf)
    for start in range(0, len(units), SLICE):
        texts = units[start : start + SLICE]
        if log_constraint is not None:
            constraint[start : start + SLICE] = checked(log_constraint(texts), texts, "log constraint", 0.0)
        allowed = start + np.flatnonzero(constraint[start : start + SLICE] > -np.inf)
        if len(allowed):
            texts = [units[i] for i in allowed]
            likelihood[allowed] = checked(log_likelihood(texts), texts, "log likelihood")
    return {"log_constraint": constraint, "log_likelihood": likelihood}


def _weighed(seed: int, made: Evaluated, share: FloatArray, particles: int) -> ExactResult:
    """Posterior of units from their shares (n,) of the prior."""
    with np.errstate(divide="ignore"):
        log_prior = np.log(share)
    constrained = log_prior + made.log_constraint
    weighed = constrained + made.log_likelihood
    n = len(made.smiles)
    if not (constrained > -np.inf).any():
        raise UserError(f"none of the {n:,} repeat units of the space meets the constraints: relax them")
    if not (weighed > -np.inf).any():
        raise UserError(f"the goal is out of reach of all {n:,} repeat units of the space: widen it")
    both, allowed = (float(np.logaddexp.reduce(values)) for values in (weighed, constrained))
    drawn = systematic(np.random.default_rng(seed), weighed, particles)
    return ExactResult(made, log_prior, weighed - both, tuple(made.smiles[i] for i in drawn), both - allowed, allowed)


def _alike(block: Block) -> bool:
    """Test whether a block is the same either way round."""
    from rdkit import Chem

    ends = GROUPS[block.group].ends
    if ends and ends[0] != ends[-1]:
        return False
    turned = Chem.Mol(block.core)
    for atom in turned.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetIsotope(3 - atom.GetIsotope())
    return bool(Chem.MolToSmiles(turned) == Chem.MolToSmiles(block.core))
