"""Rows of one key that differ in stereochemistry.

Keys and descriptors leave it out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable

from kakehashi.catalogs.molecules.lazy_rdkit import rdkit
from kakehashi.catalogs.molecules.text import normalised

_MARK = re.compile(r"[@/\\]")


def told_apart(rows: Iterable[tuple[Hashable, str]], attachments: tuple[int, ...]) -> int:
    """Count the groups whose texts differ in stereochemistry alone.

    Parameters
    ----------
    rows : group and SMILES of each row, which `polymers.read` must accept; units in different frames are not compared
    attachments : allowed numbers of `*`
    """
    texts: defaultdict[Hashable, set[str]] = defaultdict(set)
    for group, text in rows:
        texts[group].add(normalised(text, attachments))
    with rdkit().BlockLogs():
        return sum(_differ(group) for group in texts.values() if len(group) > 1 and any(map(_MARK.search, group)))


def _differ(texts: set[str]) -> bool:
    Chem = rdkit().Chem
    isomers: defaultdict[str, set[str]] = defaultdict(set)
    for text in texts:
        mol = Chem.MolFromSmiles(text)
        if mol is not None:
            isomers[Chem.MolToSmiles(mol, isomericSmiles=False)].add(Chem.MolToSmiles(mol))
    return any(len(variants) > 1 for variants in isomers.values())
