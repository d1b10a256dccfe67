"""Descriptors of molecules and repeat units: fingerprints, keys, numbers.

A choice is written `PART+PART+...`, a part `NAME`, `NAME@FORM` or `NAME@FORM/atom`: FORM is how a repeat unit is
shown (`unit_forms`), and what grows with size is counted per unit, with `/atom` per heavy atom. Molecules without
`*` are shown as they are. The word `frequent` among the parts hides from networks the columns that are 0 in more than
90 % of the rows they are trained on.

Fingerprints: ECFP4, ECFP6 and FCFP6 (Rogers and Hahn 2010), atom pairs (Carhart et al. 1985), topological torsions
(Nilakantan et al. 1987), RDKit's paths of up to 7 bonds by bonds and elements (`paths`), also by rings (`ring_paths`),
by elements and hybridisation (`hybrid_paths`) or by connections alone (`bare_paths`), folded to FOLD counts; counts of
79 E-state atom types; MACCS keys are 166 bits and bit 0, which is always 0.

Two words stand for sets (`SETS`), as the families of Liu, Yamada & Wu (2021), Table 1, name them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors.unit_forms import RING_ATOMS, Form, shaped

Mol = Any
Floats = NDArray[np.float32]

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

DEFAULT = "ecfp4@ring/atom+rdkit@dimer/atom"
"""Chosen by cross-validation (benchmarks/README.md); `ecfp4@ring/atom` alone is several times as fast."""
SETS = {
    "rdkit-5": "atom_pairs+torsions+ecfp6+fcfp6+paths",
    "rcdk-all": "paths+ring_paths+bare_paths+hybrid_paths+ecfp6+maccs+estate",
}
"""Sets of fingerprints by name.

