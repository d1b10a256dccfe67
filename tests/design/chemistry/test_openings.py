"""Edits that open monomers, and that close residues again."""

from __future__ import annotations

import pytest
from rdkit import Chem

from kakehashi.design.chemistry.cutting import cut
from kakehashi.design.chemistry.ends import ENDS
from kakehashi.design.chemistry.groups import ALKENE, DIENE, GROUPS, OXAZOLINE, RING
from kakehashi.design.chemistry.openings import close_bonds, uncap


def tips(mol: Chem.Mol) -> tuple[list[int], list[int]]:
    stars = sorted((a for a in mol.GetAtoms() if a.GetAtomicNum() == 0), key=lambda atom: atom.GetIsotope())
    return [star.GetIdx() for star in stars], [star.GetNeighbors()[0].GetIdx() for star in stars]


@pytest.mark.parametrize(
    ("monomer", "group", "core"),
    [
        ("C=CC=C", "diene", "[1*]CC=CC[2*]"),
        ("C=CC=C", "diene to hydrogenate", "[1*]CCCC[2*]"),
        ("C#Cc1ccccc1", "acetylene", "[1*]C=C([2*])c1ccccc1"),
        ("C1CCOC1", "cyclic ether", "[1*]CCCCO[2*]"),
        ("CC1=NCCO1", "2-oxazoline", "[1*]CCN([2*])C(C)=O"),
        ("O=C1C=CC(=O)N1C", "1,2-disubstituted alkene", "[1*]C1C([2*])C(=O)N(C)C1=O"),
    ],
)
def test_what_is_opened_closes_again(monomer: str, group: str, core: str) -> None:
    block = cut(Chem.MolFromSmiles(monomer), group)
    assert block is not None
    assert Chem.MolToSmiles(block.core) == Chem.CanonSmiles(core)
    edit = Chem.RWMol(block.core)
    dummies, ends = tips(edit)
    assert close_bonds(edit, ends, GROUPS[group].bonds)
    for dummy in sorted(dummies, reverse=True):
        edit.RemoveAtom(dummy)
    Chem.SanitizeMol(edit)
    assert Chem.MolToSmiles(edit) == Chem.CanonSmiles(monomer)


@pytest.mark.parametrize(
    ("residue", "bonds"),
    [
        ("[1*]CC[2*]", RING),  # bonded already
        ("[1*]CCC[2*]", ALKENE),  # an atom between
        ("[1*]CCCC[2*]", DIENE),  # no double bond in the middle
        ("[1*]C=C[2*]", ALKENE),  # of another order
        ("[1*]CCN([2*])C", OXAZOLINE),  # no carbonyl
        ("[1*]C[2*]", RING),  # one atom
    ],
)
def test_what_does_not_close(residue: str, bonds: tuple[tuple[int, int], ...]) -> None:
    edit = Chem.RWMol(Chem.MolFromSmiles(residue))
    assert not close_bonds(edit, tips(edit)[1], bonds)


@pytest.mark.parametrize(
    ("residue", "end", "monomer"),
    [
        ("[1*]NCC", "amine", "CCN"),
        ("[1*]C(=O)CC", "acid", "CCC(=O)O"),
        ("[1*]C(=O)NCC", "isocyanate", "CCN=C=O"),
        ("[1*]C(=O)CC", "isocyanate", None),
        ("[1*]N(C)CC", "amine", None),  # a branch that the end does not have
        ("[1*]c1nnc(o1)-c1ccccc1", "ring-closing hydrazide", "NNC(=O)c1ccccc1"),
        ("[1*]N=Cc1ccccc1", "aldehyde", "O=Cc1ccccc1"),
        ("[1*]S(=O)(=O)CC", "oxidised thiol", "CCS"),
        ("[1*]c1ccccc1", "boronic acid", "OB(O)c1ccccc1"),
        ("[1*]c1nc2ccccc2[nH]1", "o-diamine", "Nc1ccccc1N"),
        ("[1*]c1nc2ccccc2o1", "o-aminophenol", "Nc1ccccc1O"),
        ("[1*]N1C(=O)c2ccccc2C1=O", "anhydride", "O=C1OC(=O)c2ccccc21"),
        ("[1*]c1ccccc1", "o-diamine", None),
    ],
)
def test_an_end_is_made_whole(residue: str, end: str, monomer: str | None) -> None:
    piece = Chem.MolFromSmiles(residue)
    edit = Chem.RWMol(piece)
    Chem.Kekulize(edit, clearAromaticFlags=True)
    gone = uncap(piece, edit, ENDS[end], False, tips(piece)[0][0])
    if monomer is None:
        assert gone is None
        return
    assert gone is not None
    for atom in sorted(set(gone), reverse=True):
        edit.RemoveAtom(atom)
    Chem.SanitizeMol(edit)
    assert Chem.MolToSmiles(edit) == Chem.CanonSmiles(monomer)
