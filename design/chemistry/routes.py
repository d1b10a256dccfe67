"""Order of the routes to a polymer, and polymer classes that a table has never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kakehashi.design.chemistry.monomer_rules import cautions
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS, own_monomers
from kakehashi.design.chemistry.provenance import Provenance

_PLACE = {rule.words: place for place, rule in enumerate(POLYMERISATIONS)}


def best_first(routes: Iterable[Provenance], registered: Callable[[str], bool]) -> list[Provenance]:
    """Sort routes: without caution, of registered monomers, of the smallest largest monomer, usual.

    Of a tie, the polymerisation that comes first in `POLYMERISATIONS` is the usual one.

    registered : whether a SMILES is that of a registered molecule

    Examples
    --------
    >>> best_first(classify("*NCCCCCC(*)=O"), lambda smiles: True)[0].monomers
    ('O=C1CCCCCN1',)
    """

    def order(route: Provenance) -> tuple[int, float, int, int]:
        own = own_monomers(route)
        return (
            len(cautions(route)),
            # The share, not the number: one amino acid nobody sells is no better than a diacid and a diamine.
            sum(not registered(smiles) for smiles in own) / max(1, len(own)),
            max(map(_heavy_atoms, own), default=0),
            _PLACE.get(route.reaction, len(_PLACE)),
        )

    return sorted(routes, key=order)


def describe(route: Provenance) -> str:
    """Write a route for people: class, monomers, reaction."""
    return f"{route.polymer_class}: {' + '.join(route.monomers)} ({route.reaction})"


def unseen_classes(units: Sequence[str], classes: Iterable[str]) -> tuple[str, ...]:
    """Polymer classes of which a table holds no unit, in the order given.

    units : repeat units of a training table; texts that are none are left out. Reading stops when every class is seen
    """
    left = dict.fromkeys(classes)
    for unit in units:
        if not left:
            break
        try:
            routes = classify(unit)
        except ValueError:
            continue
        for route in routes:
            left.pop(route.polymer_class, None)
    return tuple(left)


def _heavy_atoms(smiles: str) -> int:
    from rdkit import Chem

    return int(Chem.MolFromSmiles(smiles).GetNumHeavyAtoms())
