"""Cache of crystal graph networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kakehashi.catalogs.records import Compositions, Crystals
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.cache.keep import find, keep, machine_facts
from kakehashi.screen.cache.packing import content_hash, pack
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.networks.cards import networks_card
from kakehashi.screen.networks.crystal.network import CrystalNetwork, Shape
from kakehashi.screen.networks.crystal.train import Schedule
from kakehashi.screen.networks.evidence import Evidence
from kakehashi.screen.networks.source import Library, Settings, Source, Task
from kakehashi.screen.progress import Stage, no_stage

# Raise when the same structures and settings would give other networks, or other figures about them.
GRAPH_VERSION = 2
RECORDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (Library, Source, Task, Evidence, Compositions, Crystals, Scaling, CrystalNetwork, Shape)
}


def load_or_train(
    fit: Callable[[Callable[[int], None]], Source],
    facts: dict[str, Any],
    settings: Settings,
    schedule: Schedule,
    *,
    name: str,
    cache: bool,
    stage: Stage = no_stage,
) -> Source:
    """Train a source, or read it from the cache.

    Both are equal bit by bit on this machine.

    facts : all that decides the networks; name : of the stage of work
    """
    if not cache:
        with stage(name, settings.networks) as advance:
            return fit(advance)
    key = content_hash({"graphs": GRAPH_VERSION, **facts, **machine_facts()})
    entry, cached_library, warning = find(key, Library, RECORDS)
    if cached_library is not None:
        with stage(f"{name} (cached)", settings.networks) as advance:
            advance(settings.networks)
        (source,) = cached_library.sources
        cached: Source = source._replace(checkpoint=Checkpoint(key, True))
        return cached
    with stage(name, settings.networks) as advance:
        source = fit(advance)
    library = Library((source,), settings.convention, settings.seed)
    card = networks_card(library, {**schedule._asdict(), "seed": settings.seed}, GRAPH_VERSION)
    return source._replace(checkpoint=keep(key, pack(library), card, entry, warning))
