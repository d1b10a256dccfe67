"""Fingerprints, keys and numbers of molecules, by name.

Fingerprints: ECFP4, ECFP6 and FCFP6 (Rogers and Hahn 2010), atom pairs (Carhart et al. 1985), topological torsions
(Nilakantan et al. 1987), RDKit's paths of up to 7 bonds by bonds and elements (`paths`), also by rings (`ring_paths`),
by elements and hybridisation (`hybrid_paths`) or by connections alone (`bare_paths`), folded to FOLD counts; counts of
79 E-state atom types; MACCS keys are 166 bits and bit 0, which is always 0. `connectivity` has the sums over atoms and
bonds among RDKit's numbers (among them the surface of Labute 2000): divided by the atoms they are those of
an endless chain, and need no search for patterns. `backbone` looks at the way between the ends of a unit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

from kakehashi.screen.descriptors.backbone import NAMES, backbone_numbers
from kakehashi.screen.descriptors.unit_forms import RING_ATOMS

Mol = Any

FOLD = 2048
"""Length that hashed environments are folded to; recorded with results."""

PHYSICAL = (
    "exactmw", "amw", "lipinskiHBA", "lipinskiHBD", "NumRotatableBonds", "NumHBD", "NumHBA", "NumHeavyAtoms",
    "NumAtoms", "NumHeteroatoms", "NumAmideBonds", "FractionCSP3", "NumRings", "NumAromaticRings",
    "NumAliphaticRings", "NumSaturatedRings", "NumHeterocycles", "NumAromaticHeterocycles",
    "NumSaturatedHeterocycles", "NumAliphaticHeterocycles", "NumSpiroAtoms", "NumBridgeheadAtoms", "labuteASA",
    "tpsa", "CrippenClogP", "CrippenMR", "chi0v", "chi1v", "chi0n", "chi1n", "hallKierAlpha", "kappa1",
)  # fmt: skip
"""RDKit's numbers that are defined for every molecule; those of stereo centres and of charges are left out,
and those that count paths of two bonds and more, which cost three times as much as all others together."""

CONNECTIVITY = ("amw", "labuteASA", "tpsa", "chi0v", "chi1v", "chi0n", "chi1n", "FractionCSP3")
"""Numbers of `PHYSICAL` that are sums over atoms and bonds, and need no perception of rings or hybridisation.

