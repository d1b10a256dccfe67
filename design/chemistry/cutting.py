"""Cut a molecule at its reactive groups into a building block of a polymer.

The cut leaves a core with two dummy atoms, the ports, in the order of the polymerisation (head, tail).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED
from kakehashi.design.chemistry.ends import ENDS
from kakehashi.design.chemistry.groups import GROUPS, POISONS, Group, counted_groups
from kakehashi.design.chemistry.openings import Site, cut_end, open_bonds
from kakehashi.design.chemistry.reactive_groups import REACTIVE
from kakehashi.design.chemistry.smarts import mapped, pattern

HALOGEN_ENDS = {name for name, end in ENDS.items() if end.counted[0].startswith("aryl ") and end.residue == ""}


class Cut(NamedTuple):
    """A molecule cut at its ports.

    core : RDKit molecule with two dummy atoms, of isotopes 1 (head) and 2 (tail); its atoms carry the index they had
        in the whole molecule as the integer property "atom"
    port_atoms : index in the whole molecule of the carbon at each port, -1 where no linker may be put
    bare_atoms : indices in the whole molecule of atoms whose hydrogens the group asks for
    """

    core: Any
    port_atoms: tuple[int, int]
    bare_atoms: frozenset[int] = frozenset()


def cut(mol: Any, name: str) -> Cut | None:
    """Cut a molecule as a block of group `name`.

    None where it has not exactly the group's ends, or carries another reactive group.

    Examples
    --------
    >>> from rdkit import Chem
    >>> Chem.MolToSmiles(cut(Chem.MolFromSmiles("NCCN"), "diamine").core)
    '[1*]CC[2*]'
    >>> cut(Chem.MolFromSmiles("NCCO"), "diamine") is None
    True
    """
    group = GROUPS[name]
    if group.requires and not mol.HasSubstructMatch(pattern(group.requires)):
        return None
    block = _between_ends(mol, group) if group.ends else _opened(mol, group)
    return block if block is not None and not competing(mol, name) else None


def competing(mol: Any, name: str) -> list[str]:
    """Reactive groups of a molecule that a block must not carry, and what would poison its reaction."""
    group = GROUPS[name]
    found = [
        other for other in REACTIVE if other not in group.allowed and mol.HasSubstructMatch(pattern(REACTIVE[other]))
    ]
    return found + [poison for poison in group.poisons if mol.HasSubstructMatch(pattern(POISONS[poison]))]


def sites(mol: Any, counted: tuple[str, ...], head: str = "", tail: str = "") -> list[Site]:
    """Sites of any of the counted groups, one per set of atoms.

    In rising order of their atoms.

    head, tail : SMARTS of an atom that those mapped 1 and 2 must match as well, "" for any
    """
    places: list[tuple[tuple[int, ...], Site]] = []
    for name in counted:
        smarts = COUNTED[name].smarts
        number = mapped(smarts)
        for match in mol.GetSubstructMatches(pattern(smarts), uniquify=False):
            others = tuple(atom for k, atom in enumerate(match) if k not in number.values())
            places.append((match, Site(match[number[1]], match[number[2]] if 2 in number else -1, others)))
    if not places:
        return []
    heads, tails = (_atoms(mol, smarts) for smarts in (head, tail))
    distinct: dict[frozenset[int], Site] = {}
    for match, site in sorted(places):
        if (heads is None or site.head in heads) and (tails is None or site.tail in tails):
            distinct.setdefault(frozenset(match), site)
    return list(distinct.values())


def _atoms(mol: Any, smarts: str) -> set[int] | None:
    """Atoms that match a SMARTS of one atom; None for ""."""
    return {atom for (atom,) in mol.GetSubstructMatches(pattern(smarts))} if smarts else None


def _between_ends(mol: Any, group: Group) -> Cut | None:
    ends: dict[str, list[Site]] = {}
    for name in dict.fromkeys(group.ends):
        ends[name] = sites(mol, ENDS[name].counted, ENDS[name].core)
        if len(ends[name]) != group.ends.count(name):
            return None
    # The substituents may activate a third halogen.
    if HALOGEN_ENDS & set(group.ends) and len(mol.GetSubstructMatches(pattern("c[F,Cl,Br,I]"))) > 2:
        return None
    # A diol with a phenol's hydroxyl as well has three reactive groups, though two ends of its kind.
    if sum(len(mol.GetSubstructMatches(pattern(REACTIVE[name]))) for name in group.allowed) > group.reactive:
        return None
    edit = _numbered(mol)
    drop: list[int] = []
    atoms: list[int] = []
    bare: set[int] = set()
    unused = {name: iter(places) for name, places in ends.items()}
    for port, name in enumerate(group.ends):
        site, end = next(unused[name]), ENDS[name]
        drop += cut_end(edit, site, end, port + 1)
        bare |= set(range(mol.GetNumAtoms())) if group.plain else {site.head} if end.bare else set()
        atoms.append(site.head if end.grows and not group.whole else -1)
    if len(set(drop)) < len(drop) or set(drop) & set(atoms):
        return None
    ports = {site.tail for places in ends.values() for site in places}
    # Two ends bonded to each other (oxalic acid) leave no core to put a linker on.
    head, tail = (-1 if atom in ports else atom for atom in atoms)
    for index in sorted(drop, reverse=True):
        edit.RemoveAtom(index)
    return _finished(edit, (head, tail), bare)


def _opened(mol: Any, group: Group) -> Cut | None:
    places = sites(mol, counted_groups(group.name), group.head, group.tail)
    if not 1 <= len(places) <= (2 if group.either else 1):
        return None
    if group.alkenes is not None and len(mol.GetSubstructMatches(pattern("[#6;!a]=[#6;!a]"))) != group.alkenes:
        return None
    edit = _numbered(mol)
    open_bonds(edit, places[0], group.bonds)
    rings = [set(ring) for ring in mol.GetRingInfo().AtomRings() if group.plain and places[0].tail in ring]
    return _finished(edit, (-1, -1), {places[0].head}.union(*rings))


def _numbered(mol: Any) -> Any:
    from rdkit import Chem

    edit = Chem.RWMol(mol)
    Chem.Kekulize(edit, clearAromaticFlags=True)  # pyromellitic dianhydride counts as aromatic
    for atom in edit.GetAtoms():
        atom.SetIntProp("atom", atom.GetIdx())
    return edit


def _finished(edit: Any, port_atoms: tuple[int, int], bare_atoms: set[int]) -> Cut | None:
    from rdkit import Chem

    core = edit.GetMol()
    if len(Chem.GetMolFrags(core)) > 1 or Chem.SanitizeMol(core, catchErrors=True):
        return None
    return Cut(core, port_atoms, frozenset(bare_atoms))
