"""What a proposed polymer must not contain, how hard its monomers are to have, and how new it is."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import UserError
from design.groups import GROUPS, REACTIVE, competing, pattern

# Bonds that do not survive a polymerisation or the life of a part.
UNSTABLE: dict[str, str] = {
    "peroxide": "[OX2][OX2]",
    "chain of three nitrogens": "[#7]~[#7]~[#7]",
    "aliphatic azo": "[#6;!a][NX2;!R]=[NX2;!R]",
    "nitrogen-halogen bond": "[#7][F,Cl,Br,I]",
    "oxygen-halogen bond": "[#8][F,Cl,Br,I]",
    "sulfur-halogen bond": "[#16][Cl,Br,I]",
    "nitroso or nitrite": "[#6,#7,#8;!$([#7]=O)][NX2]=O",
    "disulfide": "[SX2][SX2]",
    "sulfenate": "[SX2][OX2]",
    "hemiacetal or alpha-halohydrin": "[CX4]([OX2H])[OX2,NX3,SX2,F,Cl,Br,I]",
    "enol": "[OX2H][CX3;!a]=[CX3;!a]",
    "ketene or allene": "[#6,#7;!$(N=C=[O,S])]=[#6X2]=[#6]",
    "alpha-halo ether or amine": "[OX2,NX3;!$(N[C,S]=O)][CX4;H1,H2][F,Cl,Br,I]",
    "thioaldehyde or thioketone": "[#6][CX3;!$(C[N,O,S])]=S",
    "small ring with a double bond": "[r3]=[r3]",
}
LC_FRAGMENT_COLUMN = "smiles"
_RADIUS, _BITS = 2, 2048


class Limits(NamedTuple):
    """What counts as a violation; None switches a limit off.

    unstable : whether the bonds of `UNSTABLE` are refused
    reactive : whether groups left over in the unit are refused that would branch the chain, stop it, or burn
    heavy_atoms : most heavy atoms of a repeat unit
    sa_score : highest synthetic accessibility score of the capped unit (1 easy, 10 hard)
    """

    unstable: bool = True
    reactive: bool = True
    heavy_atoms: int | None = 80
    sa_score: float | None = None


class Constraints:
    """Logarithm of a constraint of at most one per repeat unit, as the sampler asks for it.

    fragments : SMILES with two `*`, or SMARTS, of liquid-crystal-like cores; a unit with none of them is weighed down
        by exp(-bonus). Empty: no such weight.

    Raises
    ------
    UserError : a fragment is none.
    """

    def __init__(self, limits: Limits = Limits(), fragments: Sequence[str] = (), bonus: float = 2.0) -> None:  # noqa: B008
        self.limits, self.bonus = limits, bonus
        self._fragments = [_fragment(text) for text in fragments]

    def __call__(self, units: Sequence[str]) -> NDArray[np.float64]:
        """(n,) 0, -bonus, or -inf where a limit is violated or the text is no repeat unit."""
        return np.array([self._one(unit) for unit in units], np.float64)

    def reasons(self, unit: str) -> list[str]:
        """The limits that a repeat unit violates, in words."""
        mol = _read(unit)
        return ["not a repeat unit"] if mol is None else self.violations(mol)

    def _one(self, unit: str) -> float:
        mol = _read(unit)
        return -np.inf if mol is None or self.violations(mol) else self.log_weight(mol)

    def log_weight(self, mol: Any) -> float:
        """0 with a wanted fragment, or where none is wanted, else -bonus."""
        wanted = not self._fragments or any(mol.HasSubstructMatch(fragment) for fragment in self._fragments)
        return 0.0 if wanted else -self.bonus

    def violations(self, mol: Any) -> list[str]:
        """The limits that a repeat unit violates, in words."""
        limits = self.limits
        found = unstable(mol) if limits.unstable else []
        if limits.reactive:
            found += reactive(mol)
        size = mol.GetNumHeavyAtoms()
        if limits.heavy_atoms is not None and size > limits.heavy_atoms:
            found.append(f"{size} heavy atoms, more than {limits.heavy_atoms}")
        # The dearest comes last, and only where the others leave it to decide.
        if limits.sa_score is not None and not found:
            score = sa_score(mol)
            if score > limits.sa_score:
                found.append(f"SA score {score:.1f}, above {limits.sa_score:g}")
        return found


def unstable(mol: Any) -> list[str]:
    """Names of the unstable bonds in a molecule or repeat unit."""
    return [name for name, smarts in UNSTABLE.items() if mol.HasSubstructMatch(pattern(smarts))]


def reactive(mol: Any) -> list[str]:
    """Names of the groups in a repeat unit that should have reacted, or would react further."""
    whole = _capped(mol)
    return [name for name in _LEFT_OVER if whole.HasSubstructMatch(pattern(REACTIVE[name]))]


def polymerisability(monomers: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Why monomers, one per group of `groups.GROUPS`, would not give a linear polymer; [] if they would.

    A group that competes (a third amine, a thiol, ...) is named, and so is a monomer without the ends it needs.
    """
    from rdkit import Chem

    from design.groups import cut

    found = []
    for smiles, group in zip(monomers, groups, strict=True):
        if group not in GROUPS:
            raise ValueError(f"no group {group!r}; there are {', '.join(GROUPS)}")
        mol = Chem.MolFromSmiles(smiles)
        others = [] if mol is None else competing(mol, group)
        if others:
            found.append(f"{smiles}: {', '.join(others)} beside the ends of a {group}")
        elif mol is None or cut(mol, group) is None:
            found.append(f"{smiles}: not the ends of a {group}")
    return found


