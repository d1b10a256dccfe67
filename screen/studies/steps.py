"""Steps the studies share: held-out materials, pre-training, transfer, predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.networks.aliases import marked
from kakehashi.screen.networks.kept import load_or_pretrain
from kakehashi.screen.networks.source import Library, Settings
from kakehashi.screen.pools import threads
from kakehashi.screen.progress import Progress
from kakehashi.screen.studies.config import StudyConfig
from kakehashi.screen.transfer.cache import load_or_transfer
from kakehashi.screen.transfer.features import Features, compute_features
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import Plan, inner_predictions
from kakehashi.screen.validation.folds import Folds

# One formula in so many is held out of every source, to judge the sources' own networks.
KEPT_APART = 10
# Rows whose frozen features are in memory at a time.
_CHUNK = 500

Rows = NDArray[np.int64]


def subset(table: PropertyTable, rows: Rows) -> PropertyTable:
    """Take some rows of a table."""
    return replace(
        table, ids=tuple(table.ids[i] for i in rows), materials=tuple(table.materials[i] for i in rows),
        keys=tuple(table.keys[i] for i in rows), compositions=table.compositions.take(rows), values=table.values[rows],
        folds=None if table.folds is None else table.folds[rows],
        molecules=table.molecules and table.molecules.take(rows),
    )  # fmt: skip


def keep_apart(keys: Sequence[str], seed: int, share: int = KEPT_APART) -> NDArray[np.bool_]:
    """Choose materials to hold out of every source, (n,) bool.

    One in `share`, by name, so the same ones in each source.
    """
    marks = [hashlib.sha256(f"{seed} {key}".encode()).digest()[:8] for key in keys]
    return np.array([int.from_bytes(mark) % share == 0 for mark in marks], dtype=bool)


def pretrain_sources(
    tables: Sequence[PropertyTable],
    settings: Settings,
    target: PropertyTable,
    config: StudyConfig,
    progress: Progress,
    also: Collection[str] = (),
) -> Library:
    """Pre-train networks of each source on its own.

    Without the target's materials, those in `also`, and the tenth that `keep_apart` holds out.
    """
    apart = {
        key for table in tables for key, out in zip(table.keys, keep_apart(table.keys, config.seed), strict=True) if out
    }
    exclude = {*target.keys, *also, *apart}
    sources = []
    for table in tables:
        source = load_or_pretrain((table,), settings, exclude=exclude, cache=not config.no_cache, stage=progress.stage)
        sources.append(marked(source, (table,), target))
    return Library(tuple(sources), settings.convention, settings.seed)


def transfer_to(
    library: Library,
    target: PropertyTable,
    config: StudyConfig,
    progress: Progress,
    what: str = "",
    outer: int = 10,
    heads: Sequence[str] = DEFAULT_HEADS,
) -> Model:
    """Transfer to a target, or load the cached model.

    what : tells its stage of progress from others
    """

    def stage(name: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        return progress.stage(f"{name}, {what}" if what else name, total)

    return load_or_transfer(
        library, target, outer=outer, seed=config.seed, heads=heads, cache=not config.no_cache, stage=stage
    )


def predict_by_source(library: Library, source: int, table: PropertyTable) -> FloatArray:
    """Predict with a source's networks, (n,) on its fitted scale."""
    alone = library._replace(sources=(library.sources[source],))
    task = alone.sources[0].tasks[0]
    inputs, n = table.inputs, len(table)
    parts = [
        compute_features(alone, inputs.take(np.arange(i, min(i + _CHUNK, n)))).predictions[:, 0]
        for i in range(0, n, _CHUNK)
    ]
    return np.asarray(np.concatenate(parts) * task.scale + task.centre, np.float64)


def predict_setup(features: Features, y: FloatArray, folds: Folds, depth: int, progress: Progress) -> FloatArray:
    """Cross-validate a random forest on every network, (networks, n).

    depth : 1 the last hidden layer, 0 all of them side by side (Liu, Yamada & Wu, 2021, transfer setups 1 and 2)
    """
    rows = np.arange(len(y))
    plans = [Plan("frozen", "forest", s, depth, (i,)) for s, own in enumerate(features.layers) for i in range(len(own))]

    def predict(plan: Plan) -> FloatArray:
        means: FloatArray = inner_predictions(plan, features, y, rows, folds)[0]
        advance(1)
        return means

    with (
        progress.stage("forests on each network", len(plans)) as advance,
        threadpool_limits(1),
        threads("forest") as pool,
    ):
        return np.stack(list(pool.map(predict, plans)))
