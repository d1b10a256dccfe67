"""Names of columns that are known without being told, without regard to case, blanks, underscores and hyphens."""

from __future__ import annotations

import re

MATERIALS = ("formula", "composition", "reduced_formula", "smiles")
"""Columns of formulas or SMILES in the order they are taken, where a file has one of exactly these names."""
LIKE_MATERIALS = (
    *MATERIALS, "pretty_formula", "formula_pretty", "chemical_formula", "psmiles", "polymer_smiles",
)  # fmt: skip
"""The same where none has, compared as `fold` does."""
UNITS = ("repeat_unit", "polymer")
"""Columns of repeat units where their cells are SMILES; elsewhere they may hold the names of polymers."""
MOLECULES = ("smiles", "psmiles", "polymer_smiles", "canonical_smiles", *UNITS, "monomer")
"""Columns of SMILES in files that hold nothing else: pools of monomers, corpora, fragments."""
IDS = ("id", "material_id", "mbid")


def fold(name: str) -> str:
    """A name without what does not tell names apart."""
    return re.sub(r"[\s_\-\u200b\ufeff]+", "", name).casefold()


def is_index(name: str) -> bool:
    """Whether a name is one that pandas gives to the numbers of rows."""
    return re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name) is not None


KNOWN = frozenset(map(fold, (*LIKE_MATERIALS, *UNITS)))
"""Folded names that tell a header from a row."""
KNOWN_IDS = frozenset(map(fold, IDS))
