"""Who monomers are, and that the named polymers come of their monomers."""

import csv

from rdkit import Chem

from kakehashi.catalogs.molecules.registered import find_registered
from kakehashi.catalogs.properties.polymer_names import COMMON
from kakehashi.design.chemistry.blocks import Molecule
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.naming import name_monomer


def test_a_pool_comes_before_the_list_of_registered_molecules() -> None:
    mine = {"NCCCCCCN": Molecule("NCCCCCCN", "HMDA"), "NCCC(F)CN": Molecule("NCCC(F)CN", "batch 7", "mine-1")}
    assert name_monomer("NCCCCCCN", mine) == ("HMDA", "124-09-4")
    assert name_monomer("NCCC(F)CN", mine) == ("batch 7", "mine-1")
    assert name_monomer("NCCCCCC(C#N)CCN", mine) == ("", "not registered")
    assert name_monomer("O=C(Cl)Cl", {}) == ("phosgene", "75-44-5")


def test_named_polymers_come_of_the_monomers_in_their_row() -> None:
    """A route to the repeat unit has these CAS numbers: name and structure agree by way of the monomers."""
    with COMMON.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["monomers"]]
    assert len(rows) > 150
    for row in rows:
        wanted = set(row["monomers"].split("; "))
        routes = [{_cas(text) for text in route.monomers} for route in classify(row["smiles"])]
        assert wanted in routes, (row["name"], wanted, routes)


def _cas(smiles: str) -> str:
    assert Chem.MolFromSmiles(smiles) is not None
    found = find_registered(smiles)
    return found.cas if found else ""
