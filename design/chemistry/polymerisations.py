"""Table of the polymerisations that a repeat unit can come from.

Each takes one or two building blocks (`groups.GROUPS`); a new one is an entry of the table of its kind, the usual ones
before the others. In a chain of two unsymmetrical blocks every block may stand either way round; a repeat unit of one
block each is then one of the two regular chains, not the random one.
"""

from __future__ import annotations

from kakehashi.design.chemistry.chains import CHAINS
from kakehashi.design.chemistry.condensations import CONDENSATIONS
from kakehashi.design.chemistry.couplings import COUPLINGS
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.substitutions import SUBSTITUTIONS

POLYMERISATIONS: tuple[Polymerisation, ...] = (*CONDENSATIONS, *SUBSTITUTIONS, *COUPLINGS, *CHAINS)
PROPOSED: tuple[Polymerisation, ...] = tuple(rule for rule in POLYMERISATIONS if rule.proposed)


def conditions_of(words: str) -> str:
    """Conditions of the polymerisation that these words name; "" for words of none."""
    return next((rule.conditions for rule in POLYMERISATIONS if rule.words == words), "")
