"""Registered molecules: names and CAS numbers of any structure, by InChIKey.

The list is that of the package `chemicals`: some 70,000 substances of commerce and of handbooks.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from kakehashi.catalogs.files.package_data import package_file
from kakehashi.catalogs.molecules.lazy_rdkit import rdkit

NOT_REGISTERED = "not registered"
"""Stands in place of a CAS number for molecules that are not in the list."""
_IDENTIFIERS = tuple(
    f"chemical identifiers {name}.tsv" for name in ("pubchem small", "pubchem large", "example user db")
)
_FLAT = "UHFFFAOYSA"  # second block of an InChIKey without stereochemistry and isotopes


class Registered(NamedTuple):
    """Name and CAS number of a registered molecule.

    name : as the list has it, "" for none
    """

    name: str
    cas: str


def find_registered(smiles: str) -> Registered | None:
    """Entry of a molecule in the list; None if it has none.

    Stereochemistry is left out: the entry without it counts first, else the first isomer of the list.

    >>> find_registered("NCCCCCCN").cas
    '124-09-4'
    >>> find_registered("NCCCCCC(C#N)CCN") is None
    True
    """
    skeleton = _skeleton(smiles)
    return _index().get(skeleton) if skeleton else None


@lru_cache(maxsize=100_000)
def _skeleton(smiles: str) -> str:
    """First block of a molecule's InChIKey, with its charge; "" for no molecule."""
    tools = rdkit()
    with tools.BlockLogs():
        mol = tools.Chem.MolFromSmiles(smiles)
        key = tools.Chem.MolToInchiKey(mol) if mol is not None else ""
    first, _, rest = str(key).partition("-")
    return f"{first}{rest[-1:]}"


@cache
def _index() -> dict[str, Registered]:
    """Entries by skeleton."""
    flat: dict[str, Registered] = {}
    isomers: dict[str, Registered] = {}
    for file in _IDENTIFIERS:
        with package_file("chemicals", file).open(encoding="utf-8") as stream:
            for line in stream:
                fields = line.rstrip("\n").split("\t", 9)
                if len(fields) < 8 or fields[6].count("-") != 2:  # no key: the structure is not known
                    continue
                first, second, charge = fields[6].split("-")
                if second[:10] != _FLAT and "/i" in fields[5]:  # isotopes
                    continue
                name = fields[8] if len(fields) > 8 and fields[8] else fields[7]
                into = flat if second[:10] == _FLAT else isomers
                into.setdefault(first + charge, Registered(name, fields[1]))
    return {**isomers, **flat}