def sa_score(unit: Any) -> float:
    """Synthetic accessibility (Ertl & Schuffenhauer, 2009), 1 easy to 10 hard, of a unit with methyl ends.

    Bare attachment points would count as exotic atoms.
    """
    return float(_scorer().calculateScore(_capped(unit)))


class Known:
    """Polymers to be new against: their keys, and the nearest by Tanimoto similarity of Morgan fingerprints.

    keys : as of `catalogs.polymers`, which are SMILES as well
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(dict.fromkeys(key for key in keys if key))
        self._known = frozenset(self.keys)
        self._prints = [_fingerprint(key) for key in self.keys]

    def is_new(self, keys: Sequence[str]) -> NDArray[np.bool_]:
        """(n,) whether each key is that of no known polymer."""
        return np.array([key not in self._known for key in keys], bool)

    def nearest(self, keys: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
        """The most similar known polymer of each key, and the similarity (n,); "" and 0 where none is known."""
        from rdkit import DataStructs

        names, similarity = [], np.zeros(len(keys))
        for row, key in enumerate(keys):
            found = DataStructs.BulkTanimotoSimilarity(_fingerprint(key), self._prints)
            best = int(np.argmax(found)) if found else -1
            names.append(self.keys[best] if found else "")
            similarity[row] = found[best] if found else 0.0
        return names, similarity


def read_fragments(path: Path) -> tuple[str, ...]:
    """Fragments in a CSV or Parquet file's column `smiles`.

    Raises
    ------
    UserError : the file is missing, has no such column, or a row is empty.
    """
    if not path.is_file():
        raise UserError(f"expected a file of fragments, got {path}, which does not exist")
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        rows = table[LC_FRAGMENT_COLUMN].to_pylist() if LC_FRAGMENT_COLUMN in table.column_names else None
    else:
        with path.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            fine = LC_FRAGMENT_COLUMN in (reader.fieldnames or ())
            rows = [row[LC_FRAGMENT_COLUMN] for row in reader] if fine else None
    if rows is None:
        raise UserError(f"{path}: expected a column '{LC_FRAGMENT_COLUMN}' of fragments")
    for number, row in enumerate(rows, 1):
        if not row:
            raise UserError(f"{path}, row {number}: expected the SMILES of a fragment, got nothing")
    return tuple(rows)


# Alcohols, acids and amides' nitrogen stay in many real polymers (acrylic acid, HEMA); these groups do not.
_LEFT_OVER = (
    "amine", "hydrazine or hydroxylamine", "imine", "acyl halide", "anhydride", "isocyanate", "thiol",
    "sulfonyl halide or acid", "phosphorus acid or chloride", "aldehyde", "epoxide or aziridine",
    "silyl halide or hydride", "boronic acid", "azide or diazo",
)  # fmt: skip


def _capped(unit: Any) -> Any:
    """The unit with methyl groups at its ends, so that an amide's end is no amine and a carbonyl's no aldehyde."""
    from rdkit import Chem

    edit = Chem.RWMol(unit)
    for atom in edit.GetAtomsMatchingQuery(_star()):
        atom.SetAtomicNum(6)
        atom.SetNoImplicit(False)
        atom.UpdatePropertyCache()
    return edit


@cache
def _star() -> Any:
    from rdkit.Chem import rdqueries

    return rdqueries.AtomNumEqualsQueryAtom(0)


def _read(unit: str) -> Any:
    from catalogs.polymers import read

    try:
        return read(unit)
    except ValueError:
        return None


def _fragment(text: str) -> Any:
    """A pattern: `*` is any atom, and the rest as in the SMILES."""
    from rdkit import Chem

    mol = Chem.MolFromSmiles(text)
    if mol is None:
        compiled = Chem.MolFromSmarts(text)
        if compiled is None:
            raise UserError(f"expected a fragment as SMILES with two * or as SMARTS, got {text!r}")
        return compiled
    anything: Any = Chem.AdjustQueryParameters.NoAdjustments()
    anything.makeDummiesQueries = True
    return Chem.AdjustQueryProperties(mol, anything)


def _fingerprint(smiles: str) -> Any:
    from rdkit import Chem

    return _morgan().GetFingerprint(Chem.MolFromSmiles(smiles))


@cache
def _morgan() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BITS)


@cache
def _scorer() -> Any:
    """RDKit's contributed scorer, which is not importable as a module of the package."""
    from rdkit import RDConfig

    spec = importlib.util.spec_from_file_location("sascorer", Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py")
    if spec is None or spec.loader is None:
        raise UserError(f"this RDKit comes without its SA scorer ({RDConfig.RDContribDir})", code=1)
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    return scorer
