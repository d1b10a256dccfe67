"""Pool of building blocks from the package `chemicals`.

Its CAS-registered molecules come with their functional groups.

It is built once, which takes about a minute, and cached.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.files.durable import DurableFile, make_folder
from kakehashi.catalogs.files.home import PRIVATE, PRIVATE_FILE, cache_folder_or_none, check_own
from kakehashi.catalogs.files.package_data import code_digest, package_file, version
from kakehashi.catalogs.molecules.monomer_groups import GROUPS
from kakehashi.catalogs.molecules.polymers import read
from kakehashi.catalogs.records import UserError

MAX_HEAVY_ATOMS = 40
ELEMENTS = frozenset(("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br"))
"""Elements of the pool.

Left out are iodine, whose bond to carbon is broken by light, and metals.
"""
_IDENTIFIERS = ("chemical identifiers pubchem small.tsv", "chemical identifiers pubchem large.tsv")
_MASS_TOLERANCE = 0.002  # revised atomic weights; one hydrogen in 500 g/mol is 0.002

POOLS: dict[str, dict[str, int]] = {
    "aromatic diamine": {"aromatic amine": 2},
    "aliphatic diamine": {"aliphatic amine": 2},
    "diacid": {"carboxylic acid": 2},
    "diacyl chloride": {"acyl chloride": 2},
    "diol": {"alcohol": 2},
    "bisphenol": {"phenol": 2},
    "diisocyanate": {"isocyanate": 2},
    "dianhydride": {"cyclic anhydride": 2},
    "epoxide": {"epoxide": 1},
    "diepoxide": {"epoxide": 2},
    "vinyl": {"terminal alkene": 1},
    "acrylic": {"terminal alkene": 1, "acrylic": 1},
    "styrenic": {"terminal alkene": 1, "styrenic": 1},
    "lactam": {"lactam": 1},
    "lactone": {"lactone": 1},
    "carbonyl source": {"carbonyl source": 1},
    "dichlorosilane": {"silyl chloride": 2},
}
"""Kinds of monomers by their groups; others that tell kinds apart are excluded, but for inert aryl halides."""
_INERT = frozenset(name for name, group in GROUPS.items() if group.role == "halide" or not group.tells)


class Monomer(NamedTuple):
    """Molecule of the pool.

    smiles : canonical, without stereochemistry
    groups : counts of its functional groups, without zeros
    """

    smiles: str
    name: str
    cas: str
    groups: dict[str, int]


def monomers() -> list[Monomer]:
    """List every molecule with a functional group.

    There is one per canonical SMILES, in the order of `chemicals`.
    """
    data = table().to_pydict()
    groups = {name: data.pop(name) for name in GROUPS}
    return [
        Monomer(smiles, name, cas, {group: counts[row] for group, counts in groups.items() if counts[row]})
        for row, (smiles, name, cas) in enumerate(zip(data["smiles"], data["name"], data["cas"], strict=True))
    ]


def pool(kind: str) -> list[Monomer]:
    """List the monomers of a kind.

    Molecules with other reactive groups are left out.

    Raises
    ------
    UserError : unknown kind.
    """
    if kind not in POOLS:
        raise UserError(f"unknown kind of monomer '{kind}'; known: {', '.join(POOLS)}")
    return [
        monomer
        for monomer in monomers()
        if {group: count for group, count in monomer.groups.items() if group not in _INERT} == POOLS[kind]
    ]


@cache
def table() -> pa.Table:
    """Return the pool as a table.

    Columns are smiles, name, cas and one of counts per group.

    The metadata count the molecules that were left out, by reason.
    """
    from kakehashi.catalogs.files import parquet

    folder = cache_folder_or_none("monomers")
    if folder is None:
        return _build()
    path = folder / f"{_recipe()}.parquet"
    check_own(path)
    with suppress(OSError, UserError):  # absent or unreadable: build it again
        return parquet.read(path.read_bytes(), str(path))
    built = _build()
    with suppress(OSError):
        make_folder(folder, PRIVATE)
    with suppress(OSError), DurableFile(path, PRIVATE_FILE) as file:
        writer = parquet.TableWriter(file, built.schema)
        writer.write(built)
        writer.close()
        file.commit()
    return built


def left_out() -> dict[str, int]:
    """Count the molecules left out of the pool, by reason."""
    metadata = table().schema.metadata or {}
    counts = {key.decode(): int(value) for key, value in metadata.items() if key.startswith(b"left out: ")}
    return {key.removeprefix("left out: "): count for key, count in counts.items()}


def _build() -> pa.Table:
    from rdkit import Chem, rdBase

    rows: dict[str, tuple[str, str, list[int]]] = {}
    reasons: Counter[str] = Counter()
    patterns = [Chem.MolFromSmarts(group.smarts) for group in GROUPS.values()]
    nitro = Chem.MolFromSmarts("[NX3+](=O)[O-]")
    with rdBase.BlockLogs():
        for name in _IDENTIFIERS:
            with package_file("chemicals", name).open(encoding="utf-8") as stream:
                for line in stream:
                    fields = line.rstrip("\n").split("\t")
                    mol, reason = _molecule(fields[4], float(fields[3]), nitro)
                    if reason:
                        reasons[reason] += 1
                        continue
                    counts = [len(mol.GetSubstructMatches(pattern, maxMatches=100)) for pattern in patterns]
                    smiles = Chem.MolToSmiles(mol) if any(counts) else ""
                    if not smiles:
                        reasons["no functional group"] += 1
                    elif smiles in rows:
                        reasons["stereoisomer or second entry of a molecule in the pool"] += 1
                    else:
                        rows[smiles] = (fields[8] if len(fields) > 8 and fields[8] else fields[7], fields[1], counts)
    columns: dict[str, Any] = {
        "smiles": pa.array(list(rows), pa.string()),
        "name": pa.array([row[0] for row in rows.values()], pa.string()),
        "cas": pa.array([row[1] for row in rows.values()], pa.string()),
    }
    counted = np.array([row[2] for row in rows.values()], dtype=np.int16).reshape(len(rows), len(GROUPS))
    columns |= {group: pa.array(counted[:, place]) for place, group in enumerate(GROUPS)}
    return pa.table(columns).replace_schema_metadata({f"left out: {reason}": str(n) for reason, n in reasons.items()})


def _molecule(smiles: str, mass: float, nitro: Any) -> tuple[Any, str]:
    """Read a molecule.

    Returns it and "", or None and the reason why it is no building block.
    """
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula, _CalcMolWt

    if "." in smiles:
        return None, "several fragments"
    try:
        mol = read(smiles, 0)
    except ValueError as error:
        return None, "isotope" if "isotope" in str(error) else "charged, unpaired electrons or not readable"
    if not 2 <= mol.GetNumHeavyAtoms() <= MAX_HEAVY_ATOMS:
        return None, f"more than {MAX_HEAVY_ATOMS} heavy atoms, or one"
    if any(atom.GetSymbol() not in ELEMENTS for atom in mol.GetAtoms()):
        return None, "other elements"
    charged = sum(atom.GetFormalCharge() != 0 for atom in mol.GetAtoms())
    if charged and charged != 2 * len(mol.GetSubstructMatches(nitro)):
        return None, "charges other than of nitro groups"
    if "C" not in CalcMolFormula(mol).replace("Cl", ""):
        return None, "no carbon"
    if abs(_CalcMolWt(mol) / mass - 1) > _MASS_TOLERANCE:
        return None, "structure contradicted by the molar mass"
    return mol, ""


def _recipe() -> str:
    """Hash the packages and code that build the table.

    The hash names its cached file.
    """
    readers = (
        "molecules.monomer_groups",
        "molecules.polymers",
        "molecules.text",
        "molecules.lazy_rdkit",
        "files.plain_text",
    )
    code = code_digest(__name__, *(f"kakehashi.catalogs.{name}" for name in readers))
    return hashlib.sha256("|".join([version("chemicals"), version("rdkit"), code]).encode()).hexdigest()[:16]
