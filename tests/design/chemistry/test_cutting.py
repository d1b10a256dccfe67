"""Molecules cut at their reactive groups: cores, ports, and what is refused."""

from __future__ import annotations

import pytest
from rdkit import Chem

from kakehashi.design.chemistry.cutting import Site, competing, cut, sites
from kakehashi.design.chemistry.ends import ENDS


@pytest.mark.parametrize(
    ("smiles", "group", "core", "ports"),
    [
        ("NCCN", "diamine", "[1*]CC[2*]", (1, 2)),
        ("NCC(=O)O", "amino acid", "[1*]C[2*]", (1, 1)),
        ("O=C(O)C(=O)O", "diacid", "[1*][2*]", (-1, -1)),  # the ends are bonded to each other: no core
        ("O=C(c1ccc(F)cc1)c1ccc(F)cc1", "activated difluoride", "O=C(c1ccc([1*])cc1)c1ccc([2*])cc1", (-1, -1)),
        ("CC1CO1", "epoxide", "[1*]CC(C)O[2*]", (-1, -1)),
        ("C1CO1", "epoxide", "[1*]CCO[2*]", (-1, -1)),
        ("C=C(C)C(=O)OC", "acrylic", "[1*]CC([2*])(C)C(=O)OC", (-1, -1)),
        ("O=C1CCCCCN1", "lactam", "[1*]NCCCCCC([2*])=O", (-1, -1)),
        ("O=C1OC(=O)C2CC1C2", "dianhydride", None, ()),  # one anhydride only
        ("Fc1ccc(F)cc1", "activated difluoride", None, ()),  # nothing activates them
        ("NCC(O)O", "diol", None, ()),  # a hydrate
        ("C=CC=C", "vinyl", None, ()),
    ],
)
def test_cores(smiles: str, group: str, core: str | None, ports: tuple[int, ...]) -> None:
    block = cut(Chem.MolFromSmiles(smiles), group)
    if core is None:
        assert block is None
    else:
        assert block is not None
        assert Chem.MolToSmiles(block.core) == Chem.CanonSmiles(core)
        assert block.port_atoms == ports


def test_sites_are_in_order_and_counted_once_per_set_of_atoms() -> None:
    aniline = Chem.MolFromSmiles("NCc1ccc(N)cc1")
    assert sites(aniline, ENDS["amine"].counted) == [Site(1, 0, ()), Site(5, 6, ())]
    assert [site.head for site in sites(Chem.MolFromSmiles("C=C"), ("terminal alkene",))] == [0]
    assert sites(Chem.MolFromSmiles("CC1OC1"), ("epoxide",), head="[CH2]") == [Site(3, 2, (1,))]
    assert sites(aniline, ("phenol",)) == []


def test_a_second_kind_of_reactive_group_competes() -> None:
    assert competing(Chem.MolFromSmiles("NCCO"), "diamine") == ["hydroxyl"]
    assert competing(Chem.MolFromSmiles("NCCN"), "diamine") == []
