"""Forms of a repeat unit: open, end-capped, dimer, ring.

All forms but the ring depend on where the chain was cut, so units are given in the frame that names them. The
ring holds enough units that no fingerprint reaches round it: what is counted on it, over the number of units, is
what one unit counts in an endless chain.
"""

from __future__ import annotations

from typing import Any, Literal

from rdkit import Chem

Mol = Any
Form = Literal["star", "hydrogen", "methyl", "dimer", "ring"]

RING_ATOMS = 8
"""Least atoms of a closed chain: an environment of radius 3 spans 7."""


def shaped(mol: Mol, form: Form, ring_atoms: int = RING_ATOMS, perceived: bool = True) -> tuple[Mol, int]:
    """Molecule that stands for a repeat unit, and its units.

    Molecules without `*` come back as they are.

    ring_atoms : least atoms of a closed chain; perceived : whether conjugation and hybridisation are of use in it
    """
    matches = mol.GetSubstructMatches(_END)
    if len(matches) != 2 or form == "star":
        return mol, 1
    ends = [matches[0][0], matches[1][0]]
    if form == "methyl":
        return _methyl(mol, ends), 1
    if form == "ring":
        return _ring(mol, matches, ring_atoms, perceived)
    return (_capped(mol, ends), 1) if form == "hydrogen" else (_dimer(mol, ends), 2)


def _methyl(mol: Mol, ends: list[int]) -> Mol:
    capped = Chem.RWMol(mol)
    for end in ends:
        capped.ReplaceAtom(end, Chem.Atom(6))
    return _finished(capped)


def _capped(mol: Mol, ends: list[int]) -> Mol:
    capped = Chem.RWMol(mol)
    _cap(capped, ends)
    return _finished(capped)


def _dimer(mol: Mol, ends: list[int]) -> Mol:
    """Join two units head to tail.

    Hydrogens go to the ends.
    """
    size = mol.GetNumAtoms()
    chain = Chem.RWMol(mol)
    chain.InsertMol(mol)
    (first, last), shift = ends, size
    _join(chain, last, first + shift)
    _cap(chain, [first, last + shift], drop=[last, first + shift])
    return _finished(chain)


def _ring(mol: Mol, ends: tuple[tuple[int, int], ...], ring_atoms: int, perceived: bool) -> tuple[Mol, int]:
    """Close a chain to a ring of `ring_atoms` or more.

    It has the fewest units that suffice.
    """
    (first, x), (last, y) = ends
    units = -(-ring_atoms // (len(Chem.GetShortestPath(mol, x, y)) if x != y else 1))
    size = mol.GetNumAtoms()
    chain = Chem.RWMol(mol)
    for _ in range(units - 1):
        chain.InsertMol(mol)
    single = Chem.BondType.SINGLE
    joined = []
    chain.BeginBatchEdit()
    for shift in range(0, units * size, size):
        chain.AddBond(y + shift, (x + shift + size) % (units * size), single)
        joined += [chain.GetAtomWithIdx(y + shift), chain.GetAtomWithIdx(x + shift)]
        chain.RemoveAtom(first + shift)
        chain.RemoveAtom(last + shift)
    chain.CommitBatchEdit()
    for atom in joined:
        atom.UpdatePropertyCache(False)
    Chem.FastFindRings(chain)  # atoms in rings are known, not every ring
    if perceived:
        Chem.SetConjugation(chain)  # an amide may have come together, or apart
        Chem.SetHybridization(chain)
    return chain, units


def _join(chain: Any, last: int, first: int) -> None:
    """Bond the neighbours of two `*`."""
    x, y = (chain.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in (last, first))
    chain.AddBond(x, y, Chem.BondType.SINGLE)


def _cap(chain: Any, ends: list[int], drop: list[int] | None = None) -> None:
    """Put hydrogens in the place of `ends`.

    The other `*` are removed.
    """
    for end in ends:
        atom = chain.GetAtomWithIdx(end).GetNeighbors()[0]
        # Atoms in brackets, and aromatic ones but carbon, do not fill up with hydrogens by themselves.
        if atom.GetNoImplicit() or (atom.GetIsAromatic() and atom.GetAtomicNum() != 6):
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() + 1)
    _remove(chain, [*ends, *(drop or [])])


def _remove(chain: Any, atoms: list[int]) -> None:
    chain.BeginBatchEdit()
    for atom in atoms:
        chain.RemoveAtom(atom)
    chain.CommitBatchEdit()


def _finished(chain: Any) -> Mol:
    mol = chain.GetMol()
    mol.UpdatePropertyCache(False)
    Chem.GetSymmSSSR(mol)
    Chem.SetConjugation(mol)  # an amide may have come together, or apart
    Chem.SetHybridization(mol)
    return mol


_END = Chem.MolFromSmarts("[#0]~[*]")
