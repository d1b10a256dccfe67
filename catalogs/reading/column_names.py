"""Recognised column names.

Case, blanks, underscores and hyphens do not count.
"""

from __future__ import annotations

import re

MATERIALS = ("formula", "composition", "reduced_formula", "smiles")
"""Columns of formulas or SMILES in order of preference, compared exactly."""
LIKE_MATERIALS = (
    *MATERIALS, "pretty_formula", "formula_pretty", "chemical_formula", "psmiles", "polymer_smiles",
)  # fmt: skip
"""The same for files without an exact match, compared by `fold`."""
UNITS = ("repeat_unit", "polymer")
"""Columns of repeat units if their cells are SMILES; they may hold names of polymers instead."""
MOLECULES = ("smiles", "psmiles", "polymer_smiles", "canonical_smiles", *UNITS, "monomer")
"""Columns of SMILES in files of molecules alone: pools of monomers, corpora, fragments."""
IDS = ("id", "material_id", "mbid")


def fold(name: str) -> str:
    """Fold a name to the letters that distinguish it.

    >>> fold("Reduced-Formula ")
    'reducedformula'
    """
    return re.sub(r"[\s_\-\u200b\ufeff]+", "", name).casefold()


def is_index(name: str) -> bool:
    """Test for a name that pandas gives its index."""
    return re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name) is not None


KNOWN = frozenset(map(fold, (*LIKE_MATERIALS, *UNITS)))
"""Folded names by which a header is recognised."""
KNOWN_IDS = frozenset(map(fold, IDS))