rdkit-5 : the five of NN setup 2; counts here, bits there.
rcdk-all : a stand-in. The paper's 11,106 bits are nine fingerprints of the R package rcdk: standard, extended, graph,
hybridization and circular (1,024 bits each), maccs (166), estate (79), pubchem (881) and Klekota-Roth (4,860). The last
two have no counterpart in RDKit and are left out; the first five are RDKit's nearest, 2,048 counts each.
"""
_WHOLE = ("maccs", "rdkit", "ring_paths")
_FREQUENT = "frequent"
_SHARE = 0.1


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


class Part(NamedTuple):
    """A block in a form; per_atom : divided by heavy atoms."""

    name: str
    form: Form
    per_atom: bool


class Described(NamedTuple):
    """Descriptors (n, p), and (n,) reasons.

    Rows with a reason are 0.
    """

    x: Floats
    reasons: NDArray[np.object_]


def parts(descriptors: str) -> tuple[Part, ...]:
    """Parse a choice into its blocks.

    Raises
    ------
    UserError
        If a name or form is unknown, or a block is given twice.

    >>> parts("ecfp4@ring/atom")
    (Part(name='ecfp4', form='ring', per_atom=True),)
    """
    blocks = []
    for text in _words(descriptors):
        if text == _FREQUENT:
            continue
        match = re.fullmatch(r"(\w+)(?:@(\w+))?(/atom)?", text)
        name = match[1] if match else text
        form = (match[2] or ("dimer" if name in _WHOLE else "ring")) if match else ""
        if name not in _blocks() or form not in get_args(Form):
            raise UserError(
                f"unknown descriptors '{text}'; expected NAME, NAME@FORM or NAME@FORM/atom, joined by +, "
                f"with names {', '.join(_blocks())} and forms {', '.join(get_args(Form))}, or {', '.join(SETS)}"
            )
        if name in _WHOLE and form == "ring":
            raise UserError(f"'{text}': {name} sees whole molecules, and a closed chain is none; use @dimer")
        if name == "maccs" and match and match[3]:
            raise UserError(f"'{text}': maccs holds no counts to divide by the atoms")
        blocks.append(Part(name, form, bool(match and match[3])))  # type: ignore[arg-type]  # checked above
    if len(set(blocks)) < len(blocks):
        raise UserError(f"descriptors '{descriptors}' name a block twice")
    if not blocks:
        raise UserError(f"descriptors '{descriptors}' name no block; expected e.g. ecfp6+fcfp6+{_FREQUENT}")
    return tuple(blocks)


def _words(descriptors: str) -> list[str]:
    return [part for word in descriptors.split("+") for part in SETS.get(word.strip(), word.strip()).split("+")]


def names(descriptors: str = DEFAULT) -> tuple[str, ...]:
    """Column labels, e.g. `ecfp6@ring/atom:17`.

    >>> names("maccs")[:2]
    ('maccs@dimer:0', 'maccs@dimer:1')
    """
    labels: list[str] = []
    for part in parts(descriptors):
        block = f"{part.name}@{part.form}{'/atom' if part.per_atom else ''}"
        labels += [f"{block}:{column}" for column in _blocks()[part.name].columns]
    return tuple(labels)


def compute(smiles: Sequence[str], descriptors: str = DEFAULT) -> Floats:
    """Descriptors of SMILES, (n, p) float32.

    Raises
    ------
    ValueError
        For a SMILES that RDKit cannot read, or a descriptor that is not finite; `describe` says which rows instead.

    >>> compute(["*CC*"], "maccs").shape
    (1, 167)
    """
    described = describe(smiles, descriptors)
    for text, reason in zip(smiles, described.reasons, strict=True):
        if reason:
            raise ValueError(f"{text!r}: {reason}")
    return described.x


def describe(smiles: Sequence[str], descriptors: str = DEFAULT) -> Described:
    """Describe canonical SMILES, with reasons for bad rows."""
    with rdBase.BlockLogs():
        return describe_mols([Chem.MolFromSmiles(text) if text else None for text in smiles], descriptors)


def compute_mols(mols: Sequence[Mol], descriptors: str = DEFAULT) -> Floats:
    """Descriptors (n, p) float32 of RDKit molecules.

    Repeat units come in their ring form (`polymers.framed`).

    Raises
    ------
    ValueError
        For a descriptor that is not finite.
    """
    described = describe_mols(mols, descriptors)
    for row, reason in enumerate(described.reasons):
        if reason:
            raise ValueError(f"molecule {row}: {reason}")
    return described.x


def describe_mols(mols: Sequence[Mol | None], descriptors: str = DEFAULT) -> Described:
    """Describe sanitised molecules, with reasons for bad rows.

    None has a reason, and so has a descriptor that is not finite.
    """
    chosen = parts(descriptors)
    blocks = [_blocks()[part.name] for part in chosen]
    stops = np.cumsum([len(block.columns) for block in blocks]).tolist()
    columns = [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]
    x = np.zeros((len(mols), stops[-1]), dtype=np.float32)
    sizes = np.ones((len(mols), len(chosen)), dtype=np.float32)
    reasons = np.full(len(mols), "", dtype=object)
    needs = {form: _needed([b for b, part in zip(blocks, chosen, strict=True) if part.form == form])
             for form in dict.fromkeys(part.form for part in chosen)}  # fmt: skip
    for row, mol in enumerate(mols):
        if mol is None:
            reasons[row] = "not SMILES"
            continue
        views = {form: shaped(mol, form, *needed) for form, needed in needs.items()}
        for k, (part, block) in enumerate(zip(chosen, blocks, strict=True)):
            shown, units = views[part.form]
            size = shown.GetNumHeavyAtoms() if part.per_atom else units
            values = block.values(shown)
            if block.counts:
                sizes[row, k] = size
            elif size != 1:
                values = np.where(block.grows, values / size, values)
            x[row, columns[k]] = values
    for k, block in enumerate(blocks):
        if block.counts:
            # Quotients of whole numbers below 2^24: as exact here as by way of float64.
            x[:, columns[k]] /= sizes[:, k, None]
    # Counts are finite by their nature.
    doubtful = [~np.isfinite(x[:, columns[k]]).all(axis=1) for k, block in enumerate(blocks) if not block.counts]
    for row in np.flatnonzero(np.any(doubtful, axis=0)).tolist():
        wrong = int(np.flatnonzero(~np.isfinite(x[row]))[0])
        reasons[row] = f"descriptor {names(descriptors)[wrong]} is {x[row, wrong]}"
        x[row] = 0.0
    return Described(x, reasons)


def _needed(blocks: Sequence[Block]) -> tuple[int, bool]:
    return max(block.ring_atoms for block in blocks), any(block.perceived for block in blocks)


def frequent(descriptors: str, x: Floats) -> NDArray[np.bool_] | None:
    """Columns (p,) that networks may see, None for all.

    With the word `frequent`, those not 0 in a tenth of the rows x.

    So Wu et al. (2019) dropped the bits that are rare in over 90 % of the rows, and gave each network a random part of
    the others.

    Raises
    ------
    UserError
        If there is none.
    """
    if _FREQUENT not in _words(descriptors):
        return None
    common = np.asarray((x != 0).mean(axis=0) >= _SHARE)
    if not common.any():
        raise UserError(
            f"descriptors '{descriptors}': none differs from 0 in a tenth of {len(x)} rows; leave out frequent"
        )
    return common


@cache
def _blocks() -> dict[str, Block]:
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
    blocks = {
        name: Block(folded, generator.GetCountFingerprintAsNumPy, counts=True) for name, generator in generators.items()
    }
    blocks |= {
        f"{name}paths": Block(folded, partial(_paths, rdFingerprintGenerator.GetRDKitFPGenerator(**how), invariant),
                              counts=True)
        for name, (invariant, how) in _PATHS.items()
    }  # fmt: skip
    blocks["estate"] = Block(tuple(str(number) for number in range(1, 80)), _estate, counts=True)
    # Elements, neighbours, hydrogens, charges and rings are all they hash; radius 2 spans 5 atoms.
    blocks["ecfp4"] = blocks["ecfp4"]._replace(ring_atoms=6, perceived=False)
    blocks["ecfp6"] = blocks["ecfp6"]._replace(perceived=False)
    blocks["maccs"] = Block(tuple(str(bit) for bit in range(167)), _maccs, False)
    properties = rdMolDescriptors.Properties(PHYSICAL)
    numbers = (*PHYSICAL, *(f"SlogP_VSA{i}" for i in range(1, 13)), *(f"SMR_VSA{i}" for i in range(1, 11)))
    numbers = (*numbers, *(f"MQN{i}" for i in range(1, 43)))

    def physical(mol: Mol) -> NDArray[np.float64]:
        areas = [*rdMolDescriptors.SlogP_VSA_(mol), *rdMolDescriptors.SMR_VSA_(mol)]
        return np.array([*properties.ComputeProperties(mol), *areas, *rdMolDescriptors.MQNs_(mol)])

    blocks["rdkit"] = Block(numbers, physical, np.array([name != "FractionCSP3" for name in numbers]))
    return blocks


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
    order = {name: k for k, name in enumerate(_estate_types())}
    return np.bincount([order[name] for names in types.TypeAtoms(mol) for name in names], minlength=len(order))


@cache
def _estate_types() -> tuple[str, ...]:
    types: Any = import_module("rdkit.Chem.EState.AtomTypes")
    if types.esPatterns is None:
        types.BuildPatts()
    return tuple(name for name, _ in types.esPatterns)
