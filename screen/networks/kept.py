"""Cache of pre-trained networks, by content hash.

Networks read back equal those that would be trained on this machine, bit by bit. The hash covers the data as the
computation sees them, every setting, and the versions and device of what computes. Changes of this code are covered
by `PRETRAIN_VERSION`, to be raised whenever results would change. Networks that come with the package
(`catalogs.models.library.shipped`) are the exception: they are of another machine, with their weights rounded, the
same bits for everybody, and stand for those of the same data and settings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from kakehashi.catalogs.elements import feature_table
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.records import Compositions, Molecules, PropertyTable
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.cache.keep import find, keep, machine_facts, unpacked
from kakehashi.screen.cache.packing import content_hash, pack
from kakehashi.screen.descriptors.materials import kind_of
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.networks import source as libraries
from kakehashi.screen.networks.cards import networks_card
from kakehashi.screen.networks.crystal import kept as crystals
from kakehashi.screen.networks.evidence import Evidence
from kakehashi.screen.networks.pyramid import HIDDEN_LAYERS, WIDTH_RATIOS, Layer, Network
from kakehashi.screen.networks.source import (
    Library,
    Settings,
    Source,
    Task,
    Trained,
    described,
    pretrain_source,
    source_name,
    training_rows,
)
from kakehashi.screen.networks.tables import Joined
from kakehashi.screen.progress import Stage, no_stage

# Raise when the same inputs would give other networks, scalings or unit scales.
PRETRAIN_VERSION = 2
# Raise when only their last bits would differ, as those of two kinds of machine do: networks of the package stay.
ROUNDING_VERSION = 2

RECORDS: dict[str, type] = crystals.RECORDS | {
    kind.__name__: kind for kind in (Library, Source, Task, Evidence, Compositions, Molecules, Scaling, Network, Layer)
}


def stack_key(tables: Sequence[PropertyTable], settings: Settings, *, exclude: Collection[str] = ()) -> str:
    """Sha256 of all that decides the networks of a source.

    The rows count in their order, as compositions in the given convention and values as fitted; the name of the
    property and rows that are excluded do not.

    Raises
    ------
    UserError : as `pretrain_source`.
    """
    return _keys(training_rows(tables, exclude, settings.seed).joined, settings)[0]


def shipped_key(tables: Sequence[PropertyTable], settings: Settings, *, exclude: Collection[str] = ()) -> str:
    """Sha256 of the same, whatever the machine.

    The key of networks that come with the package.
    """
    return _keys(training_rows(tables, exclude, settings.seed).joined, settings)[1]


def _keys(joined: Joined, settings: Settings) -> tuple[str, str]:
    """Keys for this machine and for all machines."""
    decides = {
        "version": PRETRAIN_VERSION,
        "keys": joined.keys,
        "inputs": kind_of(joined.inputs).normalise(joined.inputs, settings.convention),
        "y": joined.y,
        **settings._asdict(),
        "hidden_layers": HIDDEN_LAYERS,
        "ratios": WIDTH_RATIOS,
        "limits": (libraries.MAX_ROWS, libraries.SCALE_ROWS, libraries.DRAWN_INPUTS),
        "features": feature_table(),
    }
    # The last bit of a logarithm differs among processors.
    anywhere = {**decides, "y": joined.y.astype(np.float32)}
    here = {**decides, **machine_facts(), "rounding": ROUNDING_VERSION}
    return content_hash(here), content_hash(anywhere)


def load_or_pretrain(
    tables: Sequence[PropertyTable],
    settings: Settings,
    *,
    exclude: Collection[str] = (),
    cache: bool = True,
    stage: Stage = no_stage,
) -> Source:
    """Pre-train a source, or read it from the cache.

    Both are equal bit by bit.

    `Source.checkpoint` says which, and warns where a kept stack is damaged or none can be kept.

    Parameters
    ----------
    cache : False neither reads nor keeps anything.
    stage : as `Progress.stage`; its name says "cached" where nothing is trained.
    """
    rows = training_rows(tables, exclude, settings.seed)

    def train(advance: Callable[[int], None]) -> Source:
        return pretrain_source(tables, settings, exclude=exclude, rows=rows, progress=advance)

    name = f"pre-train {source_name(tables)}"
    if not cache:
        with stage(name, settings.networks) as advance:
            return train(advance)
    key, anywhere = _keys(rows.joined, settings)
    entry, cached, warning = find(key, Library, RECORDS)
    origin = "cached"
    if cached is None and not warning:
        shipped, origin = shelf.shipped(anywhere), "comes with the package"
        if shipped.arrays is not None:
            cached, key = unpacked(shipped.arrays, Library, RECORDS), anywhere
    if cached is not None:
        with stage(f"{name} ({origin})", settings.networks) as advance:
            advance(settings.networks)
            (cached_source,) = cached.sources
            trained = Trained(
                cached_source.scaling, cached_source.networks, cached_source.unit_scales, cached_source.evidence
            )
            return described(source_name(tables), rows, trained, Checkpoint(key, True))
    with stage(name, settings.networks) as advance:
        source = train(advance)
    library = Library((source,), settings.convention, settings.seed)
    card = networks_card(library, {**settings.schedule._asdict(), "seed": settings.seed}, PRETRAIN_VERSION)
    return source._replace(checkpoint=keep(key, packed(library), card, entry, warning))


def networks_of(arrays: shelf.Arrays) -> Library:
    """Unpack the networks of a cache entry.

    Raises
    ------
    UNREADABLE : arrays that hold something else.
    """
    library: Library = unpacked(arrays, Library, RECORDS)
    return library


def packed(library: Library) -> shelf.Arrays:
    """Pack networks, without their cache entries."""
    bare = tuple(source._replace(checkpoint=None) for source in library.sources)
    return pack(library._replace(sources=bare))
