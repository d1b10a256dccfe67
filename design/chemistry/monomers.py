"""Retrosynthesis: monomers and polymerisations that give a repeat unit."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED
from kakehashi.catalogs.molecules.polymers import backbone_cuts, framed, read, repeat_unit_key
from kakehashi.catalogs.molecules.unit_keys import twice
from kakehashi.design.chemistry.blocks import Assembler, Block, Molecule, read_block
from kakehashi.design.chemistry.groups import ENDS, GROUPS
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS, Polymerisation
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.smarts import mapped, pattern

_NOTHING: Any = ((), ())


def classify(smiles: str) -> list[Provenance]:
    """Routes to a repeat unit: polymerisations and their monomers.

    Routes are in the order of `POLYMERISATIONS`. The monomers of a route carry exactly the functional groups required,
    and polymerise to this polymer again (to one of the regular chains, where monomers are unsymmetrical).
    Stereochemistry is left out. Where the unit as written has no route, the smallest unit of its chain is tried, then
    two of these in a row.

    Raises
    ------
    ValueError : the text is no repeat unit.

    Examples
    --------
    >>> [(route.polymer_class, route.monomers) for route in classify("*OC(C)C(*)=O")]
    [('polyester', ('CC(O)C(=O)O',))]
    """
    mol = read(smiles)
    unit = framed(mol)
    key = repeat_unit_key(unit)
    routes = _routes(mol, key)
    if not routes and unit.GetNumAtoms() != mol.GetNumAtoms():
        routes = _routes(unit, key)
    return routes or _routes(twice(unit), key)


def _routes(mol: Any, key: str) -> list[Provenance]:
    closed, ends = _closed(mol)
    routes: dict[Provenance, None] = {}
    for rule in POLYMERISATIONS:
        for pieces in _pieces(mol, closed, ends, rule):
            residues = [_monomer(piece, group, slot in rule.bare) for slot, (piece, group)
                    in enumerate(zip(pieces, rule.slots, strict=True))]  # fmt: skip
            blocks = [block for block in residues if block is not None]
            if len(blocks) == len(residues) and key in _polymers(blocks, rule):
                names = [block.molecule.smiles for block in blocks] + ([rule.partner] if rule.partner else [])
                routes[Provenance(rule.polymer_class, tuple(names), rule.words)] = None
    return list(routes)


def _closed(mol: Any) -> tuple[Any, list[tuple[int, int]]]:
    """Join the ends of a unit; list the bonds to cut.

    None and no bonds where the ends are too close to join.
    """
    from rdkit import Chem

    stars = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    x, y = (star.GetNeighbors()[0].GetIdx() for star in stars)
    if x == y or mol.GetBondBetweenAtoms(x, y) is not None:
        return None, []
    cuts = [(x, y), *backbone_cuts(mol, x, y)]
    edit = Chem.RWMol(mol)
    for star, atom in zip(stars, (x, y), strict=True):
        edit.RemoveBond(star.GetIdx(), atom)
    edit.AddBond(x, y, Chem.BondType.SINGLE)
    # Not sanitised: RDKit could take the joined chain for an aromatic ring.
    edit.UpdatePropertyCache(False)
    Chem.FastFindRings(edit)
    return edit, cuts


def _pieces(mol: Any, closed: Any, cuts: list[tuple[int, int]], rule: Polymerisation) -> list[list[Any]]:
    """Residues in the order of the slots.

    Each has dummy atoms of isotopes 1 and 2, the atom maps of `Polymerisation.link`.
    """
    if not rule.link:
        return _as_written(mol)
    if closed is None:
        return []
    places = mapped(rule.link)
    crossing = {frozenset(cut) for cut in cuts}
    matches = closed.GetSubstructMatches(pattern(rule.link), uniquify=False)
    candidates = dict.fromkeys((match[places[1]], match[places[2]]) for match in matches)
    links = [bond for bond in candidates if frozenset(bond) in crossing]
    both = len(rule.slots) == 2 or bool(rule.middle)
    pieces = []
    for bonds in combinations(links, 2) if both else ((link,) for link in links):
        residues = _cut(closed, bonds)
        if len(residues) != len(bonds):
            continue
        if both:
            residues.sort(key=_isotopes)
            if [_isotopes(piece) for piece in residues] != [(1, 1), (2, 2)]:
                continue
            if rule.middle and residues.pop().GetNumHeavyAtoms() != 2:  # the carbonyl alone
                continue
        pieces.append(residues)
    return pieces


def _as_written(mol: Any) -> list[list[Any]]:
    from rdkit import Chem

    forms = []
    for labels in ((1, 2), (2, 1)):
        unit = Chem.Mol(mol)
        stars = [atom for atom in unit.GetAtoms() if atom.GetAtomicNum() == 0]
        for star, label in zip(stars, labels, strict=True):
            star.SetIsotope(label)
        forms.append([unit])
    return forms


def _cut(closed: Any, links: tuple[tuple[int, int], ...]) -> list[Any]:
    from rdkit import Chem

    edit = Chem.RWMol(closed)
    for first, second in links:
        edit.RemoveBond(first, second)
        for atom, label in ((first, 1), (second, 2)):
            dummy = Chem.Atom(0)
            dummy.SetIsotope(label)
            edit.AddBond(atom, edit.AddAtom(dummy), Chem.BondType.SINGLE)
    if Chem.SanitizeMol(edit, catchErrors=True):
        return []
    # The dummy atoms of the unit as written remain as single atoms.
    return [piece for piece in Chem.GetMolFrags(edit, asMols=True) if piece.GetNumAtoms() > 1]


def _isotopes(piece: Any) -> tuple[int, ...]:
    return tuple(sorted(atom.GetIsotope() for atom in piece.GetAtoms() if atom.GetAtomicNum() == 0))


def _monomer(piece: Any, name: str, bare: bool) -> Block | None:
    """Block that leaves this residue; None where there is none."""
    from rdkit import Chem

    edit = Chem.RWMol(piece)
    Chem.Kekulize(edit, clearAromaticFlags=True)
    stars = sorted((a for a in edit.GetAtoms() if a.GetAtomicNum() == 0), key=lambda atom: atom.GetIsotope())
    dummies = [star.GetIdx() for star in stars]
    tips = [star.GetNeighbors()[0].GetIdx() for star in stars]
    ends = GROUPS[name].ends
    possible = _reopened(edit, name, tips) if not ends else all(
        _capped(edit, end, bare, dummy, tip) for end, dummy, tip in zip(ends, dummies, tips, strict=True)
    )  # fmt: skip
    if not possible:
        return None
    for dummy in sorted(dummies, reverse=True):
        if edit.GetAtomWithIdx(dummy).GetAtomicNum() == 0:
            edit.RemoveAtom(dummy)
    if Chem.SanitizeMol(edit, catchErrors=True):
        return None
    return read_block(Molecule(Chem.MolToSmiles(edit, isomericSmiles=False)), name)


def _capped(edit: Any, end: str, bare: bool, dummy: int, tip: int) -> bool:
    """Complete a cut end as the monomer's; False for another end."""
    from rdkit import Chem

    atom = edit.GetAtomWithIdx(tip)
    monomer, residue = ENDS[end].monomer, "" if bare else ENDS[end].residue
    if not monomer.startswith(residue):  # an isocyanate: its double bond was opened
        nitrogen = [near for near in atom.GetNeighbors() if near.GetAtomicNum() == 7]
        if atom.GetAtomicNum() != 6 or len(nitrogen) != 1:
            return False
        edit.GetBondBetweenAtoms(tip, nitrogen[0].GetIdx()).SetBondType(Chem.BondType.DOUBLE)
        return True
    if atom.GetSymbol() != (residue[:1] or "C"):
        return False
    if cap := monomer.removeprefix(residue):  # hydrogen otherwise
        edit.ReplaceAtom(dummy, Chem.Atom(cap))
    return True


