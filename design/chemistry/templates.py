"""SMILES templates: substituents and neighbours are inserted as text, without parsing.

Ring-closure numbers of the pieces must differ, since one piece stands inside another's open rings: a template is
written for one range of numbers, and `SPAN` numbers belong to each range.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SPAN = 20  # ring numbers of a block; two blocks, then linkers, then substituents share 1 to 99
LINKER_RANGE, LINKER_SPAN = 41, 5
SUBSTITUENT_RANGE = 90
_TOKEN = re.compile(r"(\[[^\]]*\]|Br|Cl|[BCNOPSFIbcnops*])((?:[-=#:]?(?:%\d{2}|\d))*)|([-=#:()/\\.])")
_RING = re.compile(r"%(\d{2})|(\d)")


class Template(NamedTuple):
    """A molecule's SMILES as pieces of text.

    pieces : the text in order; joined, the undecorated SMILES without its first dummy atom
    sites : for each site, the pieces that hold its atom and (empty) its branch
    hole : the piece that stands for the second dummy atom, -1 where the molecule has none
    """

    pieces: tuple[str, ...]
    sites: tuple[tuple[int, int], ...]
    hole: int


def template(mol: Any, sites: Sequence[int], root: int = 0, first: int = 1) -> Template | None:
    """Template of a molecule.

    None where a site is not written as a plain atom, or the molecule has too many rings.

    sites : the values of the atoms' property "atom" that can be edited
    root : isotope of the dummy atom that the text begins at (left out of it), 0 for a molecule without
    first : smallest ring-closure number
    """
    from rdkit import Chem

    plain = Chem.Mol(mol)
    start = -1
    numbers = []
    for atom in plain.GetAtoms():
        numbers.append(atom.GetIntProp("atom") if atom.HasProp("atom") else -1)
        if atom.GetAtomicNum() == 0:
            start = atom.GetIdx() if atom.GetIsotope() == root else start
            atom.SetIsotope(0)
    text = Chem.MolToSmiles(plain, rootedAtAtom=start, isomericSmiles=True)
    written = list(plain.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    origin = [numbers[i] for i in written]
    pieces: list[str] = []
    places: dict[int, tuple[int, int]] = {}
    hole = -1
    atoms = 0
    for match in _TOKEN.finditer(text):
        symbol, rings, other = match.groups()
        if other:
            pieces.append(other)
            continue
        if root and symbol == "*":
            if atoms:
                hole = len(pieces)
            pieces.append("")
        else:
            if origin[atoms] in sites:
                if symbol not in ("c", "C"):
                    return None
                places[origin[atoms]] = (len(pieces), len(pieces) + 2)
            pieces += [symbol, _renumbered(rings, first), ""]
        atoms += 1
    largest = max((int(a or b) for a, b in _RING.findall(text)), default=0)
    if largest >= SPAN or len(places) < len(sites):
        return None
    return Template(tuple(pieces), tuple(places[site] for site in sites), hole)


def fill(form: Template, edits: Mapping[int, str], swaps: Mapping[int, str]) -> tuple[str, str]:
    """Fill a template: text before and after the hole.

    edits : branches at sites; swaps : exchanged atoms at sites

    Examples
    --------
    >>> from rdkit import Chem
    >>> benzene = Chem.MolFromSmiles("c1ccccc1")
    >>> for atom in benzene.GetAtoms():
    ...     atom.SetIntProp("atom", atom.GetIdx())
    >>> fill(template(benzene, [0]), {0: "C"}, {})
    ('c1cc(C)ccc1', '')
    """
    pieces = list(form.pieces)
    for site, branch in edits.items():
        pieces[form.sites[site][1]] = f"({branch})"
    for site, symbol in swaps.items():
        pieces[form.sites[site][0]] = symbol
    if form.hole < 0:
        return "".join(pieces), ""
    return "".join(pieces[: form.hole]), "".join(pieces[form.hole + 1 :])


def renumber_rings(smiles: str, first: int) -> str:
    """Renumber the ring closures of a SMILES, beginning at `first`.

    Examples
    --------
    >>> renumber_rings("c1ccccc1", 41)
    'c%41ccccc%41'
    """
    return _TOKEN.sub(lambda m: m[3] or m[1] + _renumbered(m[2], first), smiles)


def _renumbered(rings: str, first: int) -> str:
    if first == 1:
        return rings
    return _RING.sub(lambda m: f"%{int(m[1] or m[2]) + first - 1:02d}", rings)
