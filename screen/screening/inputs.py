"""Inputs of a screening: target, sources, catalogue, order and structures."""

from __future__ import annotations

from typing import NamedTuple

from kakehashi.catalogs.candidates.candidates import Catalog
from kakehashi.catalogs.crystals.structures import Pieces
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.ranking.rank import Order


class ScreenInputs(NamedTuple):
    """Inputs of a screening, checked before anything is computed.

    unread : notes on files in the folder of `--structures` that are not read
    """

    target: PropertyTable
    sources: tuple[PropertyTable, ...]
    catalog: Catalog
    order: Order
    structures: Pieces | None = None
    unread: tuple[str, ...] = ()
