"""Constraints on proposed repeat units, and their synthetic accessibility."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.properties.material_columns import Material, smiles_column
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.smarts import NITRO, pattern
from kakehashi.design.chemistry.stability import cap_unit, reactive, suspect, unstable
from kakehashi.design.chemistry.substructures import chain_has


class Limits(NamedTuple):
    """Limits of a repeat unit; None switches one off.

    unstable : True to refuse the bonds of `stability.UNSTABLE`
    reactive : True to refuse unreacted groups, which would branch or stop the chain, or burn
    heavy_atoms : most heavy atoms of a repeat unit
    sa_score : highest synthetic accessibility score of the capped unit (1 easy, 10 hard)
    mass : largest molar mass, g/mol; elements : symbols that it may hold, hydrogen included; () for all
    charge_free : True to refuse charged atoms but those of nitro groups
    contains, without : SMARTS that the chain must hold, and must not
    """

    unstable: bool = True
    reactive: bool = True
    heavy_atoms: int | None = 80
    sa_score: float | None = None
    mass: float | None = None
    elements: tuple[str, ...] = ()
    charge_free: bool = False
    contains: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Constraints:
    """Log constraint of repeat units, at most 0.

    fragments : SMILES with two `*`, or SMARTS, of liquid-crystal-like cores; a unit with none of them is weighed down
        by exp(-bonus). Empty: no such weight.

    Raises
    ------
    UserError : a fragment is none.

    Examples
    --------
    >>> Constraints(Limits(heavy_atoms=10)).reasons("*OOCCCCCCCCCC*")
    ['peroxide', '12 heavy atoms, more than 10']
    """

    def __init__(self, limits: Limits = Limits(), fragments: Sequence[str] = (), bonus: float = 2.0) -> None:  # noqa: B008
        self.limits, self.bonus = limits, bonus
        self._fragments = [_fragment(text) for text in fragments]

    def __call__(self, units: Sequence[str]) -> NDArray[np.float64]:
        """Log constraint (n,) of repeat units.

        0, or -bonus without a wanted fragment, or -inf where a limit is violated or the text is no repeat unit.
        """
        return np.array([self._one(unit) for unit in units], np.float64)

    def reasons(self, unit: str) -> list[str]:
        """Limits that a repeat unit's SMILES violates, in words."""
        mol = _read(unit)
        return ["not a repeat unit"] if mol is None else self.violations(mol)

    def _one(self, unit: str) -> float:
        mol = _read(unit)
        return -np.inf if mol is None or self.violations(mol) else self.log_weight(mol)

    def log_weight(self, mol: Any) -> float:
        """Log weight of wanted fragments.

        0 with one, or where none is wanted, else -bonus.
        """
        wanted = not self._fragments or any(mol.HasSubstructMatch(fragment) for fragment in self._fragments)
        return 0.0 if wanted else -self.bonus

    def violations(self, mol: Any) -> list[str]:
        """Limits that a parsed repeat unit violates, in words."""
        limits = self.limits
        reasons: list[str] = []
        if (limits.unstable or limits.reactive) and suspect(mol):
            reasons += unstable(mol) if limits.unstable else []
            reasons += reactive(mol) if limits.reactive else []
        size = mol.GetNumHeavyAtoms()
        if limits.heavy_atoms is not None and size > limits.heavy_atoms:
            reasons.append(f"{size} heavy atoms, more than {limits.heavy_atoms}")
        reasons += _unwanted(mol, limits)
        # The costliest check runs last, and only where no other limit is violated.
        if limits.sa_score is not None and not reasons:
            score = sa_score(mol)
            if score > limits.sa_score:
                reasons.append(f"SA score {score:.1f}, above {limits.sa_score:g}")
        return reasons


def sa_score(unit: Any) -> float:
    """Synthetic accessibility of a repeat unit, 1 (easy) to 10 (hard).

    The score (Ertl & Schuffenhauer, 2009) is of the unit with methyl ends: bare attachment points would count as
    exotic atoms.
    """
    return float(_scorer().calculateScore(cap_unit(unit)))


def _unwanted(mol: Any, limits: Limits) -> list[str]:
    """Limits of composition and structure that a unit violates, in words."""
    reasons = []
    if limits.mass is not None and (mass := molar_mass(mol)) > limits.mass:
        reasons.append(f"{mass:.1f} g/mol, more than {limits.mass:g}")
    if limits.elements:
        held = {atom.GetSymbol() for atom in mol.GetAtoms() if atom.GetAtomicNum()}
        held |= {"H"} if any(atom.GetTotalNumHs() for atom in mol.GetAtoms()) else set()
        if others := sorted(held - set(limits.elements)):
            reasons.append(f"other elements: {', '.join(others)}")
    if limits.charge_free:
        charged = len(mol.GetSubstructMatches(pattern("[!+0]")))
        if charged != 2 * len(mol.GetSubstructMatches(pattern(NITRO))):
            reasons.append("charged atoms")
    reasons += [f"no {smarts}" for smarts in limits.contains if not chain_has(mol, smarts)]
    return reasons + [f"holds {smarts}" for smarts in limits.without if chain_has(mol, smarts)]


def molar_mass(unit: Any) -> float:
    """Molar mass of a repeat unit or molecule, in g/mol."""
    from rdkit.Chem.rdMolDescriptors import _CalcMolWt

    return float(_CalcMolWt(unit))


def read_fragments(path: Path, material: Material = None) -> tuple[str, ...]:
    """Read fragments from a table's column of SMILES.

    material : name of that column, where the table has one of that name

    Raises
    ------
    UserError : the file is missing, has no such column, or a row is empty.
    """
    if not path.is_file():
        raise UserError(f"expected a file of fragments, got {path}, which does not exist")
    column = smiles_column(readers.column_names(path), path, material)
    rows = readers.as_text(readers.read(path, [column])[column], path, column).to_pylist()
    for number, row in enumerate(rows, 1):
        if not row:
            raise UserError(f"{path}, row {number}: expected the SMILES of a fragment, got nothing")
    return tuple(rows)


def _read(unit: str) -> Any:
    from kakehashi.catalogs.molecules.polymers import read

    try:
        return read(unit)
    except ValueError:
        return None


def _fragment(text: str) -> Any:
    """Compile a fragment to a pattern in which `*` is any atom."""
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


@cache
def _scorer() -> Any:
    """Load RDKit's contributed SA scorer, which is no module of the package."""
    from rdkit import RDConfig

    spec = importlib.util.spec_from_file_location("sascorer", Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py")
    if spec is None or spec.loader is None:
        raise UserError(f"this RDKit comes without its SA scorer ({RDConfig.RDContribDir})", code=1)
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    return scorer
