"""The proposal on the registered molecules that come with the package."""

from collections import Counter

import numpy as np
import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules.monomers import monomers
from kakehashi.catalogs.molecules.polymers import attempt
from kakehashi.design.chemistry.blocks import Molecule, read_block
from kakehashi.design.chemistry.fragments import SUBSTITUENTS
from kakehashi.design.chemistry.polymerisations import PROPOSED
from kakehashi.design.chemistry.reactive_groups import REACTIVE
from kakehashi.design.chemistry.smarts import pattern
from kakehashi.design.chemistry.stability import reactive, suspect, unstable
from kakehashi.design.proposals.reactions.reactions import Reactions

pytestmark = pytest.mark.slow
COUNTED = (
    "diamine", "diacid", "diacyl chloride", "diol", "bisphenol", "diisocyanate", "activated difluoride",
    "activated dichloride", "amino acid", "hydroxy acid", "dianhydride", "lactam", "lactone", "epoxide", "acrylic",
    "styrenic", "vinyl",
)  # fmt: skip


@pytest.fixture(scope="module")
def embedded() -> Reactions:
    return Reactions.embedded()


def test_every_group_and_a_space_far_larger_than_the_pool(embedded: Reactions) -> None:
    missing = {"bis(aminothiol)", "aminothiol acid"}  # no such molecule is registered
    assert {block.group for block in embedded.blocks} == {slot for rule in PROPOSED for slot in rule.slots} - missing
    assert all(missing.intersection(rule.slots) for rule in embedded.unavailable)
    assert embedded.space.size() > 1e20


def test_draws_and_moves_are_repeat_units_of_sound_monomers(embedded: Reactions) -> None:
    rng = np.random.default_rng(0)
    states = embedded.draw(rng, 3000)
    for _ in range(3):
        states, _ = embedded.move(rng, states)
    units = embedded.smiles(states)
    assert units.count("") < 0.1 * len(units)  # banned
    reasons = Counter(attempt(unit, 2)[2] for unit in units if unit)
    assert reasons[""] >= 0.999 * reasons.total(), reasons
    assert np.isfinite(embedded.log_prior(states)).all()
    for reaction, made in zip(states.reaction[:1000], embedded.provenance(states)[:1000], strict=True):
        slots = embedded.polymerisations[reaction].slots
        for smiles, group in zip(made.monomers, slots, strict=False):
            assert read_block(Molecule(smiles), group) is not None


def test_substituents_are_those_of_the_blocks(embedded: Reactions) -> None:
    """The table in `fragments` is this count, of the molecules of the commonest polymerisations."""
    counts: Counter[str] = Counter()
    for smiles in {block.molecule.smiles for block in embedded.blocks if block.group in COUNTED}:
        counts.update(arms(smiles))
    unwanted = ["[!#6;!#1;!H0]", "[#6;!a]=[#6;!a]", "C=O"]
    fine = {
        text: count
        for text, count in counts.items()
        if count >= 10
        and not any(Chem.MolFromSmiles(text).HasSubstructMatch(pattern(s)) for s in [*REACTIVE.values(), *unwanted])
    }
    assert fine == {Chem.CanonSmiles(f"*{text}"): count for text, count in SUBSTITUENTS.items()}


def arms(smiles: str) -> set[str]:
    """Fragments of up to ten atoms on aromatic carbons."""
    mol = Chem.MolFromSmiles(smiles)
    found = set()
    for atom, first in mol.GetSubstructMatches(pattern("[c;R]-;!@[!#1]")):
        bond = mol.GetBondBetweenAtoms(atom, first).GetIdx()
        cut = Chem.FragmentOnBonds(mol, [bond], dummyLabels=[(0, 0)])
        pieces = zip(Chem.GetMolFrags(cut, asMols=True, sanitizeFrags=False), Chem.GetMolFrags(cut), strict=True)
        found |= {Chem.MolToSmiles(piece) for piece, atoms in pieces if first in atoms and piece.GetNumAtoms() <= 11}
    return found


def test_molecules_that_are_not_suspect_are_sound() -> None:
    mols = [Chem.MolFromSmiles(found.smiles) for found in monomers()[::10]]
    bad = [mol for mol in mols if unstable(mol) or reactive(mol)]
    assert len(bad) > 500
    assert all(map(suspect, bad))