def _reopened(edit: Any, name: str, tips: list[int]) -> bool:
    """Close the ring or double bond that polymerisation opened; False if impossible."""
    from rdkit import Chem

    smarts = COUNTED[GROUPS[name].opened].smarts
    number = mapped(smarts)
    if 2 not in number:  # an imide's nitrogen was an anhydride's oxygen
        if any(edit.GetAtomWithIdx(tip).GetAtomicNum() != 7 for tip in tips):
            return False
        for tip in tips:
            edit.ReplaceAtom(tip, Chem.Atom(8))
        return True
    bond = edit.GetBondBetweenAtoms(*tips)
    if pattern(smarts).GetBondBetweenAtoms(number[1], number[2]).GetBondType() != Chem.BondType.DOUBLE:
        if bond is None and tips[0] != tips[1]:
            edit.AddBond(*tips, Chem.BondType.SINGLE)
            return True
        return False
    if bond is None or bond.GetBondType() != Chem.BondType.SINGLE or bond.IsInRing():
        return False
    bond.SetBondType(Chem.BondType.DOUBLE)
    return True


def _polymers(blocks: list[Block], rule: Polymerisation) -> set[str]:
    """Keys of the regular chains of blocks."""
    assembler = Assembler(blocks)
    places = range(len(blocks))
    none = [_NOTHING] * len(blocks)
    turns = (False, True) if len(blocks) == 2 else (False,)
    units = (assembler.unit(rule, list(places), turned, none, [()] * len(blocks)) for turned in turns)
    return {repeat_unit_key(read(unit)) for unit in units}
