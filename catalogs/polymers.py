"""SMILES of repeat units and molecules: checked before RDKit sees them, one name for one polymer.

A repeat unit holds two `*`; where its chain is cut is arbitrary (`*OCC*` and `*COC*` are one polymer), so a
polymer is named by one chosen frame. Stereochemistry is not part of the name, nor seen by any descriptor here:
cis and trans units, and tacticities, are one polymer. A unit written twice (`*CCCC*` for `*CC*`) stays distinct.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from catalogs.records import Compositions, Molecules, UserError
from catalogs.smiles_text import check_text

Mol = Any
Attachments = int | tuple[int, ...]

NULL = "missing SMILES (null)"
_STEREO = re.compile(r"[@/\\]")
# What RDKit looks at beyond the atoms and bonds themselves: stereochemistry, and hydrogens written as atoms.
_MORE = re.compile(r"[@/\\]|\[H[]+-]")


class _RDKit(NamedTuple):
    """RDKit, imported at first use, and what is asked of it many times."""

    Chem: Any
    BlockLogs: Any
    reader: Any
    raw: Any
    star: Any
    end: Any
    radical: Any


@cache
def _rdkit() -> _RDKit:
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdqueries

    def reader(whole: bool) -> Any:
        params: Any = Chem.SmilesParserParams()
        params.allowCXSMILES = params.parseName = False
        params.sanitize = params.removeHs = whole
        return params

    star = rdqueries.AtomNumEqualsQueryAtom(0)
    end = Chem.MolFromSmarts("[#0D1]-[!#0!#1]")
    radical = rdqueries.NumRadicalElectronsGreaterQueryAtom(0)
    return _RDKit(Chem, rdBase.BlockLogs, reader(True), reader(False), star, end, radical)


class Parsed(NamedTuple):
    """n texts: molecules ("" in refused rows), and per row the reason for refusal or ""."""

    molecules: Molecules
    reasons: NDArray[np.object_]


def parse(text: str, attachments: Attachments = 2) -> tuple[str, str]:
    """Return the canonical SMILES and the key of a text with exactly `attachments` `*` (or one of several numbers).

    Both are the same string: without stereochemistry and, for a repeat unit, in the frame that names the polymer.

    Raises
    ------
    ValueError
        With the reason why the text is refused.
    """
    key = repeat_unit_key(read(text, attachments))
    return key, key


def read(text: str, attachments: Attachments = 2) -> Mol:
    """Return the sanitised RDKit molecule of a text, without stereochemistry.

    Raises
    ------
    ValueError
        With the reason why the text is refused.
    """
    check_text(text, (attachments,) if isinstance(attachments, int) else attachments)
    rdkit = _rdkit()
    more = _MORE.search(text)
    with rdkit.BlockLogs():
        mol = rdkit.Chem.MolFromSmiles(text, rdkit.reader if more else rdkit.raw)
        if mol is None or (not more and rdkit.Chem.SanitizeMol(mol, catchErrors=True)):
            raise ValueError(_complaint(text))
    _check_molecule(mol, text)
    if more and _STEREO.search(text):
        rdkit.Chem.RemoveStereochemistry(mol)
    return mol


def repeat_unit_key(mol: Mol) -> str:
    """Return the name of a polymer: canonical SMILES of the frame chosen by canonical ranks of the closed chain.

    The chain can be cut at any single bond that every path between the two `*` crosses. With the ends joined
    and these bonds marked, the graph is the same for every frame, so the cut its canonical ranks choose is too.
    A molecule without `*` is named by its canonical SMILES. `mol` must come from `read`.
    """
    return str(_rdkit().Chem.MolToSmiles(framed(mol)))


def framed(mol: Mol) -> Mol:
    """Return the unit in the frame that names its polymer, ready for descriptors: `mol` itself where it is in it."""
    Chem = _rdkit().Chem
    ends = list(mol.GetAtomsMatchingQuery(_rdkit().star))
    if len(ends) != 2:
        return mol
    (a, x), (b, y) = ((end.GetIdx(), end.GetNeighbors()[0].GetIdx()) for end in ends)
    if x == y or mol.GetBondBetweenAtoms(x, y) is not None:
        return mol  # one or two atoms in the chain: there is one frame
    cuts = backbone_cuts(mol, x, y)
    if not cuts:
        return mol
    closed = Chem.RWMol(mol)
    closed.RemoveBond(a, x)
    closed.RemoveBond(b, y)
    mark = Chem.BondType.ZERO  # as many hydrogens more as there are marks: nothing else changes
    closed.AddBond(x, y, mark)
    for p, q in cuts:
        closed.GetBondBetweenAtoms(p, q).SetBondType(mark)
    closed.UpdatePropertyCache(False)
    Chem.FastFindRings(closed)
    ranks = Chem.CanonicalRankAtoms(closed, includeChirality=False)
    p, q = min([(x, y), *cuts], key=lambda cut: sorted((ranks[cut[0]], ranks[cut[1]])))
    return mol if (p, q) == (x, y) else _cut(mol, (a, x), (b, y), (p, q))


def backbone_cuts(mol: Mol, x: int, y: int) -> list[tuple[int, int]]:
    """Return the single bonds between the chain ends x and y that no ring bridges: where a chain can be cut."""
    Chem = _rdkit().Chem
    single = Chem.BondType.SINGLE
    cuts = []
    for p, q in pairwise(Chem.GetShortestPath(mol, x, y)):
        bond = mol.GetBondBetweenAtoms(p, q)
        if bond.GetBondType() == single and not bond.IsInRing():
            cuts.append((p, q))
    return cuts


def _cut(mol: Mol, first: tuple[int, int], last: tuple[int, int], cut: tuple[int, int]) -> Mol:
    """Join the ends of a unit (each a `*` and its neighbour) and cut its chain at another bond."""
    (a, x), (b, y), (p, q) = first, last, cut
    Chem = _rdkit().Chem
    unit = Chem.RWMol(mol)
    for i, j in ((a, x), (b, y), (p, q)):
        unit.RemoveBond(i, j)
    for i, j in ((x, y), (p, a), (q, b)):
        unit.AddBond(i, j, Chem.BondType.SINGLE)
    unit.UpdatePropertyCache(False)
    Chem.GetSymmSSSR(unit)
    Chem.SetConjugation(unit)  # an amide may have come together, or apart
    Chem.SetHybridization(unit)
    return unit


def parse_column(
    texts: pa.Array | pa.ChunkedArray | Sequence[str | None], attachments: Attachments = 2, guarded: bool = False
) -> Parsed:
    """Read a text column; a null or a refused text becomes an empty row with its reason.

    `guarded` reads in worker processes that are killed where RDKit hangs or crashes: for texts of unknown origin.

    Raises
    ------
    UserError
        If an Arrow column does not hold text.
    """
    rows = _texts(texts)
    distinct = list(dict.fromkeys(text for text in rows if isinstance(text, str)))
    if guarded:
        from catalogs.guarded import parse_guarded

        found = dict(zip(distinct, parse_guarded(distinct, attachments), strict=True))
    else:
        with _rdkit().BlockLogs():
            found = {text: attempt(text, attachments) for text in distinct}
    smiles, keys = [""] * len(rows), [""] * len(rows)
    reasons = np.full(len(rows), "", dtype=object)
    for row, text in enumerate(rows):
        if isinstance(text, str):
            smiles[row], keys[row], reasons[row] = found[text]
        else:
            reasons[row] = NULL if text is None else f"expected text, got {type(text).__name__}"
    return Parsed(Molecules(tuple(smiles), tuple(keys)), reasons)


def attempt(text: str, attachments: Attachments) -> tuple[str, str, str]:
    """Return canonical SMILES, key and "", or twice "" and the reason for refusal."""
    try:
        return *parse(text, attachments), ""
    except ValueError as error:
        return "", "", str(error)
    except (RuntimeError, MemoryError) as error:  # a violated condition inside RDKit
        return "", "", f"RDKit failed: {_first_line(error)}"


def _texts(texts: pa.Array | pa.ChunkedArray | Sequence[str | None]) -> Sequence[Any]:
    if not isinstance(texts, pa.Array | pa.ChunkedArray):
        return texts
    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not any(test(kind) for test in tests):
        raise UserError(f"expected a text column of SMILES, got Arrow type {texts.type}: convert it to text")
    found: list[str | None] = texts.to_pylist()
    return found


def _complaint(text: str) -> str:
    """Say why RDKit refused a text."""
    Chem = _rdkit().Chem
    mol = Chem.MolFromSmiles(text, sanitize=False)
    if mol is None:
        return "not SMILES: brackets, ring numbers or bonds do not match"
    try:
        Chem.SanitizeMol(mol)
    except ValueError as error:
        return f"impossible molecule: {_first_line(error)}"
    return "not SMILES"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _check_molecule(mol: Mol, text: str) -> None:
    rdkit = _rdkit()
    if len(mol.GetSubstructMatches(rdkit.end)) != text.count("*"):
        single = rdkit.Chem.BondType.SINGLE
        for atom in mol.GetAtomsMatchingQuery(rdkit.star):
            bonds = atom.GetBonds()
            if len(bonds) != 1 or bonds[0].GetBondType() != single:
                raise ValueError("an attachment point (*) must end one single bond")
            if atom.GetNeighbors()[0].GetAtomicNum() <= 1:
                raise ValueError("an attachment point (*) must be bonded to an atom other than hydrogen and *")
    if not mol.GetNumHeavyAtoms():
        raise ValueError("no atom other than hydrogen and *")
    if "[" not in text:
        return  # atoms without brackets have all their hydrogens and no charge
    for atom in mol.GetAtomsMatchingQuery(rdkit.radical):
        raise ValueError(f"unpaired electrons on {atom.GetSymbol()}: hydrogens of an atom in brackets must be written")
    charge = rdkit.Chem.GetFormalCharge(mol)
    if charge:
        raise ValueError(f"net charge {charge:+d}: its counter-ion is missing")


def atoms(molecules: Molecules) -> Compositions:
    """Return the atoms of molecules, hydrogens included and `*` left out, as element slots; "" gives an empty row."""
    from catalogs.formulas import parse_column as parse_formulas

    return parse_formulas([_formula(smiles) for smiles in molecules.smiles]).compositions


def _formula(smiles: str) -> str | None:
    mol = _rdkit().Chem.MolFromSmiles(smiles, sanitize=False)
    if not smiles or mol is None:
        return None
    mol.UpdatePropertyCache(False)
    counts: dict[str, int] = {}
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum():
            counts[atom.GetSymbol()] = counts.get(atom.GetSymbol(), 0) + 1
            counts["H"] = counts.get("H", 0) + atom.GetTotalNumHs()
    return "".join(f"{symbol}{count}" for symbol, count in counts.items() if count)
