"""Pools: tables of monomers to propose polymers from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kakehashi.catalogs.properties.material_columns import Material, column_like, smiles_column
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import Rejected, UserError
from kakehashi.design.chemistry.blocks import Molecule

NAME = "pool"


class Pool(NamedTuple):
    """Molecules of a pool.

    rejected : rows set aside (salts, invalid SMILES), with their reasons
    """

    path: str
    molecules: tuple[Molecule, ...]
    rejected: tuple[Rejected, ...]
    name: str = NAME

    def named(self) -> dict[str, Molecule]:
        """Molecules by their SMILES, the first of each."""
        molecules: dict[str, Molecule] = {}
        for molecule in self.molecules:
            molecules.setdefault(molecule.smiles, molecule)
        return molecules

    def rejection(self) -> str:
        """Summary of the rows set aside; "" where there are none.

        Their number and the first reason.
        """
        if not self.rejected:
            return ""
        first = self.rejected[0]
        rows = len(self.molecules) + len(self.rejected)
        return (
            f"--pool {self.path}: {len(self.rejected)} of {rows} molecules set aside (quarantine_training.csv);"
            f" row {first.row} ({first.formula}): {first.reason}"
        )


def read_pool(path: Path, material: Material = None) -> Pool:
    """Read a pool: SMILES, and perhaps names and CAS numbers.

    material : name of the column of SMILES, where the table has one of that name

    Raises
    ------
    UserError : no such file or column, or not one molecule that can be read.
    """
    from kakehashi.catalogs.molecules.polymers import parse_column

    readers.check_file(path)
    names = readers.column_names(path)
    sources = {name: column for name in ("name", "cas") if (column := column_like(name, names)) is not None}
    sources["smiles"] = smiles_column(names, path, material)
    data = readers.read(path, list(dict.fromkeys(sources.values())))
    columns = {name: readers.as_text(data[column], path, column).to_pylist() for name, column in sources.items()}
    parsed = parse_column(columns["smiles"], attachments=0, guarded=True)
    blank = [None] * len(parsed.reasons)
    molecules, rejected = [], []
    for row, (text, smiles, reason, name, cas) in enumerate(
        zip(columns["smiles"], parsed.molecules.smiles, parsed.reasons, columns.get("name", blank),
            columns.get("cas", blank), strict=True)
    ):  # fmt: skip
        if reason:
            rejected.append(Rejected(NAME, row + 1, name or cas or str(row + 1), text or "", str(reason)))
        else:
            molecules.append(Molecule(smiles, (name or "").strip(), (cas or "").strip()))
    pool = Pool(str(path), tuple(molecules), tuple(rejected))
    if not molecules:
        raise UserError(f"{pool.rejection()}; no molecule is left")
    return pool
