"""Functional groups that monomers are found by, and cut at: the one table of their SMARTS.

`catalogs.molecules.monomers` counts them in the molecules of a pool; `design.chemistry.groups` names those of each
building block of a polymerisation, and `design.chemistry.cutting` cuts there. A polymerisation of a new group needs a
line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

SP3 = "$([CX4;!$(C(~[!#6;!#1])~[!#6;!#1])])"  # two heteroatoms on one carbon fall apart


class Counted(NamedTuple):
    """Functional group that is counted.

    smarts : where a block of the group is cut, an atom mapped 1 (the core carbon of an end, or the head of what is
        opened) and one mapped 2 (what turns into the port, or the tail)
    role : what makes a molecule that carries it a possible block: two ends of any kind, one group to be opened, or two
        halides of one kind, which are inert unless activated
    """

    smarts: str
    role: Literal["end", "opened", "halide"] = "end"


GROUPS: dict[str, Counted] = {
    "aromatic amine": Counted("[c:1][NX3;H2:2]"),
    "aliphatic amine": Counted(f"[{SP3}:1][NX3;H2:2]"),
    "secondary amine": Counted("[NX3;H1]([CX4])[CX4]"),
    "carboxylic acid": Counted("[#6:1][CX3:2](=O)[OX2H1]"),
    "acyl chloride": Counted("[#6:1][CX3:2](=O)Cl"),
    "alcohol": Counted(f"[{SP3}:1][OX2H1:2]"),
    "phenol": Counted("[c:1][OX2H1:2]"),
    "thiol": Counted("[SX2H1][#6]"),
    "isocyanate": Counted("[#6:1][NX2:2]=C=O"),
    "cyclic anhydride": Counted("[#6;R](=O)[#8;R:1][#6;R]=O"),  # aromatic to RDKit in pyromellitic dianhydride
    "epoxide": Counted("[C;r3:1]1[C;r3][O;r3:2]1", "opened"),
    "terminal alkene": Counted("[CH2X3:1]=[CX3:2]", "opened"),
    "acrylic": Counted("[CH2X3]=[CX3][$([CX3](=O)[OX2,NX3]),$([CX2]#N)]"),
    "styrenic": Counted("[CH2X3]=[CX3][c]"),
    "lactam": Counted("[NX3;H1;R:1]([CX4])@[CX3;R:2](=O)[#6]", "opened"),
    "lactone": Counted("[OX2;R:1]([CX4])@[CX3;R:2](=O)[#6]", "opened"),
    "cyclic carbonate": Counted("[CX3;R:2](=O)(@[OX2])@[OX2:1]"),
    "carbonyl source": Counted("[$([CX3](=O)([OX2;!R][#6])[OX2;!R][#6]),$([CX3](=O)(Cl)Cl)]"),
    "aryl fluoride": Counted("[c:1][F:2]", "halide"),
    "aryl chloride": Counted("[c:1][Cl:2]", "halide"),
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
