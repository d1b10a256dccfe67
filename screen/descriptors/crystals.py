"""Crystal structures as a kind of material.

Their descriptors are those of the composition; networks see graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kakehashi.catalogs.records import Crystals
from kakehashi.screen.descriptors.compositions import COMPOSITION
from kakehashi.screen.descriptors.compositions import join as join_compositions
from kakehashi.screen.descriptors.kind import ParsedMaterials


def parse(texts: Any, attachments: Any = None) -> ParsedMaterials:
    """Read structures as text (CIF, POSCAR, JSON)."""
    from kakehashi.catalogs.crystals.tables import parse_rows

    parsed = parse_rows([{"structure": text} for text in texts])
    return ParsedMaterials(parsed.crystals, np.asarray(parsed.reasons, dtype=object))


def join(crystals: Sequence[Crystals]) -> Crystals:
    """Structures one after the other."""
    counts = np.concatenate([np.diff(each.sites) for each in crystals])
    return Crystals(
        join_compositions([each.compositions for each in crystals]),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.concatenate([each.lattices for each in crystals]),
        np.concatenate([each.elements for each in crystals]),
        np.concatenate([each.positions for each in crystals]),
    )


CRYSTAL = COMPOSITION._replace(
    name="structure", record=Crystals, written="structures", plural="structures", structural=True, slots=False,
    parse=parse, join=join,
    describe=lambda crystals, choice: COMPOSITION.describe(crystals.compositions, choice),
    normalise=lambda crystals, choice: COMPOSITION.normalise(crystals.compositions, choice),
    keys=lambda crystals, choice: COMPOSITION.keys(crystals.compositions, choice),
    label=lambda crystals: COMPOSITION.label(crystals.compositions),
)  # fmt: skip
