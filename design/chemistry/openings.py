"""Edits that turn a monomer's ends and openings into ports, and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from kakehashi.design.chemistry.ends import End
from kakehashi.design.chemistry.smarts import pattern


class Site(NamedTuple):
    """Atoms of a molecule that a counted group matches.

    head, tail : those mapped 1 and 2, tail -1 where the group has none; others : the rest
    """

    head: int
    tail: int
    others: tuple[int, ...]


def cut_end(edit: Any, site: Site, end: End, port: int) -> list[int]:
    """Put a dummy atom of isotope `port` in place of an end; list the atoms to remove.

    An imide's nitrogen takes the place of an anhydride's oxygen. An azole's carbon is put between an amine and the
    group beside it.
    """
    from rdkit import Chem

    dummy = Chem.Atom(0)
    dummy.SetIsotope(port)
    single = Chem.BondType.SINGLE
    if end.fused == "imide":
        edit.ReplaceAtom(site.head, Chem.Atom(7), preserveProps=True)
        edit.AddBond(site.head, edit.AddAtom(dummy), single)
        return []
    if end.fused == "azole":
        carbon = edit.AddAtom(Chem.Atom(6))
        edit.AddBond(site.head, carbon, Chem.BondType.DOUBLE)
        edit.AddBond(carbon, site.tail, single)
        edit.AddBond(carbon, edit.AddAtom(dummy), single)
        return []
    if site.tail < 0:
        edit.AddBond(site.head, edit.AddAtom(dummy), single)
        return []
    edit.ReplaceAtom(site.tail, dummy)
    return list(site.others)


def open_bonds(edit: Any, site: Site, bonds: Sequence[tuple[int, int]]) -> None:
    """Give the bonds from head to tail their orders in the chain, and each end a dummy atom.

    bonds : order before and after of each bond, 0 where it is broken
    """
    from rdkit import Chem

    (path,) = [p for p in _walks(edit, site.head, [before for before, _ in bonds]) if p[-1] == site.tail]
    _set_orders(edit, path, [after for _, after in bonds])
    for port, atom in enumerate((site.head, site.tail)):
        dummy = Chem.Atom(0)
        dummy.SetIsotope(port + 1)
        edit.AddBond(atom, edit.AddAtom(dummy), Chem.BondType.SINGLE)


def close_bonds(edit: Any, tips: Sequence[int], bonds: Sequence[tuple[int, int]]) -> bool:
    """Give the bonds between two tips their orders in the monomer again; False if impossible."""
    head, tail = tips
    orders = [after for _, after in bonds]
    if orders[0] == 0:  # a ring: its broken bond joins the head to where the others lead from the tail
        paths = [[head, *walk[::-1]] for walk in _walks(edit, tail, orders[:0:-1])]
        paths = [path for path in paths if head != path[1] and edit.GetBondBetweenAtoms(head, path[1]) is None]
    else:
        paths = [walk for walk in _walks(edit, head, orders) if walk[-1] == tail]
    if len(paths) != 1:
        return False
    _set_orders(edit, paths[0], [before for before, _ in bonds])
    return True


def uncap(piece: Any, edit: Any, end: End, bare: bool, dummy: int) -> list[int] | None:
    """Complete a cut end as the monomer's; list the atoms to remove, None for another end.

    piece : the residue as cut, with its aromatic rings; edit : the same atoms, to be changed
    bare : True where the residue has no ends
    """
    from rdkit import Chem

    tip = edit.GetAtomWithIdx(dummy).GetNeighbors()[0].GetIdx()
    if end.fused == "imide":
        if edit.GetAtomWithIdx(tip).GetAtomicNum() != 7:
            return None
        edit.ReplaceAtom(tip, Chem.Atom(8))
        return [dummy]
    if end.fused == "azole":
        return _opened_azole(edit, tip, dummy)
    residue = "" if bare else end.residue
    matched = _matched(piece, residue, dummy)
    if matched is None:
        return None
    core, atoms = matched
    if end.monomer.startswith(residue):  # the residue stays, with what it lost: two such ends may be bonded
        core, atoms, cap = tip, [], end.monomer.removeprefix(residue)
    else:
        cap = end.monomer
    if cap:
        first = edit.GetNumAtoms()
        edit.InsertMol(Chem.MolFromSmiles(cap, sanitize=False))
        edit.AddBond(core, first, Chem.BondType.SINGLE)
    return [*atoms, dummy]


def _matched(piece: Any, residue: str, dummy: int) -> tuple[int, list[int]] | None:
    """Core atom and atoms of the residue that a dummy atom ends; None where it is another."""
    if not residue:
        return piece.GetAtomWithIdx(dummy).GetNeighbors()[0].GetIdx(), []
    for match in piece.GetSubstructMatches(pattern(f"*{residue}[#0]"), uniquify=False):
        atoms = set(match)
        inner = [near.GetIdx() for atom in match[1:-1] for near in piece.GetAtomWithIdx(atom).GetNeighbors()]
        if match[-1] == dummy and atoms.issuperset(inner):
            return match[0], list(match[1:-1])
    return None


def _opened_azole(edit: Any, carbon: int, dummy: int) -> list[int] | None:
    """Two groups of an arene that an azole's carbon stood between."""
    near = [atom for atom in edit.GetAtomWithIdx(carbon).GetNeighbors() if atom.GetIdx() != dummy]
    if len(near) != 2 or {atom.GetAtomicNum() for atom in near} - {7, 8, 16}:
        return None
    for atom in near:
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(False)
    return [carbon, dummy]


def _walks(mol: Any, start: int, orders: Sequence[int]) -> list[list[int]]:
    """Paths from an atom along bonds of these orders, never twice through one atom."""
    walks = [[start]]
    for order in orders:
        walks = [
            [*walk, atom.GetIdx()]
            for walk in walks
            for atom in mol.GetAtomWithIdx(walk[-1]).GetNeighbors()
            if atom.GetIdx() not in walk
            and atom.GetAtomicNum()
            and int(mol.GetBondBetweenAtoms(walk[-1], atom.GetIdx()).GetBondTypeAsDouble()) == order
        ]
    return walks


def _set_orders(edit: Any, path: Sequence[int], orders: Sequence[int]) -> None:
    from rdkit import Chem

    types = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    for (i, j), order in zip(pairwise(path), orders, strict=True):
        bond = edit.GetBondBetweenAtoms(i, j)
        if order == 0:
            edit.RemoveBond(i, j)
        elif bond is None:
            edit.AddBond(i, j, types[order])
        else:
            bond.SetBondType(types[order])
