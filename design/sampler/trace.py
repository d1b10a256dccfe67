"""Settings and trace of tempered sequential Monte Carlo, and its warnings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.records import UserError


class TemperingSettings(NamedTuple):
    """Settings of tempered SMC; the posterior does not depend on them.

    effective : share of the particles the incremental weights of a temperature leave; from 0.5 to 0.95 the variance of
        log Z at equal numbers of moves was the same on a space of 12,750 pairs, its bias smaller from 0.9 on
    moved : share of the particles that must have changed since they were resampled before the next temperature
    least_moves, most_moves : bounds of the moves per temperature
    last_moves : least number of moves at the last temperature
    temperatures : number after which the goal is called out of reach
    schedule : given inverse temperatures, ending in 1, instead of adaptive ones; if the number of moves is fixed too,
        exp(log Z) is unbiased
    distinct, acceptance : shares of distinct repeat units and of changing moves below which a warning is given
    search : inverse temperature up to which copies of the posterior's particles go on, to evaluate the likeliest units
        (1: not at all)
    """

    effective: float = 0.9
    moved: float = 0.9
    least_moves: int = 3
    most_moves: int = 50
    last_moves: int = 10
    temperatures: int = 200
    schedule: tuple[float, ...] = ()
    distinct: float = 0.1
    acceptance: float = 0.01
    search: float = 1.0


class Step(NamedTuple):
    """Diagnostics of one temperature; temperature 0 is the prior.

    effective_size : of the incremental weights, in particles
    acceptance : share of the proposals that were accepted and changed the particle; of the prior's draws at 0
    moves, moved : Metropolis-Hastings steps, and share of the particles they changed
    distinct : distinct repeat units among the particles
    log_z_increment, log_z : of the goal's likelihood under the constrained prior
    proposed : moves attempted (draws at temperature 0); of them `impossible` could not be made, and `invalid` led to
        no valid repeat unit or to one that violates a constraint
    evaluated : likelihoods evaluated for the first time
    """

    temperature: int
    inverse_temperature: float
    effective_size: float
    acceptance: float
    moves: int
    moved: float
    distinct: int
    log_z_increment: float
    log_z: float
    proposed: int
    impossible: int
    invalid: int
    evaluated: int


def collapse(step: Step, particles: int, settings: TemperingSettings) -> list[str]:
    """Warnings about a temperature that show a collapsed sample.

    The words before the colon name the kind.
    """
    if step.temperature == 0:
        return []
    where = f"at inverse temperature {step.inverse_temperature:.3g}"
    warnings = []
    if step.distinct < settings.distinct * particles:
        warnings.append(f"few distinct repeat units: {step.distinct} among {particles} particles {where}")
    if step.acceptance < settings.acceptance:
        warnings.append(f"few moves are accepted: {step.acceptance:.2%} {where}")
    if step.moves >= settings.most_moves and step.moved < settings.moved:
        warnings.append(
            f"particles stay where they were resampled: {step.moved:.1%} of them changed in {step.moves} moves {where}"
        )
    return warnings


def check_settings(seed: int, particles: int, settings: TemperingSettings) -> None:
    """Check the settings before any work; UserError.

    Examples
    --------
    >>> check_settings(0, 100, TemperingSettings(effective=0.5))
    """
    if seed < 0:
        raise UserError(f"expected a seed of 0 or more, got {seed}")
    if particles < 1:
        raise UserError(f"expected at least one particle, got {particles}")
    if not 1 <= settings.least_moves <= settings.most_moves:
        raise UserError(
            f"expected one or more moves per temperature, at most no fewer than at least, got {settings.least_moves}"
            f" to {settings.most_moves}"
        )
    if not 0 < settings.effective < 1:
        raise UserError(f"expected an effective share between 0 and 1, got {settings.effective}")
    if not settings.search >= 1:
        raise UserError(f"expected a search from inverse temperature 1 upwards, got {settings.search}")
    steps = np.diff([0.0, *settings.schedule])
    if settings.schedule and not (settings.schedule[-1] == 1 and (steps > 0).all()):
        raise UserError(f"expected inverse temperatures that rise to 1, got {settings.schedule}")
