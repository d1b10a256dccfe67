"""Record of a polymerisation."""

from __future__ import annotations

from typing import NamedTuple


class Polymerisation(NamedTuple):
    """A polymerisation of one or two building blocks.

    slots : the group of each block
    words : the reaction in words
    link : SMARTS of the bond formed, atoms mapped 1 (first slot's residue, or the head) and 2; "" for chain growth
    bare : slots whose residue has no ends, their atoms being in the other residue
    middle, partner : text of a fixed second residue, and SMILES of its monomer
    conditions : how it is run, in a clause
    source : publication that tells of it, seen in abstract or excerpt; "" where it is general knowledge
    proposed : True where units are proposed of it; False for polymers made for other uses, by whose routes known units
        are read
    """

    polymer_class: str
    slots: tuple[str, ...]
    words: str
    link: str = ""
    bare: tuple[int, ...] = ()
    middle: str = ""
    partner: str = ""
    conditions: str = ""
    source: str = ""
    proposed: bool = True
