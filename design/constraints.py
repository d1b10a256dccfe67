"""What a proposed polymer must not contain, and how hard and how new it looks."""

from __future__ import annotations

from typing import Any

from design.groups import pattern

# Bonds that do not survive a polymerisation or the life of a part.
UNSTABLE: dict[str, str] = {
    "peroxide": "[OX2][OX2]",
    "chain of three nitrogens": "[#7]~[#7]~[#7]",
    "aliphatic azo": "[#6;!a][NX2;!R]=[NX2;!R]",
    "nitrogen-halogen bond": "[#7][F,Cl,Br,I]",
    "oxygen-halogen bond": "[#8][F,Cl,Br,I]",
    "sulfur-halogen bond": "[#16][Cl,Br,I]",
    "nitroso or nitrite": "[#7,#8][NX2]=O",
    "C-nitroso": "[#6][NX2]=O",
    "disulfide": "[SX2][SX2]",
    "sulfur-oxygen chain": "[SX2][OX2]",
    "acetal with a free hydroxyl": "[CX4]([OX2H])[OX2,NX3,SX2,F,Cl,Br,I]",
    "enol": "[OX2H][CX3;!a]=[CX3;!a]",
    "ketene or allene": "[#6,#7,#8]=[#6X2]=[#6]",
    "carbon-halogen beside oxygen or nitrogen": "[OX2,NX3;!$(N-[C,S]=O)][CX4;H1,H2][F,Cl,Br,I]",
    "thioaldehyde or thioketone": "[#6][CX3;!$(C[N,O,S])]=S",
    "carbon-carbon three-ring with a double bond": "C1=CC1",
}


def unstable(mol: Any) -> list[str]:
    """Names of the unstable bonds in a molecule."""
    return [name for name, smarts in UNSTABLE.items() if mol.HasSubstructMatch(pattern(smarts))]
