"""Table of the functional groups of monomers.

Molecules are recognised by them as building blocks of polymers.

`catalogs.molecules.monomers` counts them in a pool of molecules. `design.chemistry.groups` names those that the blocks
of a polymerisation are recognised by, and says how the blocks are cut. A polymerisation of a new group needs a line
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

_SP3 = "[CX4;!$(C(~[!#6;!#1])~[!#6;!#1])]"  # two heteroatoms on one carbon fall apart


class Counted(NamedTuple):
    """Functional group that is counted.

    smarts : its pattern
    role : of a possible block, which needs two ends of any kind, one group to be opened, or two halides of one kind
        (inert unless activated)
    """

    smarts: str
    role: Literal["end", "opened", "halide"] = "end"


GROUPS: dict[str, Counted] = {
    "aromatic amine": Counted("[NX3;H2][c]"),
    "aliphatic amine": Counted(f"[NX3;H2]{_SP3}"),
    "secondary amine": Counted("[NX3;H1]([CX4])[CX4]"),
    "carboxylic acid": Counted("[#6][CX3](=O)[OX2H1]"),
    "acyl chloride": Counted("[#6][CX3](=O)Cl"),
    "alcohol": Counted(f"[OX2H1]{_SP3}"),
    "phenol": Counted("[OX2H1][c]"),
    "thiol": Counted("[SX2H1][#6]"),
    "isocyanate": Counted("[#6][NX2]=C=O"),
    "cyclic anhydride": Counted("[#6;R](=O)[#8;R][#6;R]=O"),  # aromatic to RDKit in pyromellitic dianhydride
    "epoxide": Counted("[CX4;r3]1[OX2;r3][CX4;r3]1", "opened"),
    "terminal alkene": Counted("[CH2X3]=[CX3]", "opened"),
    "acrylic": Counted("[CH2X3]=[CX3][$([CX3](=O)[OX2,NX3]),$([CX2]#N)]"),
    "styrenic": Counted("[CH2X3]=[CX3][c]"),
    "lactam": Counted("[NX3;H1;R]([CX4])@[CX3;R](=O)[#6]", "opened"),
    "lactone": Counted("[OX2;R]([CX4])@[CX3;R](=O)[#6]", "opened"),
    "cyclic carbonate": Counted("[CX3;R](=O)(@[OX2])@[OX2]"),
    "carbonyl source": Counted("[$([CX3](=O)([OX2;!R][#6])[OX2;!R][#6]),$([CX3](=O)(Cl)Cl)]"),
    "aryl fluoride": Counted("[c]F", "halide"),
    "aryl chloride": Counted("[c]Cl", "halide"),
    "silyl chloride": Counted("[SiX4]Cl"),
}
"""Functional groups, counted once per set of atoms. A terminal alkene may be acrylic or styrenic as well."""


def may_polymerise(counts: Mapping[str, int]) -> bool:
    """Test whether a molecule's groups allow a block.

    It takes two ends, one group to open, or two halides of one kind.

    >>> may_polymerise({"alcohol": 2}), may_polymerise({"alcohol": 1, "aryl chloride": 1})
    (True, False)
    """
    ends = sum(count for group, count in counts.items() if GROUPS[group].role != "halide")
    halides = [count for group, count in counts.items() if GROUPS[group].role == "halide"]
    return ends > 1 or any(GROUPS[group].role == "opened" for group in counts) or any(n > 1 for n in halides)
