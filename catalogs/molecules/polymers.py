"""Parser of SMILES of repeat units and molecules.

Texts are checked before RDKit sees them.

A repeat unit holds two `*`, as such or under another label (`[*:1]`, `[R1]`), and gets one key for one polymer
(`unit_keys`). Keys and descriptors leave stereochemistry out: cis and trans units, and tacticities, are one polymer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.files.guarded import ParserTask, Workers
from kakehashi.catalogs.molecules.lazy_rdkit import rdkit
from kakehashi.catalogs.molecules.text import check_text, normalised
from kakehashi.catalogs.molecules.unit_keys import backbone_cuts, framed, recut, repeat_unit_key
from kakehashi.catalogs.records import Compositions, Molecules, UserError

__all__ = [
    "NULL", "TASK", "Attachments", "Mol", "ParsedSmiles", "atoms", "attempt", "backbone_cuts", "framed", "parse",
    "parse_column", "parse_guarded", "prepare_worker", "read", "repeat_unit_key",
]  # fmt: skip

Mol = Any
Attachments = int | tuple[int, ...]

NULL = "missing SMILES (null)"
_STEREO = re.compile(r"[@/\\]")
# Marks that RDKit must perceive beyond atoms and bonds: stereochemistry, and hydrogens written as atoms.
_MORE = re.compile(r"[@/\\]|\[H[]+-]")

# Atoms in brackets that need none: [CH2], [C@H].
_WRITTEN_OUT = re.compile(r"\[(?:C|N|O|S|P|B|F|I|Cl|Br)(?:@|H|\])")
_NEEDS_NO_BRACKET = frozenset(("B", "C", "N", "O", "P", "S", "F", "Cl", "Br", "I"))

TASK = ParserTask("SMILES", f"{__name__}:prepare_worker", chunk=256, share=256)


class ParsedSmiles(NamedTuple):
    """Parsed column of n texts.

    molecules : "" in refused rows
    reasons : (n,) reason for refusal, or ""
    """

    molecules: Molecules
    reasons: NDArray[np.object_]


def parse(text: str, attachments: Attachments = 2) -> tuple[str, str]:
    """Return the canonical SMILES and key of a text.

    Both are the same string: without stereochemistry and, for a repeat unit, in the frame that names the polymer.

    Parameters
    ----------
    attachments : number of `*`, or several allowed numbers

    Raises
    ------
    ValueError : refused, with the reason.

    >>> parse("*OCC*")
    ('*COC*', '*COC*')
    """
    key = repeat_unit_key(read(text, attachments))
    return key, key


def read(text: str, attachments: Attachments = 2) -> Mol:
    """Read a SMILES as RDKit molecule, without stereochemistry.

    Raises
    ------
    ValueError : refused, with the reason.
    """
    numbers = (attachments,) if isinstance(attachments, int) else attachments
    text = normalised(text, numbers)
    check_text(text, numbers)
    tools = rdkit()
    more = _MORE.search(text)
    with tools.BlockLogs():
        mol = tools.Chem.MolFromSmiles(text, tools.reader if more else tools.raw)
        if mol is None or (not more and tools.Chem.SanitizeMol(mol, catchErrors=True)):
            raise ValueError(_complaint(text))
    if more and _STEREO.search(text):
        tools.Chem.RemoveStereochemistry(mol)
    if len(mol.GetSubstructMatches(tools.end)) != text.count("*"):
        mol = _ends_made_single(mol)
    _check_molecule(mol, text)
    if _WRITTEN_OUT.search(text):
        _fill_with_hydrogens(mol)
    return mol


def parse_column(
    texts: pa.Array | pa.ChunkedArray | Sequence[str | None], attachments: Attachments = 2, guarded: bool = False
) -> ParsedSmiles:
    """Parse a column of SMILES.

    A null or a refused text becomes an empty row with its reason.

    Parameters
    ----------
    attachments : number of `*`, or several allowed numbers
    guarded : parse in worker processes, which are killed where RDKit hangs or crashes; for texts of unknown origin

    Raises
    ------
    UserError : an Arrow column of another type than text.
    """
    rows = _texts(texts)
    distinct = list(dict.fromkeys(text for text in rows if isinstance(text, str)))
    if guarded:
        answers = dict(zip(distinct, parse_guarded(distinct, attachments), strict=True))
    else:
        with rdkit().BlockLogs():
            answers = {text: attempt(text, attachments) for text in distinct}
    smiles, keys = [""] * len(rows), [""] * len(rows)
    reasons = np.full(len(rows), "", dtype=object)
    for row, text in enumerate(rows):
        if isinstance(text, str):
            smiles[row], keys[row], reasons[row] = answers[text]
        else:
            reasons[row] = NULL if text is None else f"expected text, got {type(text).__name__}"
    return ParsedSmiles(Molecules(tuple(smiles), tuple(keys)), reasons)


def attempt(text: str, attachments: Attachments) -> tuple[str, str, str]:
    """Parse a text without raising.

    Returns the canonical SMILES, the key and "", or "", "" and the reason for refusal.
    """
    try:
        return *parse(text, attachments), ""
    except ValueError as error:
        return "", "", str(error)
    except (RuntimeError, MemoryError) as error:  # a violated condition inside RDKit
        return "", "", f"RDKit failed: {_first_line(error)}"


def parse_guarded(
    texts: Sequence[str], attachments: Attachments, *, seconds: float | None = None, workers: int | None = None
) -> list[tuple[str, str, str]]:
    """Call `attempt` on each text in worker processes.

    A text that takes its worker down is refused.
    """
    with Workers(TASK, attachments, seconds=seconds, workers=workers) as pool:
        return [("", "", answer.reason) if answer.reason else tuple(answer.value) for answer in pool.read(texts)]


def prepare_worker() -> Callable[[str, Any], tuple[str, str, str]]:
    """Import RDKit and return the parser of a worker."""
    BlockLogs = rdkit().BlockLogs

    def parse_text(text: str, attachments: int | list[int]) -> tuple[str, str, str]:
        with BlockLogs():
            return attempt(text, attachments if isinstance(attachments, int) else tuple(attachments))

    return parse_text


def _texts(texts: pa.Array | pa.ChunkedArray | Sequence[str | None]) -> Sequence[Any]:
    if not isinstance(texts, pa.Array | pa.ChunkedArray):
        return texts
    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not any(test(kind) for test in tests):
        raise UserError(f"expected a text column of SMILES, got Arrow type {texts.type}: convert it to text")
    rows: list[str | None] = texts.to_pylist()
    return rows


def _complaint(text: str) -> str:
    """Say why RDKit refused a text."""
    Chem = rdkit().Chem
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


def _ends_made_single(mol: Mol) -> Mol:
    """Cut a unit at a single bond instead of a multiple one.

    `*=CC=*` becomes `*C=C*`.

    Raises
    ------
    ValueError : other attachment points, or a chain without a single bond to cut.
    """
    Chem = rdkit().Chem
    ends = []
    for star in mol.GetAtomsMatchingQuery(rdkit().star):
        if star.GetDegree() != 1:
            raise ValueError("an attachment point (*) must end one single bond")
        near = star.GetNeighbors()[0]
        if near.GetAtomicNum() <= 1:
            raise ValueError("an attachment point (*) must be bonded to an atom other than hydrogen and *")
        ends.append((star.GetIdx(), near.GetIdx(), star.GetBonds()[0].GetBondType()))
    orders = {order for *_, order in ends}
    if len(ends) == 2 and len(orders) == 1 and orders <= {Chem.BondType.DOUBLE, Chem.BondType.TRIPLE}:
        (a, x, order), (b, y, _) = ends
        cuts = backbone_cuts(mol, x, y) if x != y else []
        if cuts:
            return recut(mol, (a, x), (b, y), cuts[0], order)
    raise ValueError("an attachment point (*) must end one single bond: cut the chain at a single bond")


def _fill_with_hydrogens(mol: Mol) -> None:
    """Make hydrogens of needless brackets implicit.

    Notation then does not change a unit's key.
    """
    for atom in mol.GetAtoms():
        if not atom.GetNoImplicit() or atom.GetSymbol() not in _NEEDS_NO_BRACKET:
            continue
        if atom.GetFormalCharge() or atom.GetIsAromatic():
            continue
        hydrogens = atom.GetNumExplicitHs()
        for free in (True, False):
            atom.SetNoImplicit(not free)
            atom.SetNumExplicitHs(0 if free else hydrogens)
            atom.UpdatePropertyCache(False)
            if atom.GetTotalNumHs() == hydrogens:
                break


def _check_molecule(mol: Mol, text: str) -> None:
    if not mol.GetNumHeavyAtoms():
        raise ValueError("no atom other than hydrogen and *")
    if "[" not in text:
        return  # atoms without brackets have all their hydrogens and no charge
    for atom in mol.GetAtomsMatchingQuery(rdkit().radical):
        raise ValueError(f"unpaired electrons on {atom.GetSymbol()}: hydrogens of an atom in brackets must be written")
    charge = rdkit().Chem.GetFormalCharge(mol)
    if charge:
        raise ValueError(f"net charge {charge:+d}: its counter-ion is missing")


def atoms(molecules: Molecules) -> Compositions:
    """Count the atoms of molecules in element slots.

    Hydrogens count, `*` do not; "" gives an empty row.
    """
    from kakehashi.catalogs.formulas.slots import parse_column as parse_formulas

    return parse_formulas([_formula(smiles) for smiles in molecules.smiles]).compositions


def _formula(smiles: str) -> str | None:
    mol = rdkit().Chem.MolFromSmiles(smiles, sanitize=False)
    if not smiles or mol is None:
        return None
    mol.UpdatePropertyCache(False)
    counts: dict[str, int] = {}
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum():
            counts[atom.GetSymbol()] = counts.get(atom.GetSymbol(), 0) + 1
            counts["H"] = counts.get("H", 0) + atom.GetTotalNumHs()
    return "".join(f"{symbol}{count}" for symbol, count in counts.items() if count)
