"""Rows of one name that say different things about stereochemistry, which names and descriptors leave out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable

from kakehashi.catalogs.molecules.lazy_rdkit import rdkit
from kakehashi.catalogs.molecules.text import normalised

_MARK = re.compile(r"[@/\\]")


def told_apart(rows: Iterable[tuple[Hashable, str]], attachments: tuple[int, ...]) -> int:
    """Count the groups whose texts, written alike, differ in their stereochemistry.

    rows : the group of each row, and its SMILES, all of which `polymers.read` takes. Units in different frames are
    not compared.
    """
    texts: defaultdict[Hashable, set[str]] = defaultdict(set)
    for group, text in rows:
        texts[group].add(normalised(text, attachments))
    with rdkit().BlockLogs():
        return sum(_differ(found) for found in texts.values() if len(found) > 1 and any(map(_MARK.search, found)))


def _differ(texts: set[str]) -> bool:
    Chem = rdkit().Chem
    isomers: defaultdict[str, set[str]] = defaultdict(set)
    for text in texts:
        mol = Chem.MolFromSmiles(text)
        if mol is not None:
            isomers[Chem.MolToSmiles(mol, isomericSmiles=False)].add(Chem.MolToSmiles(mol))
    return any(len(found) > 1 for found in isomers.values())
