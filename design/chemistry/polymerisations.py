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
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.substitutions import SUBSTITUTIONS

POLYMERISATIONS: tuple[Polymerisation, ...] = (*CONDENSATIONS, *SUBSTITUTIONS, *COUPLINGS, *CHAINS)
PROPOSED: tuple[Polymerisation, ...] = tuple(rule for rule in POLYMERISATIONS if rule.proposed)

_PARTNERS = {rule.words: rule.partner for rule in POLYMERISATIONS if rule.partner}


def has_partner(route: Provenance) -> bool:
    """Test whether a route's last monomer is the fixed reagent of its polymerisation: water, phosgene, ..."""
    return route.reaction in _PARTNERS


def own_monomers(route: Provenance) -> tuple[str, ...]:
    """Monomers of a route without the fixed reagent of its polymerisation, which is none.

    Epichlorohydrin is a reagent beside a bisphenol, and a monomer where it is opened alone.

    Examples
    --------
    >>> words = "hydrolysis and condensation of a dichlorosilane"
    >>> own_monomers(Provenance("polysiloxane", ("C[Si](C)(Cl)Cl", "O"), words))
    ('C[Si](C)(Cl)Cl',)
    """
    return route.monomers[:-1] if has_partner(route) else route.monomers


def conditions_of(words: str) -> str:
    """Conditions of the polymerisation that these words name; "" for words of none."""
    return next((rule.conditions for rule in POLYMERISATIONS if rule.words == words), "")
