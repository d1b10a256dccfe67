"""Descriptors of molecules and repeat units: fingerprints, keys, numbers.

A choice is written `PART+PART+...`, a part `NAME`, `NAME@FORM` or `NAME@FORM/atom`: FORM is how a repeat unit is
shown (`unit_forms`), and what grows with size is counted per unit, with `/atom` per heavy atom. Molecules without
`*` are shown as they are. The word `frequent` among the parts hides from networks the columns that are 0 in more than
90 % of the rows they are trained on.

The blocks are those of `molecular_blocks`.

Two words stand for sets (`SETS`), as the families of Liu, Yamada & Wu (2021), Table 1, name them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors.kind import ColumnGroup
from kakehashi.screen.descriptors.molecular_blocks import Block, blocks
from kakehashi.screen.descriptors.unit_forms import Form, shaped

Mol = Any
Floats = NDArray[np.float32]

DEFAULT = "ecfp4@ring/atom+rdkit@dimer/atom+backbone"
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
# Blocks that need the two ends: of the unit as it stands.
_OPEN = ("backbone",)
_FREQUENT = "frequent"
_SHARE = 0.1


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
    chosen = []
    for text in _words(descriptors):
        if text == _FREQUENT:
            continue
        match = re.fullmatch(r"(\w+)(?:@(\w+))?(/atom)?", text)
        name = match[1] if match else text
        usual = "star" if name in _OPEN else "dimer" if name in _WHOLE else "ring"
        form = (match[2] or usual) if match else ""
        if name not in blocks() or form not in get_args(Form):
            raise UserError(
                f"unknown descriptors '{text}'; expected NAME, NAME@FORM or NAME@FORM/atom, joined by +, "
                f"with names {', '.join(blocks())} and forms {', '.join(get_args(Form))}, or {', '.join(SETS)}"
            )
        if name in _WHOLE and form == "ring":
            raise UserError(f"'{text}': {name} sees whole molecules, and a closed chain is none; use @dimer")
        if name in _OPEN and (form != "star" or (match and match[3])):
            raise UserError(f"'{text}': {name} needs the unit's two ends and grows with no size; use {name}")
        if name == "maccs" and match and match[3]:
            raise UserError(f"'{text}': maccs holds no counts to divide by the atoms")
        chosen.append(Part(name, form, bool(match and match[3])))  # type: ignore[arg-type]  # checked above
    if len(set(chosen)) < len(chosen):
        raise UserError(f"descriptors '{descriptors}' name a block twice")
    if not chosen:
        raise UserError(f"descriptors '{descriptors}' name no block; expected e.g. ecfp6+fcfp6+{_FREQUENT}")
    return tuple(chosen)


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
        labels += [f"{block}:{column}" for column in blocks()[part.name].columns]
    return tuple(labels)


def groups(descriptors: str = DEFAULT) -> tuple[ColumnGroup, ...]:
    """Blocks of the columns.

    >>> groups("ecfp4@ring/atom+backbone")[0]
    ColumnGroup(name='ecfp4', width=2048, counts=True)
    """
    used = [(part.name, blocks()[part.name]) for part in parts(descriptors)]
    return tuple(ColumnGroup(name, len(block.columns), block.counts) for name, block in used)


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
    used = [blocks()[part.name] for part in chosen]
    stops = np.cumsum([len(block.columns) for block in used]).tolist()
    columns = [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]
    x = np.zeros((len(mols), stops[-1]), dtype=np.float32)
    sizes = np.ones((len(mols), len(chosen)), dtype=np.float32)
    reasons = np.full(len(mols), "", dtype=object)
    needs = {form: _needed([b for b, part in zip(used, chosen, strict=True) if part.form == form])
             for form in dict.fromkeys(part.form for part in chosen)}  # fmt: skip
    for row, mol in enumerate(mols):
        if mol is None:
            reasons[row] = "not SMILES"
            continue
        views = {form: shaped(mol, form, *needed) for form, needed in needs.items()}
        for k, (part, block) in enumerate(zip(chosen, used, strict=True)):
            shown, units = views[part.form]
            size = shown.GetNumHeavyAtoms() if part.per_atom else units
            values = block.values(shown)
            if block.counts:
                sizes[row, k] = size
            elif size != 1:
                values = np.where(block.grows, values / size, values)
            x[row, columns[k]] = values
    for k, block in enumerate(used):
        if block.counts:
            # Quotients of whole numbers below 2^24: as exact here as by way of float64.
            x[:, columns[k]] /= sizes[:, k, None]
    # Counts are finite by their nature.
    doubtful = [~np.isfinite(x[:, columns[k]]).all(axis=1) for k, block in enumerate(used) if not block.counts]
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
