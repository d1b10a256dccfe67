"""Repeat units closed to rings, in which every bond of the chain can be found and cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from kakehashi.catalogs.molecules.polymers import backbone_cuts
from kakehashi.design.chemistry.smarts import mapped, pattern

# An atom of a unit, the next atom along the bond, and how many units further that one is.
Bond = tuple[int, int, int]
_COPIES = 3  # of a unit whose ends are bonded, or one atom: fewer make no ring
_IMIDAZOLE = "[nX3;H1;r5]:[c;r5]:[nX2;r5]"


class Ring(NamedTuple):
    """Copies of a repeat unit, joined to a ring; the `*` are single atoms in it.

    size : atoms of a unit; copies : units in the ring
    bonds : of the chain that can be cut
    """

    mol: Any
    size: int
    copies: int
    bonds: frozenset[Bond]

    def links(self, smarts: str) -> list[Bond]:
        """Bonds of the chain whose atoms a SMARTS has mapped 1 and 2, in that order."""
        places = mapped(smarts)
        found: dict[Bond, None] = {}
        for match in self.mol.GetSubstructMatches(pattern(smarts), uniquify=False):
            (i, first), (j, second) = (divmod(match[places[k]], self.size) for k in (1, 2))
            found[first, second, (j - i) % self.copies] = None
        return [bond for bond in found if bond in self.bonds]

    def cut(self, bonds: Sequence[Bond]) -> list[Any]:
        """Pieces of one unit after some bonds were cut.

        Each has dummy atoms of isotopes 1 and 2, on the bonds' first and second atoms.
        """
        from rdkit import Chem

        edit = Chem.RWMol(self.mol)
        whole = edit.GetNumAtoms()
        for first, second, ahead in bonds:
            for i in range(self.copies):
                ends = i * self.size + first, (i + ahead) % self.copies * self.size + second
                edit.RemoveBond(*ends)
                for label, atom in enumerate(ends, 1):
                    dummy = Chem.Atom(0)
                    dummy.SetIsotope(label)
                    edit.AddBond(atom, edit.AddAtom(dummy), Chem.BondType.SINGLE)
        if Chem.SanitizeMol(edit, catchErrors=True):
            return []
        distinct: dict[frozenset[int], Any] = {}
        pieces = Chem.GetMolFrags(edit, asMols=True)
        for atoms, piece in zip(Chem.GetMolFrags(edit), pieces, strict=True):
            if len(atoms) > 1:  # the dummy atoms of the unit as written remain as single atoms
                distinct.setdefault(frozenset(atom % self.size for atom in atoms if atom < whole), piece)
        return list(distinct.values())


def close_unit(mol: Any) -> Ring:
    """Join the ends of a repeat unit, of several where they are bonded or one atom."""
    from rdkit import Chem

    stars = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    x, y = (star.GetNeighbors()[0].GetIdx() for star in stars)
    size = mol.GetNumAtoms()
    copies = _COPIES if x == y or mol.GetBondBetweenAtoms(x, y) is not None else 1
    inside = [] if x == y else backbone_cuts(mol, x, y)
    edit = Chem.RWMol(mol)
    for _ in range(copies - 1):
        edit.InsertMol(mol)
    for i in range(copies):
        for star, atom in zip(stars, (x, y), strict=True):
            edit.RemoveBond(i * size + star.GetIdx(), i * size + atom)
    for i in range(copies):
        edit.AddBond(i * size + y, (i + 1) % copies * size + x, Chem.BondType.SINGLE)
    # Not sanitised: RDKit could take the joined chain for an aromatic ring.
    edit.UpdatePropertyCache(False)
    Chem.FastFindRings(edit)
    ahead = 1 % copies
    bonds = [(y, x, ahead), *((p, q, 0) for p, q in inside)]
    return Ring(edit, size, copies, frozenset(bonds) | {(q, p, -n % copies) for p, q, n in bonds})


def tautomers(unit: Any) -> list[Any]:
    """Units with the hydrogen of each imidazole at either nitrogen; the unit alone where it has none."""
    from rdkit import Chem

    matches = unit.GetSubstructMatches(pattern(_IMIDAZOLE))
    forms = []
    for swaps in product((False, True), repeat=len(matches)):
        edit = Chem.RWMol(unit)
        for swap, (first, _, second) in zip(swaps, matches, strict=True):
            for atom, hydrogens in ((first, 0), (second, 1)) if swap else ():
                edit.GetAtomWithIdx(atom).SetNumExplicitHs(hydrogens)
                edit.GetAtomWithIdx(atom).SetNoImplicit(bool(hydrogens))
        if not Chem.SanitizeMol(edit, catchErrors=True):
            forms.append(edit)
    return forms or [unit]
