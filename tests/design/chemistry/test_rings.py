"""Repeat units closed to rings: bonds found and cut in every copy, and tautomers."""

from __future__ import annotations

import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules.polymers import read
from kakehashi.design.chemistry.rings import close_unit, tautomers


@pytest.mark.parametrize(
    ("unit", "link", "pieces"),
    [
        ("*NCCC(*)=O", "[N:1]-[C:2]=O", ["[1*]NCCC([2*])=O"]),
        ("*NCCNC(=O)CC(*)=O", "[N:1]-[C:2]=O", ["[1*]NCCN[1*]", "[2*]C(=O)CC([2*])=O"]),
        # Bonded ends: the bond between units is another than the one inside.
        ("*O[Si](C)(C)*", "[Si:1]-[O:2]", ["[1*][Si]([1*])(C)C", "[2*]O[2*]"]),
        ("*CO*", "[O:1]-[C:2]", ["[1*]O[1*]", "[2*]C[2*]"]),
        ("*[Si](*)(C)C", "[Si:1]-[Si:2]", ["[1*][Si]([2*])(C)C"]),
    ],
)
def test_cut_at_every_link(unit: str, link: str, pieces: list[str]) -> None:
    ring = close_unit(read(unit))
    found = ring.links(link)
    if unit == "*[Si](*)(C)C":
        found = found[:1]  # the same bond, read from either side
    cut = sorted(Chem.MolToSmiles(piece) for piece in ring.cut(found))
    assert cut == sorted(Chem.CanonSmiles(text) for text in pieces)


def test_a_side_chain_has_no_link() -> None:
    assert close_unit(read("*CC(*)NC(C)=O")).links("[N:1]-[C:2]=O") == []


def test_tautomers_of_a_benzimidazole() -> None:
    forms = {Chem.MolToSmiles(form) for form in tautomers(read("*c1nc2cc(*)ccc2[nH]1"))}
    assert forms == {Chem.CanonSmiles(text) for text in ("*c1nc2cc(*)ccc2[nH]1", "*c1nc2ccc(*)cc2[nH]1")}
    assert len(tautomers(read("*CC*"))) == 1
