"""Unstable bonds and unreacted groups that a repeat unit must not hold."""

from __future__ import annotations

from functools import cache
from typing import Any

from kakehashi.design.chemistry.reactive_groups import REACTIVE
from kakehashi.design.chemistry.smarts import pattern

# Bonds that do not survive a polymerisation or the use of the material.
UNSTABLE: dict[str, str] = {
    "peroxide": "[OX2][OX2]",
    "chain of three nitrogens": "[#7]~[#7]~[#7]",
    "aliphatic azo": "[#6;!a][NX2;!R]=[NX2;!R]",
    "nitrogen-halogen bond": "[#7][F,Cl,Br,I]",
    "oxygen-halogen bond": "[#8][F,Cl,Br,I]",
    "sulfur-halogen bond": "[#16;!$(S(=O)(=O)[#6])][Cl,Br,I]",
    "nitroso or nitrite": "[#6,#7,#8;!$([#7]=O)][NX2]=O",
    "disulfide": "[SX2][SX2]",
    "sulfenate": "[SX2][OX2]",
    "hemiacetal or alpha-halohydrin": "[CX4]([OX2H])[OX2,NX3,SX2,F,Cl,Br,I]",
    "enol": "[OX2H][CX3;!a]=[CX3;!a]",
    "ketene or allene": "[#6]=[#6X2]=[#6,#7,#8,#16]",
    "alpha-halo ether or amine": "[OX2,NX3;!$(N[C,S]=O)][CX4;H1,H2][F,Cl,Br,I]",
    "thioaldehyde or thioketone": "[#6][CX3;!$(C[N,O,S])]=S",
    "small ring with a double bond": "[r3]=[r3]",
    "three-ring with a heteroatom beside a double bond": "[#6X3;r3](=[#6,#7,#8])@[#7,#8,#16;r3]",
    "cyclobutadiene": "[#6X3;r4]~1~[#6X3;r4]~[#6X3;r4]~[#6X3;r4]~1",
    "bicyclobutane": "[#6;r3]12~[#6;r3]~[#6;r3]1~[#6;r3]2",
    "carbamic or carbonic acid": "[NX3,OX2][CX3](=O)[OX2H1]",
}

# Reactive groups that no polymer retains; many retain hydroxyl, acid and amide groups (acrylic acid, HEMA).
LEFT_OVER = (
    "amine", "hydrazine or hydroxylamine", "imine", "acyl halide", "anhydride", "isocyanate", "thiol",
    "sulfonyl halide or acid", "phosphorus acid or chloride", "aldehyde", "epoxide or aziridine",
    "silyl halide or hydride", "boronic acid", "azide or diazo",
)  # fmt: skip

# One pattern that matches every molecule in which one of the above matches. It does not depend on the ends of a unit,
# so that it applies before capping. Nine of ten proposals do not match and need no further check.
_SUSPECT = ",".join((
    "[NX2,NX3H2,OX2H1,SX2H1,Si&!H0,#15,#5,r3",
    "$([#7,OX2,SX2]~[#7,OX2,SX2])",
    "$([#7,#8,#16,#14,CX3][F,Cl,Br,I])",
    "$([OX2,NX3][CX4;H1,H2][F,Cl,Br,I])",
    "$([#6X2,S]=[#6])",
    "$([#6X3;r4])",
    "$([CX3H1]=O)",
    "$([#8X2](~[#6X3]=O)~[#6X3]=O)]",
))  # fmt: skip


def suspect(mol: Any) -> bool:
    """Screen quickly for unstable bonds and reactive groups.

    False is certain: `unstable` and `reactive` then find nothing.
    """
    return bool(mol.HasSubstructMatch(pattern(_SUSPECT)))


def unstable(mol: Any) -> list[str]:
    """Names of the unstable bonds in a molecule or repeat unit.

    Examples
    --------
    >>> from rdkit import Chem
    >>> unstable(Chem.MolFromSmiles("*COOC*"))
    ['peroxide']
    """
    return [name for name, smarts in UNSTABLE.items() if mol.HasSubstructMatch(pattern(smarts))]


def reactive(mol: Any) -> list[str]:
    """Names of the groups in a repeat unit that would react further."""
    whole = cap_unit(mol)
    return [name for name in LEFT_OVER if whole.HasSubstructMatch(pattern(REACTIVE[name]))]


def cap_unit(unit: Any) -> Any:
    """Cap a unit with methyl groups.

    An amide's end is then no amine, and a carbonyl's no aldehyde.
    """
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