`FractionCSP3` is a share already.
"""


class Block(NamedTuple):
    """Descriptors computed together.

    grows : whether its values grow with the size of the molecule, together or each
    counts : whether all of them are counts that grow
    ring_atoms, perceived : what it asks of a closed chain, as `shaped` takes them
    """

    columns: tuple[str, ...]
    values: Callable[[Mol], NDArray[Any]]
    grows: bool | NDArray[np.bool_] = True
    counts: bool = False
    ring_atoms: int = RING_ATOMS
    perceived: bool = True


@cache
def blocks() -> dict[str, Block]:
    """All blocks by name."""
    generators = {
        "ecfp4": rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=FOLD),
        "ecfp6": rdFingerprintGenerator.GetMorganGenerator(radius=3, fpSize=FOLD),
        "fcfp6": rdFingerprintGenerator.GetMorganGenerator(
            radius=3, fpSize=FOLD, atomInvariantsGenerator=rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
        ),
        "atom_pairs": rdFingerprintGenerator.GetAtomPairGenerator(fpSize=FOLD, countSimulation=False),
        "torsions": rdFingerprintGenerator.GetTopologicalTorsionGenerator(fpSize=FOLD, countSimulation=False),
    }
    folded = tuple(str(column) for column in range(FOLD))
    by_name = {
        name: Block(folded, generator.GetCountFingerprintAsNumPy, counts=True) for name, generator in generators.items()
    }
    by_name |= {
        f"{name}paths": Block(folded, partial(_paths, rdFingerprintGenerator.GetRDKitFPGenerator(**how), invariant),
                              counts=True)
        for name, (invariant, how) in _PATHS.items()
    }  # fmt: skip
    by_name["estate"] = Block(tuple(str(number) for number in range(1, 80)), _estate, counts=True)
    # Elements, neighbours, hydrogens, charges and rings are all they hash; radius 2 spans 5 atoms.
    by_name["ecfp4"] = by_name["ecfp4"]._replace(ring_atoms=6, perceived=False)
    by_name["ecfp6"] = by_name["ecfp6"]._replace(perceived=False)
    by_name["maccs"] = Block(tuple(str(bit) for bit in range(167)), _maccs, False)
    properties = rdMolDescriptors.Properties(PHYSICAL)
    numbers = (*PHYSICAL, *(f"SlogP_VSA{i}" for i in range(1, 13)), *(f"SMR_VSA{i}" for i in range(1, 11)))
    numbers = (*numbers, *(f"MQN{i}" for i in range(1, 43)))

    def physical(mol: Mol) -> NDArray[np.float64]:
        areas = [*rdMolDescriptors.SlogP_VSA_(mol), *rdMolDescriptors.SMR_VSA_(mol)]
        return np.array([*properties.ComputeProperties(mol), *areas, *rdMolDescriptors.MQNs_(mol)])

    by_name["rdkit"] = Block(numbers, physical, np.array([name != "FractionCSP3" for name in numbers]))
    sums = rdMolDescriptors.Properties(CONNECTIVITY)
    by_name["connectivity"] = Block(
        CONNECTIVITY, lambda mol: np.array(sums.ComputeProperties(mol)),
        np.array([name != "FractionCSP3" for name in CONNECTIVITY]), ring_atoms=6, perceived=False,
    )  # fmt: skip
    by_name["backbone"] = Block(NAMES, backbone_numbers, False)
    return by_name


def _maccs(mol: Mol) -> NDArray[np.uint8]:
    keys = np.zeros(167, dtype=np.uint8)
    keys[list(rdMolDescriptors.GetMACCSKeysFingerprint(mol).GetOnBits())] = 1
    return keys


# By name, the invariant of atoms in paths (None for RDKit's own), and settings of the generator.
_PATHS: dict[str, tuple[Callable[[Any], int] | None, dict[str, Any]]] = {
    "": (None, {"fpSize": FOLD}),
    "ring_": (lambda atom: 2 * atom.GetAtomicNum() + atom.IsInRing(), {"fpSize": FOLD}),
    "bare_": (lambda atom: 1, {"fpSize": FOLD, "useBondOrder": False}),
    "hybrid_": (
        lambda atom: 16 * atom.GetAtomicNum() + int(atom.GetHybridization()),
        {"fpSize": FOLD, "useBondOrder": False},
    ),
}


def _paths(generator: Any, invariant: Callable[[Any], int] | None, mol: Mol) -> NDArray[np.uint32]:
    invariants = [] if invariant is None else [invariant(atom) for atom in mol.GetAtoms()]
    counts: NDArray[np.uint32] = generator.GetCountFingerprintAsNumPy(mol, customAtomInvariants=invariants)
    return counts


def _estate(mol: Mol) -> NDArray[np.int64]:
    """Atoms of every E-state type (Hall and Kier 1995).

    In the order of RDKit's list.
    """
    types: Any = import_module("rdkit.Chem.EState.AtomTypes")
    order = {name: k for k, name in enumerate(estate_types())}
    return np.bincount([order[name] for names in types.TypeAtoms(mol) for name in names], minlength=len(order))


@cache
def estate_types() -> tuple[str, ...]:
    """Names of RDKit's E-state types, in its order."""
    types: Any = import_module("rdkit.Chem.EState.AtomTypes")
    if types.esPatterns is None:
        types.BuildPatts()
    return tuple(name for name, _ in types.esPatterns)
