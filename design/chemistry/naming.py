"""Who the monomers are: names and CAS numbers from a pool and from the list of registered molecules."""

from __future__ import annotations

from collections.abc import Mapping

from kakehashi.catalogs.molecules.registered import NOT_REGISTERED, Registered, find_registered
from kakehashi.design.chemistry.blocks import Molecule


def name_monomer(smiles: str, pool: Mapping[str, Molecule]) -> Registered:
    """Name and CAS number of a monomer.

    Those of the pool count first. The name is "" where none is known, the CAS number "not registered".

    >>> name_monomer("NCCCCCCN", {"NCCCCCCN": Molecule("NCCCCCCN", "HMDA")})
    Registered(name='HMDA', cas='124-09-4')
    >>> name_monomer("NCCCCCC(C#N)CCN", {})
    Registered(name='', cas='not registered')
    """
    mine = pool.get(smiles, Molecule(smiles))
    listed = find_registered(smiles) or Registered("", NOT_REGISTERED)
    return Registered(mine.name or listed.name, mine.cas or listed.cas)
