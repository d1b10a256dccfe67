"""Cache of transferred models, by a hash of everything that decides them.

A model read back equals the one that would be computed on this machine, bit by bit. The hash covers the data as the
computation sees them, every setting, and the versions and device of the computation. Changes of this code are covered
by `TRANSFER_VERSION`, to be raised whenever results would change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kakehashi.catalogs.elements import feature_table
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.cache.keep import find, keep, machine_facts
from kakehashi.screen.cache.packing import content_hash, pack
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.networks.kept import RECORDS as NETWORKS
from kakehashi.screen.networks.source import (
    Library,
)
from kakehashi.screen.progress import Stage, no_stage
from kakehashi.screen.transfer.cards import model_card
from kakehashi.screen.transfer.fit import Model, OutOfFold, transfer
from kakehashi.screen.transfer.leaderboard import Entry
from kakehashi.screen.transfer.plan import Fitted, Plan
from kakehashi.screen.transfer.problem import INNER_FOLDS, OUTER_FOLDS
from kakehashi.screen.transfer.stack import Stack
from kakehashi.screen.transfer.unseen import Unseen
from kakehashi.screen.transfer.verdict import Verdict
from kakehashi.screen.validation.coverage import Bin, Families, Reach
from kakehashi.screen.validation.domain import Domain
from kakehashi.screen.validation.statistics import Paired

# Raise when the same library and target would give another model: heads, grids, folds, selection, statistics.
TRANSFER_VERSION = 8

RECORDS: dict[str, type] = NETWORKS | {
    kind.__name__: kind
    for kind in (
        *(Model, Stack, Fitted, Plan, Domain),
        *(OutOfFold, Entry, Verdict, Paired, Reach, Bin, Families, Unseen),
    )
}


def model_key(
    library: Library,
    target: PropertyTable,
    *,
    outer: int,
    inner: int,
    seed: int,
    heads: Sequence[str] = DEFAULT_HEADS,
    families: bool = True,
    knowledge: Knowledge | None = None,
) -> str:
    """Hash everything that decides a transferred model (sha256).

    Raises
    ------
    TypeError : a library that holds more than named arrays, numbers and texts.
    """
    sources = tuple(source._replace(checkpoint=None, evidence=None) for source in library.sources)
    return content_hash(
        {
            "version": TRANSFER_VERSION,
            "library": library._replace(sources=sources),
            "keys": target.keys,
            "inputs": target.inputs,
            "values": target.values,
            "log": target.log,
            "folds": target.folds,
            "words": (target.name, target.quantity, target.unit),
            "settings": (outer, inner, seed),
            "heads": tuple(heads),
            **({} if families else {"families": False}),
            "knowledge": knowledge,
            "features": feature_table(),
            **machine_facts(),
        }
    )


def load_or_transfer(
    library: Library,
    target: PropertyTable,
    *,
    outer: int = OUTER_FOLDS,
    inner: int = INNER_FOLDS,
    seed: int = 0,
    heads: Sequence[str] = DEFAULT_HEADS,
    families: bool = True,
    knowledge: Knowledge | None = None,
    cache: bool = True,
    stage: Stage = no_stage,
) -> Model:
    """Load a cached model, or transfer and cache it.

    Equal bit by bit; `Model.checkpoint` says which.

    Parameters
    ----------
    families, knowledge : as in `transfer`.
    cache, stage : as in `load_or_pretrain`.
    """
    folds = min(outer, len(target)) if target.folds is None else len(np.unique(target.folds))

    def measure() -> Model:
        with stage("transfer", folds) as advance:
            return transfer(
                library, target, outer=outer, inner=inner, seed=seed, heads=heads, families=families,
                knowledge=knowledge, progress=advance,
            )  # fmt: skip

    if not cache:
        return measure()
    key = model_key(
        library, target, outer=outer, inner=inner, seed=seed, heads=heads, families=families, knowledge=knowledge
    )
    entry, cached, warning = find(key, Model, RECORDS)
    if cached is not None:
        with stage("transfer (cached)", folds) as advance:
            advance(folds)
            restored: Model = cached._replace(
                target=target, library=library, checkpoint=Checkpoint(key, True), knowledge=knowledge
            )
            return restored
    model = measure()
    # The caller has target, library and foundation: the entry leaves them out.
    bare = model._replace(target=None, library=None, knowledge=None)  # type: ignore[arg-type]
    return model._replace(checkpoint=keep(key, pack(bare), model_card(model), entry, warning))
