"""Linkages that name polymer classes, most specific first."""

from __future__ import annotations

from functools import cache
from typing import Any

from rdkit import Chem

# A polyimide holds amide groups, a polyamide may hold ethers: what comes first decides.
LINKAGES = (
    ("imide", "[#6](=O)-[#7](-,=[#6,#0])-[#6](=O)"),
    ("urethane", "[OX2]-[#6](=O)-[#7]"),
    ("urea", "[#7]-[#6](=O)-[#7]"),
    ("amide", "[#7]-[#6](=O)"),
    ("carbonate", "[OX2]-[#6](=O)-[OX2]"),
    ("ester", "[OX2]-[#6](=O)"),
    ("sulfone", "S(=O)(=O)"),
    ("siloxane", "[Si]-[OX2]"),
    ("silane", "[Si]"),
    ("phosphorus", "[#15]"),
    ("ketone", "[#6]-[#6](=O)-[#6]"),
    ("ether", "[#6]-[OX2]-[#6,#0]"),
    ("sulfide", "[#16]"),
    ("amine", "[#7]"),
    ("halide", "[F,Cl,Br,I]"),
    ("aromatic", "a"),
)
REST = "aliphatic"


def linkage(smiles: str) -> str:
    """First linkage of a molecule, else "aliphatic".

    >>> linkage("*CCO*")
    'ether'
    """
    mol = Chem.MolFromSmiles(smiles)
    return next((name for name, pattern in _patterns() if mol.HasSubstructMatch(pattern)), REST)


@cache
def _patterns() -> list[tuple[str, Any]]:
    return [(name, Chem.MolFromSmarts(smarts)) for name, smarts in LINKAGES]
