"""Substructures of endless chains, wherever the repeat unit was cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kakehashi.catalogs.molecules.unit_keys import twice
from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.smarts import pattern


def chain_has(unit: Any, smarts: str) -> bool:
    """Test whether the chain of a parsed repeat unit holds a pattern.

    The pattern may lie across repeat units; attachment points count as no atoms.

    >>> from rdkit import Chem
    >>> chain_has(Chem.MolFromSmiles("*NCCCCCC(*)=O"), "[NX3H1][CX3]=O")
    True
    """
    from rdkit import Chem

    query = pattern(smarts)
    chain = unit
    ends = _ends(chain)
    needed = query.GetNumAtoms() + len(Chem.GetShortestPath(chain, *ends)) - 2
    while len(Chem.GetShortestPath(chain, *ends)) - 2 < needed:
        chain = twice(chain)
        ends = _ends(chain)
    matches = chain.GetSubstructMatches(query, uniquify=True, maxMatches=10_000)
    return any(not set(ends) & set(match) for match in matches)


def check_smarts(texts: Sequence[str], flag: str) -> None:
    """Refuse what is no SMARTS, or several fragments, with a UserError that names the flag."""
    for text in texts:
        try:
            fragments = "." in text or not pattern(text).GetNumAtoms()
        except ValueError:
            raise UserError(f"{flag}: expected a SMARTS pattern, got {text!r}") from None
        if fragments:
            raise UserError(f"{flag}: expected one connected SMARTS pattern, got {text!r}; repeat the flag for several")


def _ends(chain: Any) -> tuple[int, int]:
    first, last = (atom.GetIdx() for atom in chain.GetAtoms() if atom.GetAtomicNum() == 0)
    return first, last
