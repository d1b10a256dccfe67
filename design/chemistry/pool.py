"""A file of monomers to propose polymers from: those that can be read, and the rows that cannot."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kakehashi.catalogs.properties.material_columns import Material, column_like, smiles_column
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import Rejected, UserError
from kakehashi.design.chemistry.blocks import Molecule

NAME = "pool"


class Pool(NamedTuple):
    """The molecules of a pool, and the rows set aside (salts, what is no SMILES) with their reasons."""

    path: str
    molecules: tuple[Molecule, ...]
    rejected: tuple[Rejected, ...]
    name: str = NAME

    def named(self) -> dict[str, Molecule]:
        """Molecules by their SMILES, the first of each."""
        found: dict[str, Molecule] = {}
        for molecule in self.molecules:
            found.setdefault(molecule.smiles, molecule)
        return found

    def rejection(self) -> str:
        """How many rows were set aside, and why the first was; "" where all were read."""
        if not self.rejected:
            return ""
        first = self.rejected[0]
        rows = len(self.molecules) + len(self.rejected)
        return (
            f"--pool {self.path}: {len(self.rejected)} of {rows} molecules set aside (quarantine_training.csv);"
            f" row {first.row} ({first.formula}): {first.reason}"
        )


def read_pool(path: Path, material: Material = None) -> Pool:
    """Read a table with a column of SMILES (`material`, if it has that), and perhaps name and cas.

    Raises
    ------
    UserError : no such file or column, or not one molecule that can be read.
    """
    from kakehashi.catalogs.molecules.polymers import parse_column

    readers.check_file(path)
    names = readers.column_names(path)
    wanted = {name: column for name in ("name", "cas") if (column := column_like(name, names)) is not None}
    wanted["smiles"] = smiles_column(names, path, material)
    data = readers.read(path, list(dict.fromkeys(wanted.values())))
    columns = {name: readers.as_text(data[column], path, column).to_pylist() for name, column in wanted.items()}
    parsed = parse_column(columns["smiles"], attachments=0, guarded=True)
    blank = [None] * len(parsed.reasons)
    found, rejected = [], []
    for row, (text, smiles, reason, name, cas) in enumerate(
        zip(columns["smiles"], parsed.molecules.smiles, parsed.reasons, columns.get("name", blank),
            columns.get("cas", blank), strict=True)
    ):  # fmt: skip
        if reason:
            rejected.append(Rejected(NAME, row + 1, name or cas or str(row + 1), text or "", str(reason)))
        else:
            found.append(Molecule(smiles, (name or "").strip(), (cas or "").strip()))
    pool = Pool(str(path), tuple(found), tuple(rejected))
    if not found:
        raise UserError(f"{pool.rejection()}; no molecule is left")
    return pool
