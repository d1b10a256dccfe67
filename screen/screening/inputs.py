"""What a screening run reads."""

from __future__ import annotations

from typing import NamedTuple

from kakehashi.catalogs.candidates.candidates import Catalog
from kakehashi.catalogs.crystals.structures import Pieces
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.ranking.rank import Order


class ScreenInputs(NamedTuple):
    """What a run reads, checked before anything is computed.

    unread : what the folder of `--structures` holds that is not read
    """

    target: PropertyTable
    sources: tuple[PropertyTable, ...]
    catalog: Catalog
    order: Order
    structures: Pieces | None = None
    unread: tuple[str, ...] = ()
