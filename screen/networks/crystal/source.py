"""Crystal graph networks as a source of transfer.

They take the place of the pyramids on descriptors: heads see the pooled crystal and the hidden layer before its
activation, so that cross-validation, stack and verdict are those of any other source.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import feature_table
from kakehashi.catalogs.records import Crystals, PropertyTable, Rejected, UserError
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.descriptors.neighbours import connect
from kakehashi.screen.descriptors.scaling import fit_scaling
from kakehashi.screen.networks.aliases import marked
from kakehashi.screen.networks.crystal.evidence import collect
from kakehashi.screen.networks.crystal.features import graphs_of, look
from kakehashi.screen.networks.crystal.kept import load_or_train
from kakehashi.screen.networks.crystal.network import Shape
from kakehashi.screen.networks.crystal.train import SCHEDULE, SHAPE, Schedule, train, watched_rows
from kakehashi.screen.networks.features import unit_scales
from kakehashi.screen.networks.source import (
    MAX_ROWS,
    MIN_ROWS,
    Library,
    Settings,
    Source,
    described_task,
    elements_in,
    exclude_keys,
)
from kakehashi.screen.progress import Stage, no_stage

FloatArray = NDArray[np.float64]


def connected(table: PropertyTable) -> PropertyTable:
    """Reject structures that have no crystal graph.

    They join the table's rejected rows, with the reason.
    """
    if table.crystals is None:
        raise ValueError(f"{table.name} has no structures")
    reasons = connect(table.crystals).reasons
    if not any(reasons):
        return table
    good = np.flatnonzero(reasons == "")
    bad = [Rejected(table.name, 0, table.ids[i], table.materials[i], str(reasons[i])) for i in np.flatnonzero(reasons)]
    return rows_of(replace(table, rejected=(*table.rejected, *bad)), good)


def rows_of(table: PropertyTable, rows: NDArray[np.int64]) -> PropertyTable:
    """Some rows of a table of structures."""
    if table.crystals is None:
        raise ValueError(f"{table.name} has no structures")
    return replace(
        table,
        ids=tuple(table.ids[i] for i in rows),
        materials=tuple(table.materials[i] for i in rows),
        keys=tuple(table.keys[i] for i in rows),
        compositions=table.compositions.take(rows),
        crystals=table.crystals.take(rows),
        values=table.values[rows],
        folds=None if table.folds is None else table.folds[rows],
    )


def pretrain_crystals(
    table: PropertyTable,
    settings: Settings,
    *,
    exclude: Collection[str] = (),
    shape: Shape = SHAPE,
    schedule: Schedule = SCHEDULE,
    cache: bool = True,
    stage: Stage = no_stage,
) -> Source:
    """Train crystal graph networks on one property, or reuse cached ones.

    Parameters
    ----------
    exclude : reduced formulas removed before training, with all their structures.
    cache, stage : as in `networks.kept.load_or_pretrain`.

    Raises
    ------
    UserError : fewer than `MIN_ROWS` structures remain, or their values do not vary.
    """
    usable = connected(table)
    rows = exclude_keys(usable, exclude)
    if len(rows) < MIN_ROWS:
        raise UserError(
            f"source {table.name}: expected at least {MIN_ROWS} structures to train on, got {len(rows)} after removing"
            f" {len(usable) - len(rows)} of formulas that are in the target"
        )
    task = described_task(usable, rows, usable.y[rows])
    notes = usable.notes
    if len(rows) > MAX_ROWS:
        rows = np.sort(np.random.default_rng([settings.seed, len(rows)]).choice(rows, MAX_ROWS, replace=False))
        notes = (*notes, f"{MAX_ROWS:,} of {task.used:,} rows drawn at random for training")
    usable = rows_of(usable, rows)
    y = (usable.y - task.centre) / task.scale
    crystals: Crystals = usable.inputs  # type: ignore[assignment]  # rows_of has checked that they are structures
    graphs = graphs_of(crystals)

    description: dict[str, Any] = {
        "name": table.name, "tasks": (task,), "keys": frozenset(usable.keys),
        "elements": elements_in(usable.compositions), "notes": notes,
    }  # fmt: skip

    def fit(advance: Callable[[int], None]) -> Source:
        networks = train(
            settings.seed, graphs, y, usable.keys,
            networks=settings.networks, shape=shape, schedule=schedule, progress=advance,
        )  # fmt: skip
        features = look(networks, graphs)
        watched = [watched_rows(settings.seed, i, usable.keys, schedule) for i in range(settings.networks)]
        return Source(
            **description,
            scaling=fit_scaling(describe(usable.inputs, settings.convention)),
            networks=tuple(networks),
            unit_scales=tuple(unit_scales(layers) for layers in features.layers),
            evidence=collect(networks, watched, features.predictions, y, task.scale, crystals),
        )

    facts = {
        "graphs": graphs, "y": y, "keys": usable.keys,
        "settings": (settings.networks, settings.seed, settings.convention), "shape": shape, "schedule": schedule,
        "scale": task.scale, "features": feature_table(),
    }  # fmt: skip
    source = load_or_train(
        fit, facts, settings, schedule, name=f"train crystal graphs on {table.name}", cache=cache, stage=stage
    )
    # Name and origin of the values decide nothing in the networks.
    return source._replace(**description)


def crystal_library(
    tables: Sequence[PropertyTable],
    settings: Settings,
    *,
    target: PropertyTable | None = None,
    shape: Shape = SHAPE,
    schedule: Schedule = SCHEDULE,
    cache: bool = True,
    stage: Stage = no_stage,
) -> Library:
    """Train crystal graph networks on every table.

    All structures of the target's formulas are left out.
    """
    exclude = target.keys if target is not None else ()
    sources = []
    for table in tables:
        source = pretrain_crystals(
            table, settings, exclude=exclude, shape=shape, schedule=schedule, cache=cache, stage=stage
        )
        sources.append(source if target is None else marked(source, (table,), target))
    return Library(tuple(sources), settings.convention, settings.seed)
