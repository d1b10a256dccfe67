"""Functional groups that polymerise: how a molecule is recognised as a building block, and where it is cut.

A building block of a step-growth polymerisation is a core between two ends (amine, acid, ...); of a chain-growth or
ring-opening one it is opened at a double bond or in a ring. Either way the cut leaves a molecule with two dummy atoms,
the ports, in the order of the polymerisation (head, tail).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED

ALIPHATIC, AROMATIC = 0, 1  # what a port's or a linker's last carbon is


class End(NamedTuple):
    """A reactive end on a core carbon.

    smarts : atoms mapped 1 (core carbon) and 2 (turned into the port); the others are cut off
    monomer, residue : text of the end on the monomer, and of what is left of it in the chain, read away from the core
    backward : the same two read towards the core
    counted : the groups of `catalogs.molecules.monomer_groups` that molecules with this end are found by
    carbon : what the core carbon may be (ALIPHATIC, AROMATIC), for linkers put between core and end
    grows : whether linkers may be put there
    """

    smarts: str
    monomer: str
    residue: str
    backward: tuple[str, str]
    counted: tuple[str, ...]
    carbon: tuple[int, ...] = (ALIPHATIC, AROMATIC)
    grows: bool = True


_WITHDRAWING = "[$([CX3](=O)[#6]),$([SX4](=O)(=O)[#6]),$([NX3+](=O)[O-]),$(C#N)]"
_ACTIVATED = f"$(c1aac({_WITHDRAWING})aa1),$(c1c({_WITHDRAWING})aaaa1)"
# One heteroatom only: a hydroxyl or amino group beside another one on the same carbon falls off.
_SP3 = "$([CX4;!$(C(~[!#6;!#1])~[!#6;!#1])])"

ENDS: dict[str, End] = {
    "amine": End(f"[{_SP3},c:1][NX3H2:2]", "N", "N", ("N", "N"), ("aromatic amine", "aliphatic amine")),
    "acid": End("[#6:1][CX3:2](=O)[OX2H1]", "C(=O)O", "C(=O)", ("OC(=O)", "C(=O)"), ("carboxylic acid",)),
    "acyl chloride": End("[#6:1][CX3:2](=O)Cl", "C(=O)Cl", "C(=O)", ("ClC(=O)", "C(=O)"), ("acyl chloride",)),
    "alcohol": End(f"[{_SP3}:1][OX2H1:2]", "O", "O", ("O", "O"), ("alcohol",), (ALIPHATIC,)),
    "phenol": End("[c:1][OX2H1:2]", "O", "O", ("O", "O"), ("phenol",), (AROMATIC,)),
    "hydroxyl": End(f"[{_SP3},c:1][OX2H1:2]", "O", "O", ("O", "O"), ("alcohol", "phenol")),
    "isocyanate": End(f"[{_SP3},c:1][NX2:2]=C=O", "N=C=O", "NC(=O)", ("O=C=N", "C(=O)N"), ("isocyanate",)),
    "fluoride": End(f"[{_ACTIVATED}:1][F:2]", "F", "", ("F", ""), ("aryl fluoride",), (AROMATIC,), grows=False),
    "chloride": End(f"[{_ACTIVATED}:1][Cl:2]", "Cl", "", ("Cl", ""), ("aryl chloride",), (AROMATIC,), grows=False),
}

# Groups of the chemistry below that are not an end of the block in question make it branch, stop the chain or burn.
REACTIVE: dict[str, str] = {
    "amine": "[NX3;H2;!$(N[C,S,P]=[O,S,N]);!$(N[N,O])]",
    "secondary amine": "[NX3;H1;!$(N[C,S,P]=[O,S,N]);!$(N(c)c);!R]",
    "cyclic amine": "[NX3;H1;R;!$(N[C,S,P]=[O,S,N]);!$(N~[n,N])]([#6;!a])",
    "hydrazine or hydroxylamine": "[NX3;!H0;!$(N[C,S]=O)][NX3,OX2]",
    "imine": "[NX2;H1]=[#6]",
    "acid": "[CX3](=O)[OX2H1]",
    "acyl halide": "[CX3](=O)[F,Cl,Br,I]",
    "anhydride": "[#6X3](=O)~[#8X2]~[#6X3]=O",
    "hydroxyl": "[OX2H1;!$(O[CX3]=O)]",
    "isocyanate": "[NX2]=C=[O,S]",
    "thiol": "[SX2H]",
    "sulfonyl halide or acid": "[SX4,SX3](=O)[OX2H1,F,Cl,Br]",
    "phosphorus acid or chloride": "[PX4,PX3][OX2H1,F,Cl,Br]",
    "aldehyde": "[CX3H1](=O)[#6]",
    "epoxide or aziridine": "[#6;r3]~1~[O,N,S;r3]~[#6;r3]~1",
    "alkyl halide": "[CX4;!$(C(F)(F));!$(C([F,Cl,Br])([F,Cl,Br]))][Cl,Br,I]",
    "silyl halide or hydride": "[Si;!H0,$([Si][F,Cl,Br,I])]",
    "boronic acid": "[BX3]",
    "azide or diazo": "[#7]~[#7+]",
    "alkyne": "[CX2]#[CX2]",
}
_RADICAL_STOP = (
    "thiol", "isocyanate", "acyl halide", "azide or diazo", "alkyne", "silyl halide or hydride", "imine", "aldehyde",
    "hydrazine or hydroxylamine", "sulfonyl halide or acid", "epoxide or aziridine",
)  # fmt: skip


class Group(NamedTuple):
    """A kind of building block.

    ends : the ends at its two ports, for a step-growth block; empty for one that is opened
    opened : SMARTS of what is opened, for the others; atoms mapped 1 (head) and 2 (tail)
    counted : of those, the groups of `catalogs.molecules.monomer_groups` that their molecules are found by
    allowed : the members of `REACTIVE` that it may carry: its own
    """

    name: str
    ends: tuple[str, ...] = ()
    opened: str = ""
    allowed: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()


_ACRYLIC = "$(C[CX3](=O)[O,N]),$(CC#N)"
_RADICAL = tuple(name for name in REACTIVE if name not in _RADICAL_STOP)
GROUPS: dict[str, Group] = {
    group.name: group
    for group in (
        Group("diamine", ("amine", "amine"), allowed=("amine",)),
        Group("diacid", ("acid", "acid"), allowed=("acid",)),
        Group("diacyl chloride", ("acyl chloride", "acyl chloride"), allowed=("acyl halide",)),
        Group("diol", ("alcohol", "alcohol"), allowed=("hydroxyl",)),
        Group("bisphenol", ("phenol", "phenol"), allowed=("hydroxyl",)),
        Group("diisocyanate", ("isocyanate", "isocyanate"), allowed=("isocyanate",)),
        Group("activated difluoride", ("fluoride", "fluoride")),
        Group("activated dichloride", ("chloride", "chloride")),
        Group("amino acid", ("amine", "acid"), allowed=("amine", "acid")),
        Group("hydroxy acid", ("hydroxyl", "acid"), allowed=("hydroxyl", "acid")),
        Group(
            "dianhydride",
            opened="[#6X3;R](=O)~[#8X2;R:1]~[#6X3;R]=O",
            allowed=("anhydride",),
            counted=("cyclic anhydride",),
        ),
        Group("lactam", opened="[NX3;H1;R:1]([CX4])@[CX3;R:2](=O)[#6]", counted=("lactam",)),
        Group("lactone", opened="[OX2;R:1]([CX4])@[CX3;R:2](=O)[#6]", counted=("lactone",)),
        Group("epoxide", opened="[CH2;r3:1]1[C;r3][O;r3:2]1", allowed=("epoxide or aziridine",), counted=("epoxide",)),
        Group("acrylic", opened=f"[CH2X3:1]=[CX3;{_ACRYLIC}:2]", allowed=_RADICAL, counted=("terminal alkene",)),
        Group("styrenic", opened="[CH2X3:1]=[CX3;$(C-c):2]", allowed=_RADICAL, counted=("terminal alkene",)),
        Group(
            "vinyl",
            opened=f"[CH2X3:1]=[CX3;!$(C-c);!{_ACRYLIC.replace(',$', ';!$')}:2]",
            allowed=_RADICAL,
            counted=("terminal alkene",),
        ),
    )
}


def found_by(name: str) -> tuple[str, ...]:
    """The counted groups that molecules of a kind of block are found by.

    Raises
    ------
    ValueError : a kind whose molecules no pool could hold: no group of the table finds them.
    """
    group = GROUPS[name]
    named = tuple(dict.fromkeys(c for end in group.ends for c in ENDS[end].counted)) or group.counted
    unknown = [c for c in named if c not in COUNTED]
    # An anhydride is opened at both its ends: two of them make a block.
    alone = bool(group.opened) and name != "dianhydride"
    if not named or unknown or (alone and any(COUNTED[c].role != "opened" for c in named)):
        what = f"no line for {unknown[0]!r}" if unknown else f"{' and '.join(named) or 'nothing'} to find it by"
        raise ValueError(
            f"building block {name!r}: catalogs.monomer_groups has {what}; expected a counted group of it there"
            + (", with the role 'opened'" if alone else "")
        )
    return named


class Cut(NamedTuple):
    """A molecule cut at its ports.

    core : RDKit molecule with two dummy atoms, of isotopes 1 (head) and 2 (tail); its atoms carry the index they had
        in the whole molecule as the integer property "atom"
    port_atoms : index in the whole molecule of the carbon at each port, -1 where no linker may be put
    """

    core: Any
    port_atoms: tuple[int, int]


def cut(mol: Any, name: str) -> Cut | None:
    """The molecule as a block of group `name`; None where it has not exactly its ends, or another reactive group."""
    group = GROUPS[name]
    found = _between_ends(mol, group) if group.ends else _opened(mol, group)
    return found if found is not None and not competing(mol, name) else None


def competing(mol: Any, name: str) -> list[str]:
    """The reactive groups that a molecule carries and a block of group `name` must not."""
    allowed = GROUPS[name].allowed
    return [other for other in REACTIVE if other not in allowed and mol.HasSubstructMatch(pattern(REACTIVE[other]))]


@cache
def pattern(smarts: str) -> Any:
    """A compiled SMARTS."""
    from rdkit import Chem

    compiled = Chem.MolFromSmarts(smarts)
    if compiled is None:
        raise ValueError(f"expected a SMARTS pattern, got {smarts!r}")
    return compiled


@cache
def mapped(smarts: str) -> dict[int, int]:
    """Position in a match of each atom map number."""
    return {a.GetAtomMapNum(): a.GetIdx() for a in pattern(smarts).GetAtoms() if a.GetAtomMapNum()}


def _between_ends(mol: Any, group: Group) -> Cut | None:
    from rdkit import Chem

    found: dict[str, tuple[tuple[int, ...], ...]] = {}
    for name in dict.fromkeys(group.ends):
        found[name] = mol.GetSubstructMatches(pattern(ENDS[name].smarts))
        if len(found[name]) != group.ends.count(name):
            return None
    # Substituents activate halogens that were none of the ends.
    if {"fluoride", "chloride"} & set(group.ends) and len(mol.GetSubstructMatches(pattern("c[F,Cl,Br,I]"))) > 2:
        return None
    # An alcohol's and a phenol's hydroxyl: the reactive groups as a whole must be the two ends.
    if sum(len(mol.GetSubstructMatches(pattern(REACTIVE[name]))) for name in group.allowed) > 2:
        return None
    edit = _numbered(mol)
    drop: list[int] = []
    atoms: list[int] = []
    used = dict.fromkeys(found, 0)
    for port, name in enumerate(group.ends):
        match = found[name][used[name]]
        used[name] += 1
        places = mapped(ENDS[name].smarts)
        dummy = Chem.Atom(0)
        dummy.SetIsotope(port + 1)
        edit.ReplaceAtom(match[places[2]], dummy)
        drop += [i for k, i in enumerate(match) if k not in places.values()]
        atoms.append(match[places[1]] if ENDS[name].grows else -1)
    if len(set(drop)) < len(drop) or set(drop) & set(atoms):
        return None
    ports = {match[mapped(ENDS[name].smarts)[2]] for name in found for match in found[name]}
    # Two ends on one another (oxalic acid) leave a core without atoms: nothing to put a linker on.
    head, tail = (-1 if atom in ports else atom for atom in atoms)
    for index in sorted(drop, reverse=True):
        edit.RemoveAtom(index)
    return _finished(edit, (head, tail))


def _opened(mol: Any, group: Group) -> Cut | None:
    from rdkit import Chem

    matches = mol.GetSubstructMatches(pattern(group.opened))
    if len(matches) != (2 if group.name == "dianhydride" else 1):
        return None
    places = mapped(group.opened)
    edit = _numbered(mol)
    if group.name == "dianhydride":
        tips = [match[places[1]] for match in matches]
        for atom in tips:
            edit.ReplaceAtom(atom, Chem.Atom(7), preserveProps=True)
    else:
        tips = [matches[0][places[1]], matches[0][places[2]]]
        bond = edit.GetBondBetweenAtoms(*tips)
        if bond.GetBondType() == Chem.BondType.DOUBLE:
            if len(mol.GetSubstructMatches(pattern("[#6;!a]=[#6;!a]"))) != 1:
                return None
            bond.SetBondType(Chem.BondType.SINGLE)
        else:
            edit.RemoveBond(*tips)
    for port, atom in enumerate(tips):
        dummy = Chem.Atom(0)
        dummy.SetIsotope(port + 1)
        edit.AddBond(atom, edit.AddAtom(dummy), Chem.BondType.SINGLE)
    return _finished(edit, (-1, -1))


def _numbered(mol: Any) -> Any:
    from rdkit import Chem

    edit = Chem.RWMol(mol)
    Chem.Kekulize(edit, clearAromaticFlags=True)  # pyromellitic dianhydride counts as aromatic
    for atom in edit.GetAtoms():
        atom.SetIntProp("atom", atom.GetIdx())
    return edit


def _finished(edit: Any, port_atoms: tuple[int, int]) -> Cut | None:
    from rdkit import Chem

    core = edit.GetMol()
    if len(Chem.GetMolFrags(core)) > 1 or Chem.SanitizeMol(core, catchErrors=True):
        return None
    return Cut(core, port_atoms)
