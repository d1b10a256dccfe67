"""Registered molecules by structure: well-known CAS numbers, isomers, and what is in no list."""

import pytest

from kakehashi.catalogs.molecules.registered import find_registered


@pytest.mark.parametrize(
    ("smiles", "cas"),
    [
        ("NCCCCCCN", "124-09-4"),
        ("O=C(O)CCCCC(=O)O", "124-04-9"),
        ("O=C1CCCCCN1", "105-60-2"),
        ("Nc1ccc(N)cc1", "106-50-3"),
        ("O=C(Cl)Cl", "75-44-5"),
        ("O=C1OC(=O)c2cc3c(cc21)C(=O)OC3=O", "89-32-7"),
        ("CC(C)(c1ccc(O)cc1)c1ccc(O)cc1", "80-05-7"),
    ],
)
def test_numbers_of_well_known_monomers(smiles: str, cas: str) -> None:
    found = find_registered(smiles)
    assert found is not None
    assert found.cas == cas
    assert found.name


def test_another_way_to_write_a_molecule_is_the_same() -> None:
    assert find_registered("C(N)CCCCCN") == find_registered("NCCCCCCN")


@pytest.mark.parametrize("smiles", ["NCCCCCC(C#N)CCN", "no SMILES", "", "[2H]C([2H])([2H])CCCCCCCCCCCCCC(F)CCCN"])
def test_what_is_in_no_list(smiles: str) -> None:
    assert find_registered(smiles) is None
