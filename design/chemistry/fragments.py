"""Substituents and linkers that building blocks are decorated and lengthened with.

Substituents: the one-armed fragments of up to ten atoms that stand on an aromatic carbon in at least 10 of the 4,478
registered molecules that are blocks, less those that react themselves (`groups.REACTIVE`), hold a hydrogen on a
heteroatom, a C=C bond, or a carbonyl group (an ester exchanges, a ketone condenses with amines).
Linkers: 1,4-phenylene, 1,3-phenylene and 2,6-naphthylene (364, 95 and 7 of these molecules), methylene and ethylene,
and a phenylene behind each bridge found between two aromatic rings of at least 15 of them (less N=N and NH).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.chemistry.cutting import HALOGEN_ENDS, competing
from kakehashi.design.chemistry.ends import ALIPHATIC, AROMATIC, ENDS
from kakehashi.design.chemistry.groups import GROUPS
from kakehashi.design.chemistry.reactive_groups import REACTIVE
from kakehashi.design.chemistry.smarts import pattern
from kakehashi.design.chemistry.templates import LINKER_RANGE, LINKER_SPAN, SUBSTITUENT_RANGE, renumber_rings

# Substituents, and the number of blocks' molecules that carry each on an aromatic carbon.
SUBSTITUENTS: dict[str, int] = {
    "C": 317, "Cl": 247, "OC": 140, "[N+](=O)[O-]": 137, "Br": 74, "F": 70, "C(C)(C)C": 48, "-c1ccccc1": 25,
    "N(CC)CC": 24, "C(C)C": 21, "C(F)(F)F": 19, "CC": 17, "OCC": 14, "C#N": 13, "N(C)C": 11,
}  # fmt: skip
# The edit that replaces an aromatic CH by N.
AZA = len(SUBSTITUENTS)
EDITS = (*SUBSTITUENTS, "aza")

# Kinds of sites, all with a hydrogen: aromatic carbon, sp3 carbon among carbons, sp3 carbon beside a heteroatom or an
# end. The last takes substituents that begin with carbon: two heteroatoms on one carbon would be an acetal or aminal.
ARYL, ALKYL, ACTIVATED = 0, 1, 2
_CARBON_ARMED = tuple(i for i, text in enumerate(SUBSTITUENTS) if text[:2] in ("C", "CC", "C(", "-c"))


class Linker(NamedTuple):
    """A fragment with two arms, `{}` being what follows.

    outward, inward : written from the core to the end, and from the end to the core
    start : ALIPHATIC where it may stand on any carbon, AROMATIC where on aromatic ones only
    last : kind of its last carbon (ALIPHATIC, AROMATIC)
    """

    outward: str
    inward: str
    start: int
    last: int


LINKERS = (
    Linker("-c1ccc({})cc1", "-c1ccc({})cc1", ALIPHATIC, AROMATIC),
    Linker("-c1cccc({})c1", "-c1cccc({})c1", ALIPHATIC, AROMATIC),
    Linker("-c1ccc2cc({})ccc2c1", "-c1ccc2cc({})ccc2c1", ALIPHATIC, AROMATIC),
    Linker("C{}", "C{}", ALIPHATIC, ALIPHATIC),
    Linker("CC{}", "CC{}", ALIPHATIC, ALIPHATIC),
    Linker("Cc1ccc({})cc1", "-c1ccc(C{})cc1", ALIPHATIC, AROMATIC),
    Linker("C(=O)c1ccc({})cc1", "-c1ccc(C(=O){})cc1", ALIPHATIC, AROMATIC),
    Linker("C(C)(C)c1ccc({})cc1", "-c1ccc(C(C)(C){})cc1", ALIPHATIC, AROMATIC),
    Linker("C(=O)Nc1ccc({})cc1", "-c1ccc(NC(=O){})cc1", ALIPHATIC, AROMATIC),
    Linker("NC(=O)c1ccc({})cc1", "-c1ccc(C(=O)N{})cc1", AROMATIC, AROMATIC),
    Linker("Oc1ccc({})cc1", "-c1ccc(O{})cc1", AROMATIC, AROMATIC),
    Linker("Sc1ccc({})cc1", "-c1ccc(S{})cc1", AROMATIC, AROMATIC),
    Linker("S(=O)(=O)c1ccc({})cc1", "-c1ccc(S(=O)(=O){})cc1", AROMATIC, AROMATIC),
)
LONGEST = 2  # linkers at a port
_POSITIONS = 4 * LONGEST


@cache
def branch(edit: int) -> str:
    """Text of a substituent, in its own range of ring numbers."""
    return renumber_rings(tuple(SUBSTITUENTS)[edit], SUBSTITUENT_RANGE)


@cache
def linker_text(linker: int, position: int, inward: bool) -> tuple[str, str]:
    """Text before and after what a linker carries.

    position : 0 to 7, gives every linker of a unit its own ring numbers
    """
    if not 0 <= position < _POSITIONS:
        raise ValueError(f"expected a position from 0 to {_POSITIONS - 1}, got {position}")
    text = LINKERS[linker].inward if inward else LINKERS[linker].outward
    before, after = text.split("{}")
    # The marker is an atom token, so that the text can be renumbered as a whole.
    before, after = renumber_rings(f"{before}[U]{after}", LINKER_RANGE + LINKER_SPAN * position).split("[U]")
    return before, after


@cache
def allowed_edits(group: str) -> tuple[NDArray[np.int16], ...]:
    """Edits that add no competing group, by kind of site.

    At ARYL, ALKYL and ACTIVATED sites of a block of `group`.
    """
    aryl = [i for i in range(len(SUBSTITUENTS)) if not _clashes(group, i, "c1ccccc1")]
    alkyl = [i for i in range(len(SUBSTITUENTS)) if not _clashes(group, i, "CC(C)")]
    beside = [i for i in alkyl if i in _CARBON_ARMED]
    # The hydrogen that a coupling takes is found by the carbons of its ring.
    aryl += [] if any(ENDS[end].bare and not ENDS[end].monomer for end in GROUPS[group].ends) else [AZA]
    return np.array(aryl, np.int16), np.array(alkyl, np.int16), np.array(beside, np.int16)


@cache
def allowed_linkers(end: str, before: int) -> NDArray[np.int16]:
    """Linkers that may stand between a carbon and an end.

    before : what that carbon is (ALIPHATIC, AROMATIC)
    """
    carbons = ENDS[end].carbon
    starts = (ALIPHATIC, before)
    return np.array([i for i, x in enumerate(LINKERS) if x.last in carbons and x.start in starts], np.int16)


def _clashes(group: str, edit: int, carbon: str) -> bool:
    from rdkit import Chem

    text = tuple(SUBSTITUENTS)[edit]
    if text in ("F", "Cl", "Br") and HALOGEN_ENDS & set(GROUPS[group].ends):
        return True
    mol = Chem.MolFromSmiles(f"{carbon}{text}")
    # A second group of the kind of an end would be a third end.
    own = GROUPS[group].allowed if GROUPS[group].ends else ()
    return bool(competing(mol, group)) or any(mol.HasSubstructMatch(pattern(REACTIVE[name])) for name in own)
