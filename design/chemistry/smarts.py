"""Compiled SMARTS patterns and the atom map numbers in them."""

from __future__ import annotations

from functools import cache
from typing import Any

NITRO = "[NX3+](=O)[O-]"


@cache
def pattern(smarts: str) -> Any:
    """Compile a SMARTS; ValueError where it is none.

    Examples
    --------
    >>> pattern("[#6][OX2H1]").GetNumAtoms()
    2
    """
    from rdkit import Chem

    compiled = Chem.MolFromSmarts(smarts)
    if compiled is None:
        raise ValueError(f"expected a SMARTS pattern, got {smarts!r}")
    return compiled


@cache
def mapped(smarts: str) -> dict[int, int]:
    """Position in a match of each atom map number.

    Examples
    --------
    >>> mapped("[#6:1][CX3:2](=O)[OX2H1]")
    {1: 0, 2: 1}
    """
    return {a.GetAtomMapNum(): a.GetIdx() for a in pattern(smarts).GetAtoms() if a.GetAtomMapNum()}
