"""Keys of polymers: the canonical smallest repeat unit.

A chain may be cut anywhere (`*OCC*` and `*COC*` are one polymer) and written over several units (`*CCCC*` is `*CC*`).
A period of a single carbon is written as two, as in the names of its polymers: polyethylene is `*CC*`, not `*C*`. Only
shifts along the chain count: head to head (`*CC(C)C(C)C*`) is no multiple of head to tail.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, NamedTuple

from kakehashi.catalogs.molecules.lazy_rdkit import rdkit

Mol = Any
_CARBON = 6
_COUNT = re.compile(r"[A-Z][a-z]?(\d*)")


class _Chain(NamedTuple):
    """Chain of a repeat unit.

    a, b : attachment points
    x, y : atoms that a and b are bonded to
    cuts : bonds from x to y where the chain can be cut, the atom nearer to x first; n cuts give n + 1 segments
    """

    a: int
    x: int
    b: int
    y: int
    cuts: list[tuple[int, int]]


def repeat_unit_key(mol: Mol) -> str:
    """Return the key of a polymer.

    It is the canonical SMILES of the `framed` unit.

    The key of a molecule without `*` is its canonical SMILES.

    mol : from `polymers.read`
    """
    return str(rdkit().Chem.MolToSmiles(framed(mol)))


def framed(mol: Mol) -> Mol:
    """Return the canonical unit of a polymer.

    It is `mol` itself if that is canonical.

    The chain can be cut at any single bond that every path between the two `*` crosses. With the ends joined and these
    bonds marked, the graph is the same for every frame, and so is the cut that its canonical ranks choose.
    """
    Chem = rdkit().Chem
    ends = list(mol.GetAtomsMatchingQuery(rdkit().star))
    if len(ends) != 2:
        return mol
    (a, x), (b, y) = ((end.GetIdx(), end.GetNeighbors()[0].GetIdx()) for end in ends)
    carbon = mol.GetAtomWithIdx(x).GetAtomicNum() == _CARBON
    if x == y:
        return twice(mol) if carbon else mol
    adjacent = mol.GetBondBetweenAtoms(x, y) is not None
    if adjacent and carbon:
        return mol  # two atoms in the chain: there is one frame, and no smaller unit is written
    chain = _Chain(a, x, b, y, backbone_cuts(mol, x, y))
    if not chain.cuts:
        return mol
    segments = _period(mol, chain)
    if segments <= len(chain.cuts):
        return framed(_first(mol, chain, segments))
    if adjacent:
        return mol
    closed = Chem.RWMol(mol)
    closed.RemoveBond(a, x)
    closed.RemoveBond(b, y)
    mark = Chem.BondType.ZERO  # as many hydrogens more as there are marks: nothing else changes
    closed.AddBond(x, y, mark)
    for p, q in chain.cuts:
        closed.GetBondBetweenAtoms(p, q).SetBondType(mark)
    closed.UpdatePropertyCache(False)
    Chem.FastFindRings(closed)
    ranks = Chem.CanonicalRankAtoms(closed, includeChirality=False)
    p, q = min([(x, y), *chain.cuts], key=lambda cut: sorted((ranks[cut[0]], ranks[cut[1]])))
    return mol if (p, q) == (x, y) else recut(mol, (a, x), (b, y), (p, q))


def backbone_cuts(mol: Mol, x: int, y: int) -> list[tuple[int, int]]:
    """List the bonds where a chain can be cut.

    They are single, between its ends x and y, and bridged by no ring.
    """
    Chem = rdkit().Chem
    single = Chem.BondType.SINGLE
    cuts = []
    for p, q in pairwise(Chem.GetShortestPath(mol, x, y)):
        bond = mol.GetBondBetweenAtoms(p, q)
        if bond.GetBondType() == single and not bond.IsInRing():
            cuts.append((p, q))
    return cuts


def recut(mol: Mol, first: tuple[int, int], last: tuple[int, int], cut: tuple[int, int], order: Any = None) -> Mol:
    """Join a unit's ends and cut its chain elsewhere.

    Parameters
    ----------
    first, last : a `*` and its neighbour
    cut : atoms of the bond to cut
    order : of the bond between the joined ends, single by default
    """
    (a, x), (b, y), (p, q) = first, last, cut
    Chem = rdkit().Chem
    single = Chem.BondType.SINGLE
    unit = Chem.RWMol(mol)
    for i, j in ((a, x), (b, y), (p, q)):
        unit.RemoveBond(i, j)
    for i, j, bond in ((x, y, order or single), (p, a, single), (q, b, single)):
        unit.AddBond(i, j, bond)
    return _perceived(unit)


def _period(mol: Mol, chain: _Chain) -> int:
    """Count the segments after which the chain repeats itself."""
    segments = len(chain.cuts) + 1
    size = mol.GetNumAtoms() - 2
    for period in range(1, segments // 2 + 1):
        times, rest = divmod(segments, period)
        # Cheap signs first: nearly all units are written once.
        if not rest and not size % times and _may_repeat(mol, chain, period, times) and _alike(mol, chain, period):
            return period
    return segments


def _may_repeat(mol: Mol, chain: _Chain, period: int, times: int) -> bool:
    """Test cheaply whether a chain can repeat itself.

    Segments begin alike, and the rings and atoms of every element divide by `times`.
    """
    if mol.GetRingInfo().NumRings() % times:
        return False
    starts = [chain.x, *(q for _, q in chain.cuts)]
    for i, j in zip(starts, starts[period:], strict=False):
        atom, next_atom = mol.GetAtomWithIdx(i), mol.GetAtomWithIdx(j)
        if atom.GetAtomicNum() != next_atom.GetAtomicNum() or atom.GetDegree() != next_atom.GetDegree():
            return False
    counts = _COUNT.findall(rdkit().formula(mol).replace("*2", ""))
    return not any(int(count or 1) % times for count in counts)


def _alike(mol: Mol, chain: _Chain, period: int) -> bool:
    """Test whether all pieces of `period` segments are alike.

    Their two ends are labelled.
    """
    Chem = rdkit().Chem
    pieces = Chem.RWMol(mol)
    for atom, label in ((chain.a, 1), (chain.b, 2)):
        pieces.GetAtomWithIdx(atom).SetIsotope(label)
    for p, q in chain.cuts[period - 1 :: period]:
        pieces.RemoveBond(p, q)
        for atom, label in ((p, 2), (q, 1)):
            end = Chem.Atom(0)
            end.SetIsotope(label)
            pieces.AddBond(atom, pieces.AddAtom(end), Chem.BondType.SINGLE)
    pieces.UpdatePropertyCache(False)
    Chem.FastFindRings(pieces)
    return len({Chem.MolFragmentToSmiles(pieces, atoms) for atoms in Chem.GetMolFrags(pieces)}) == 1


def _first(mol: Mol, chain: _Chain, segments: int) -> Mol:
    """Cut a unit of a chain's first segments.

    There are two instead of a single carbon.
    """
    Chem = rdkit().Chem
    if segments == 1 and chain.cuts[0][0] == chain.x and mol.GetAtomWithIdx(chain.x).GetAtomicNum() == _CARBON:
        segments = 2
    if segments == len(chain.cuts) + 1:
        return mol
    p, q = chain.cuts[segments - 1]
    unit = Chem.RWMol(mol)
    unit.RemoveBond(p, q)
    unit.RemoveBond(chain.b, chain.y)
    unit.AddBond(p, chain.b, Chem.BondType.SINGLE)
    rest = next(atoms for atoms in Chem.GetMolFrags(unit) if q in atoms)
    unit.BeginBatchEdit()
    for atom in rest:
        unit.RemoveAtom(atom)
    unit.CommitBatchEdit()
    return _perceived(unit)


def twice(mol: Mol) -> Mol:
    """Join two units head to tail."""
    Chem = rdkit().Chem
    a, b = (end.GetIdx() for end in mol.GetAtomsMatchingQuery(rdkit().star))
    x, y = (mol.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in (a, b))
    size = mol.GetNumAtoms()
    unit = Chem.RWMol(mol)
    unit.InsertMol(mol)
    unit.AddBond(y, x + size, Chem.BondType.SINGLE)
    unit.BeginBatchEdit()
    unit.RemoveAtom(b)
    unit.RemoveAtom(a + size)
    unit.CommitBatchEdit()
    return _perceived(unit)


def _perceived(unit: Any) -> Mol:
    Chem = rdkit().Chem
    unit.UpdatePropertyCache(False)
    Chem.GetSymmSSSR(unit)
    Chem.SetConjugation(unit)  # an amide may have come together, or apart
    Chem.SetHybridization(unit)
    return unit
