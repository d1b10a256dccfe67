"""Which prior a run proposes from, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from catalogs import readers
from catalogs.material_columns import Material, column_like, smiles_column
from catalogs.paths import path_of
from catalogs.records import UserError
from design.blocks import Molecule
from design.config import DesignConfig
from design.polymerisations import POLYMERISATIONS
from design.proposals.reactions import Reactions, embedded_pool


def proposer(config: DesignConfig) -> Any:
    """The proposal a configuration asks for; UserError where it cannot be made."""
    if config.proposal == "reactions":
        return reactions(config)
    from design.language import trained

    return trained(config)


def reactions(config: DesignConfig) -> Reactions:
    """Polymerisations of the embedded pool of monomers, or of a file of SMILES.

    Raises
    ------
    UserError : an unknown polymer class, or a pool nothing can be polymerised from.
    """
    known = list(dict.fromkeys(rule.polymer_class for rule in POLYMERISATIONS))
    for name in config.polymer_class:
        if name not in known:
            raise UserError(f"--polymer-class: expected some of {', '.join(known)}, got {name!r}")
    rules = [rule for rule in POLYMERISATIONS if not config.polymer_class or rule.polymer_class in config.polymer_class]
    molecules = _read(path_of(config.pool), config.material) if config.pool else embedded_pool()
    try:
        return Reactions(molecules, rules)
    except ValueError as error:
        where = config.pool or "the embedded pool"
        asked = f" for {', '.join(config.polymer_class)}" if config.polymer_class else ""
        raise UserError(f"{where} ({len(molecules)} molecules){asked}: {error}") from None


def _read(path: Path, material: Material) -> list[Molecule]:
    """Molecules of a table file with a column of SMILES, and perhaps name and cas."""
    from catalogs.polymers import parse_column

    readers.check_file(path)
    names = readers.column_names(path)
    wanted = {name: found for name in ("name", "cas") if (found := column_like(name, names)) is not None}
    wanted["smiles"] = smiles_column(names, path, material)
    data = readers.read(path, list(dict.fromkeys(wanted.values())))
    columns = {name: readers.as_text(data[found], path, found).to_pylist() for name, found in wanted.items()}
    parsed = parse_column(columns["smiles"], attachments=0, guarded=True)
    for row, reason in enumerate(parsed.reasons):
        if reason:
            raise UserError(f"{path}: row {row + 1} ({columns['smiles'][row]}): {reason}; correct or remove it")
    blank = [""] * len(parsed.molecules.smiles)
    rows = zip(parsed.molecules.smiles, columns.get("name", blank), columns.get("cas", blank), strict=True)
    return [Molecule(smiles, name or "", cas or "") for smiles, name, cas in rows]
