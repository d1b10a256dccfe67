"""Bonds and groups that a repeat unit must not hold: what falls apart, and what would go on reacting."""

from __future__ import annotations

from functools import cache
from typing import Any

from kakehashi.design.chemistry.reactive_groups import REACTIVE
from kakehashi.design.chemistry.smarts import pattern

# Bonds that do not survive a polymerisation or the life of a part.
UNSTABLE: dict[str, str] = {
    "peroxide": "[OX2][OX2]",
    "chain of three nitrogens": "[#7]~[#7]~[#7]",
    "aliphatic azo": "[#6;!a][NX2;!R]=[NX2;!R]",
    "nitrogen-halogen bond": "[#7][F,Cl,Br,I]",
    "oxygen-halogen bond": "[#8][F,Cl,Br,I]",
    "sulfur-halogen bond": "[#16][Cl,Br,I]",
    "nitroso or nitrite": "[#6,#7,#8;!$([#7]=O)][NX2]=O",
    "disulfide": "[SX2][SX2]",
    "sulfenate": "[SX2][OX2]",
    "hemiacetal or alpha-halohydrin": "[CX4]([OX2H])[OX2,NX3,SX2,F,Cl,Br,I]",
    "enol": "[OX2H][CX3;!a]=[CX3;!a]",
    "ketene or allene": "[#6,#7;!$(N=C=[O,S])]=[#6X2]=[#6]",
    "alpha-halo ether or amine": "[OX2,NX3;!$(N[C,S]=O)][CX4;H1,H2][F,Cl,Br,I]",
    "thioaldehyde or thioketone": "[#6][CX3;!$(C[N,O,S])]=S",
    "small ring with a double bond": "[r3]=[r3]",
}

# Alcohols, acids and amides' nitrogen stay in many real polymers (acrylic acid, HEMA); these groups do not.
LEFT_OVER = (
    "amine", "hydrazine or hydroxylamine", "imine", "acyl halide", "anhydride", "isocyanate", "thiol",
    "sulfonyl halide or acid", "phosphorus acid or chloride", "aldehyde", "epoxide or aziridine",
    "silyl halide or hydride", "boronic acid", "azide or diazo",
)  # fmt: skip

# Whatever holds one of the above holds one of these; no pattern below looks at the ends of a unit, so that it may be
# asked before the unit is capped. Nine of ten proposals are done with here.
_SUSPECT = ",".join((
    "[NX2,NX3H2,OX2H1,SX2H1,Si&!H0,#15,#5,r3",
    "$([#7,OX2,SX2]~[#7,OX2,SX2])",
    "$([#7,#8,#16,#14,CX3][F,Cl,Br,I])",
    "$([OX2,NX3][CX4;H1,H2][F,Cl,Br,I])",
    "$([#6X2,S]=[#6])",
    "$([CX3H1]=O)",
    "$([#8X2](~[#6X3]=O)~[#6X3]=O)]",
))  # fmt: skip


def suspect(mol: Any) -> bool:
    """Whether a molecule or repeat unit may hold an unstable bond or a group left over; without it, it holds none."""
    return bool(mol.HasSubstructMatch(pattern(_SUSPECT)))


def unstable(mol: Any) -> list[str]:
    """Names of the unstable bonds in a molecule or repeat unit."""
    return [name for name, smarts in UNSTABLE.items() if mol.HasSubstructMatch(pattern(smarts))]


def reactive(mol: Any) -> list[str]:
    """Names of the groups in a repeat unit that should have reacted, or would react further."""
    whole = capped(mol)
    return [name for name in LEFT_OVER if whole.HasSubstructMatch(pattern(REACTIVE[name]))]


def capped(unit: Any) -> Any:
    """The unit with methyl groups at its ends, so that an amide's end is no amine and a carbonyl's no aldehyde."""
    from rdkit import Chem

    edit = Chem.RWMol(unit)
    for atom in edit.GetAtomsMatchingQuery(_star()):
        atom.SetAtomicNum(6)
        atom.SetNoImplicit(False)
        atom.UpdatePropertyCache()
    return edit


@cache
def _star() -> Any:
    from rdkit.Chem import rdqueries

    return rdqueries.AtomNumEqualsQueryAtom(0)
