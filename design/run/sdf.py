"""SD file of the proposals' monomers, as flat drawings."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
from rdkit import Chem
from rdkit.Chem import rdDepictor

from kakehashi.catalogs.molecules.registered import NOT_REGISTERED
from kakehashi.design.run.outcome import MONOMERS


def monomers_sdf(proposals: pa.Table) -> str:
    """SD text of the distinct monomers of the proposals.

    In the order of the first proposal of each.

    A title is the name, or a number, with the CAS number. Its fields: SMILES; NAME where one is known, and CAS, a
    number or "not registered"; PROPOSALS, the ranks it serves; CLASSES, the polymers it makes there.
    """
    serves: dict[str, list[dict[str, Any]]] = {}
    for row in proposals.to_pylist():
        for k in range(MONOMERS):
            if smiles := row[f"monomer_{k + 1}"]:
                serves.setdefault(smiles, []).append(row)
    stream = io.StringIO()
    writer = Chem.SDWriter(stream)
    for number, (smiles, rows) in enumerate(serves.items(), start=1):
        mol = Chem.MolFromSmiles(smiles)
        rdDepictor.Compute2DCoords(mol)
        name, cas = (_field(rows[0], smiles, field) for field in ("name", "cas"))
        mol.SetProp("_Name", f"{name or f'monomer {number}'} ({cas or NOT_REGISTERED})")
        mol.SetProp("SMILES", smiles)
        for field, text in (("NAME", name), ("CAS", cas)):
            if text:
                mol.SetProp(field, text)
        mol.SetProp("PROPOSALS", " ".join(str(row["rank"]) for row in rows))
        mol.SetProp("CLASSES", ", ".join(dict.fromkeys(row["class"] for row in rows)))
        writer.write(mol)
    writer.close()
    return stream.getvalue()


def _field(row: dict[str, Any], smiles: str, field: str) -> str:
    """Name or CAS number of a proposal's monomer.

    On one line, "" for none.
    """
    for k in range(1, MONOMERS + 1):
        if row[f"monomer_{k}"] == smiles:
            return " ".join(str(row.get(f"monomer_{k}_{field}") or "").split())
    return ""
