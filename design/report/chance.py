"""Chance that proposals meet the goals, in a sentence for page and terminal."""

from __future__ import annotations

from collections.abc import Sequence

# Chance from which a proposal is called likely to meet the goals.
LIKELY = 0.5


def chance_sentence(chances: Sequence[float], random: float | None) -> str:
    """Say how likely the proposals meet the goals, beside a random repeat unit.

    chances : of each proposal, 0 to 1; random : mean over allowed units of the prior, None if unknown

    >>> chance_sentence([0.05, 0.02], 0.04)
    'None is likely to meet the goal: the best 5%, a random unit 4%.'
    """
    if not chances:
        return "No repeat unit is proposed."
    beside = "" if random is None else f", a random unit {write_chance(random)}"
    likely = sum(chance >= LIKELY for chance in chances)
    best = write_chance(max(chances))
    if not likely:
        return f"None is likely to meet the goal: the best {best}{beside}."
    verb = "is" if likely == 1 else "are"
    return f"{likely:,} of {len(chances):,} proposals {verb} likely to meet the goal: the best {best}{beside}."


def believed_sentence(best: float, bins: Sequence[tuple[float, float, int, float]]) -> str:
    """Say how often held-out polymers with such a chance met the goals; "" where there were none.

    best : largest chance; bins : ends, polymers, and the share of them that meets the goals

    >>> believed_sentence(0.9, [(0.0, 0.6, 40, 0.1), (0.6, 1.0, 20, 0.55)])
    'Of 20 known polymers that were given 60% to 100% by models that had not seen them, 11 meet it.'
    """
    for start, stop, polymers, true in bins:
        if start <= best <= stop and polymers and (best > start or start == 0):
            given = f"{start:.0%} to {stop:.0%}"
            return (
                f"Of {polymers:,} known polymers that were given {given} by models that had not seen them,"
                f" {round(true * polymers):,} meet it."
            )
    return ""


def write_chance(share: float) -> str:
    """Write a share as a percentage that is neither 0 nor 100 by rounding alone.

    >>> write_chance(0.0004), write_chance(0.004), write_chance(0.9999), write_chance(1.0)
    ('below 0.1%', '0.4%', 'above 99%', '100%')
    """
    if 0 < share < 0.001:
        return "below 0.1%"
    if 0.99 < share < 1:
        return "above 99%"
    return f"{share:.1%}" if 0 < share < 0.0095 else f"{share:.0%}"
