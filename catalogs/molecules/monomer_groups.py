"""Functional groups that monomers are found by, and cut at: the one table of their SMARTS.

`catalogs.molecules.monomers` counts them in the molecules of a pool; `design.chemistry.groups` names those of each
building block of a polymerisation, and `design.chemistry.cutting` cuts there. A polymerisation of a new group needs a
line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

SP3 = "$([CX4;!$(C(~[!#6;!#1])~[!#6;!#1])])"  # two heteroatoms on one carbon fall apart

_BLOCKING = "[#6,F,Cl,Br,$([OX2][#6])]"  # what an ortho position of a phenol carries that couples at para alone


class Counted(NamedTuple):
    """Functional group that is counted.

    smarts : where a block of the group is cut, an atom mapped 1 (the core atom of an end, or the head of what is
        opened) and one mapped 2 (what turns into the port, or the tail; none where a hydrogen of the core atom does)
    role : what makes a molecule that carries it a possible block: two ends of any kind, one group to be opened, or two
        halides of one kind, which are inert unless activated
    tells : True where the kinds of `catalogs.molecules.monomers.POOLS` are told apart by it
    """

    smarts: str
    role: Literal["end", "opened", "halide"] = "end"
    tells: bool = True


GROUPS: dict[str, Counted] = {
    "aromatic amine": Counted("[c:1][NX3;H2:2]"),
    "aliphatic amine": Counted(f"[{SP3}:1][NX3;H2:2]"),
    "secondary amine": Counted(f"[NX3;H1;!$(N~[n,N]):1]([{SP3}])[{SP3}]"),
    "carboxylic acid": Counted("[#6:1][CX3:2](=O)[OX2H1]"),
    "acyl chloride": Counted("[#6:1][CX3:2](=O)Cl"),
    "alcohol": Counted(f"[{SP3}:1][OX2H1:2]"),
    "phenol": Counted("[c:1][OX2H1:2]"),
    "thiol": Counted("[$([CX4]),c:1][SX2H1:2]"),
    "aldehyde": Counted("[#6:1][CX3H1:2]=O", tells=False),
    "acid hydrazide": Counted("[#6:1][CX3:2](=O)[NX3H1][NX3H2]", tells=False),
    "methyl ester": Counted("[#6:1][CX3:2](=O)[OX2][CH3]", tells=False),
    "sulfonyl chloride": Counted("[#6:1][SX4:2](=O)(=O)Cl", tells=False),
    "boronic acid": Counted("[c:1][BX3:2]([OX2H1])[OX2H1]", tells=False),
    "vinylarene": Counted("[c:1][CX3H1:2]=[CX3H2]", tells=False),
    "ethynylarene": Counted("[c:1][CX2:2]#[CX2H1]", tells=False),
    "o-diamine": Counted("[NX3;H2:1]c:c[NX3;H2:2]", tells=False),
    "o-aminophenol": Counted("[NX3;H2:1]c:c[OX2H1:2]", tells=False),
    "o-aminothiol": Counted("[NX3;H2:1]c:c[SX2H1:2]", tells=False),
    # A pyridine-type nitrogen in the five-ring, as in thiazole or imidazole, makes it too poor in electrons to oxidise.
    "azole alpha CH": Counted("[cX3;H1;r5;$(c:[sX2,nX3;r5]);!$(c1[nX2]aaa1);!$(c1a[nX2]aa1):1]", tells=False),
    "phenol para CH": Counted(f"[cX3;H1;$(c1cc({_BLOCKING})c([OX2H1])c({_BLOCKING})c1):1]", tells=False),
    "aniline para CH": Counted("[cX3;H1;$(c1ccc([NX3;H2])cc1):1]", tells=False),
    "isocyanate": Counted("[#6:1][NX2:2]=C=O"),
    "cyclic anhydride": Counted("[#6;R](=O)[#8;R:1][#6;R]=O"),  # aromatic to RDKit in pyromellitic dianhydride
    "epoxide": Counted("[C;r3:1]1[C;r3][O;r3:2]1", "opened"),
    "terminal alkene": Counted("[CH2X3:1]=[CX3:2]", "opened"),
    "acrylic": Counted("[CH2X3]=[CX3][$([CX3](=O)[OX2,NX3]),$([CX2]#N)]"),
    "styrenic": Counted("[CH2X3]=[CX3][c]"),
    "lactam": Counted("[NX3;H1;R:1]([CX4])@[CX3;R:2](=O)[#6]", "opened"),
    "lactone": Counted("[OX2;R:1]([CX4])@[CX3;R:2](=O)[#6]", "opened"),
    "cyclic carbonate": Counted("[CX3;R:2](=O)(@[OX2])@[OX2:1]"),
    "cyclic ether": Counted(
        "[CX4;H2;r4,r5:1]@[OX2;r4,r5;$(O([CX4])[CX4]);!$(O[CX4][OX2,NX3,SX2]):2]", "opened", tells=False
    ),
    "thiirane": Counted("[C;r3:1]1[C;r3][SX2;r3:2]1", "opened", tells=False),
    "2-oxazoline": Counted("[CX4;H2;r5:1]1[OX2][CX3]=[NX2:2][CX4]1", "opened", tells=False),
    "xylene CH3": Counted("[CX4;H3;$(C-c1ccc([CX4;H3])cc1):1]", tells=False),
    "diene, one bond": Counted("[CX3;H2:1]=[CX3;$(C-[CX3]=[CX3]):2]", "opened", tells=False),
    "acetylene": Counted("[CX2:1]#[CX2:2]", "opened", tells=False),
    "diene": Counted("[CX3;H2:1]=[CX3;!R][CX3;!R]=[CX3;!R:2]", "opened", tells=False),
    "fluoroalkene": Counted("[CX3;$(CF):1]=[CX3;!H2;$(C[F,Cl,$([CX4](F)F),$([OX2]),$(c)]):2]", "opened", tells=False),
    "1,2-disubstituted alkene": Counted(
        "[CX3;H1;$(C[CX3](=O)[O,N]),$(C-c),$(C[OX2][CX4]),$(C[OX2][CX3](=O)[OX2]):1]=[CX3;H1;!$(C=C-C=C):2]",
        "opened",
        tells=False,
    ),
    "ring alkene": Counted("[CX3;R;!r3;!r6:1](=[CX3;R;!r3;!r6])@[CX4:2]", "opened", tells=False),
    "carbonyl source": Counted("[$([CX3](=O)([OX2;!R][#6])[OX2;!R][#6]),$([CX3](=O)(Cl)Cl)]"),
    "aryl fluoride": Counted("[c:1][F:2]", "halide"),
    "aryl chloride": Counted("[c:1][Cl:2]", "halide"),
    "aryl bromide": Counted("[c:1][Br:2]", "halide", tells=False),
    "alkyl bromide": Counted(f"[CX4;H2;{SP3}:1][Br:2]", "halide", tells=False),
    "benzyl chloride": Counted("[c:1][CX4;H2:2]Cl", "halide", tells=False),
    "silyl chloride": Counted("[SiX4:1][Cl:2]"),
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
