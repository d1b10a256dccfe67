"""Retrosynthesis: monomers and polymerisations that give a repeat unit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

from kakehashi.catalogs.molecules.polymers import framed, read, repeat_unit_key
from kakehashi.catalogs.molecules.unit_keys import twice
from kakehashi.design.chemistry.blocks import Assembler, Block, Molecule, read_block
from kakehashi.design.chemistry.ends import ENDS
from kakehashi.design.chemistry.groups import GROUPS
from kakehashi.design.chemistry.monomer_rules import banned
from kakehashi.design.chemistry.openings import close_bonds, uncap
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS, has_partner
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.rings import Ring, close_unit, tautomers
from kakehashi.design.chemistry.stability import suspect, unstable

_NOTHING: Any = ((), ())


def classify(smiles: str) -> list[Provenance]:
    """Routes to a repeat unit: polymerisations and their monomers.

    Routes are in the order of `POLYMERISATIONS`. The monomers of a route carry exactly the functional groups required,
    and polymerise to this polymer again (to one of the regular chains, where monomers are unsymmetrical).
    Stereochemistry is left out, and so are monomers that fall apart or that a rule bans (`monomer_rules`). Where the
    smallest unit of the chain has no route, or only such with a fixed partner, two of these in a row are tried as well
    (dichlorodiphenyl sulfone gives two units of a polysulfone), then the unit as written.

    Raises
    ------
    ValueError : the text is no repeat unit.

    Examples
    --------
    >>> [(route.polymer_class, route.monomers) for route in classify("*OC(C)C(*)=O")]
    [('polyester', ('CC(O)C(=O)O',))]
    """
    from rdkit import rdBase

    mol = read(smiles)
    unit = framed(mol)
    key = repeat_unit_key(unit)
    with rdBase.BlockLogs():  # pieces that are no molecules are tried and left
        routes = _routes(unit, key)
        if all(has_partner(route) for route in routes):
            routes += [route for route in _routes(twice(unit), key) if route not in routes]
        if not routes and unit.GetNumAtoms() != mol.GetNumAtoms():
            routes = _routes(mol, key)
    return [route for route in routes if not banned(route)]


def _routes(mol: Any, key: str) -> list[Provenance]:
    ring = close_unit(mol)
    routes: dict[Provenance, None] = {}
    cut: dict[tuple[str, bool, str], list[list[Any]]] = {}
    for rule in POLYMERISATIONS:
        kind = rule.link, len(rule.slots) == 2, rule.middle
        if kind not in cut:
            cut[kind] = _pieces(mol, ring, rule)
        for pieces in cut[kind]:
            residues = [_monomers(piece, group, slot in rule.bare) for slot, (piece, group)
                        in enumerate(zip(pieces, rule.slots, strict=True))]  # fmt: skip
            for blocks in product(*residues):
                if key in _polymers(blocks, rule):
                    names = [block.molecule.smiles for block in blocks] + ([rule.partner] if rule.partner else [])
                    routes[Provenance(rule.polymer_class, tuple(names), rule.words)] = None
    return list(routes)


def _pieces(mol: Any, ring: Ring, rule: Polymerisation) -> list[list[Any]]:
    """Residues in the order of the slots.

    Each has dummy atoms of isotopes 1 and 2, the atom maps of `Polymerisation.link`.
    """
    if not rule.link:
        return _as_written(mol)
    both = len(rule.slots) == 2 or bool(rule.middle)
    links = ring.links(rule.link)
    pieces = []
    for bonds in combinations(links, 2) if both else ((link,) for link in links):
        residues = ring.cut(bonds)
        if len(residues) != len(bonds):
            continue
        if both:
            residues.sort(key=_isotopes)
            if [_isotopes(piece) for piece in residues] != [(1, 1), (2, 2)]:
                continue
            if rule.middle and not _is_middle(residues.pop(), rule.middle):
                continue
        pieces.append(residues)
    return pieces


def _is_middle(piece: Any, middle: str) -> bool:
    from rdkit import Chem

    return bool(Chem.MolToSmiles(piece) == Chem.MolToSmiles(Chem.MolFromSmiles(f"[2*]{middle}[2*]")))


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


def _isotopes(piece: Any) -> tuple[int, ...]:
    return tuple(sorted(atom.GetIsotope() for atom in piece.GetAtoms() if atom.GetAtomicNum() == 0))


def _monomers(piece: Any, name: str, bare: bool) -> list[Block]:
    """Blocks that leave this residue, one for each way round that its ends may be read."""
    stars = sorted((a for a in piece.GetAtoms() if a.GetAtomicNum() == 0), key=lambda atom: atom.GetIsotope())
    dummies = [star.GetIdx() for star in stars]
    orders = [dummies]
    if stars[0].GetIsotope() == stars[1].GetIsotope() and len({*GROUPS[name].ends, ""}) != 2:
        orders.append(dummies[::-1])
    return [block for order in orders if (block := _monomer(piece, name, bare, order)) is not None]


def _monomer(piece: Any, name: str, bare: bool, dummies: list[int]) -> Block | None:
    """Block that leaves a residue with these dummy atoms at head and tail; None where there is none."""
    from rdkit import Chem

    edit = Chem.RWMol(piece)
    Chem.Kekulize(edit, clearAromaticFlags=True)
    group = GROUPS[name]
    gone: list[int] = list(dummies)
    if group.ends:
        for end, dummy in zip(group.ends, dummies, strict=True):
            removed = uncap(piece, edit, ENDS[end], bare, dummy)
            if removed is None:
                return None
            gone += removed
    elif not close_bonds(edit, [edit.GetAtomWithIdx(d).GetNeighbors()[0].GetIdx() for d in dummies], group.bonds):
        return None
    for atom in sorted(set(gone), reverse=True):
        edit.RemoveAtom(atom)
    if Chem.SanitizeMol(edit, catchErrors=True) or (suspect(edit) and unstable(edit)):
        return None
    return read_block(Molecule(Chem.MolToSmiles(edit, isomericSmiles=False)), name)


def _polymers(blocks: Sequence[Block], rule: Polymerisation) -> set[str]:
    """Keys of the regular chains of blocks, in all their tautomers."""
    assembler = Assembler(blocks)
    places = range(len(blocks))
    none = [_NOTHING] * len(blocks)
    turns = (False, True) if len(blocks) == 2 else (False,)
    units = [assembler.unit(rule, list(places), turned, none, [()] * len(blocks)) for turned in turns]
    return {repeat_unit_key(form) for unit in units for form in tautomers(read(unit))}
