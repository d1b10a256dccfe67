"""Sources: networks pre-trained on properties, and their data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions, PropertyTable, UserError
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.descriptors.element_roots import N_ELEMENTS
from kakehashi.screen.descriptors.materials import kind_of
from kakehashi.screen.descriptors.scaling import Scaling, fit_scaling, standardise
from kakehashi.screen.networks.evidence import Evidence, collect
from kakehashi.screen.networks.features import unit_scales
from kakehashi.screen.networks.pretrain import Schedule, pretrain, split
from kakehashi.screen.networks.pyramid import Network, activations
from kakehashi.screen.networks.tables import Joined, draw, join, take

# A larger source is sub-sampled: beyond this the networks' frozen features change little, their cost a lot.
MAX_ROWS = 10_000
# Rows on which unit scales are measured.
SCALE_ROWS = 2_000
# Number of inputs drawn per network from wider descriptors (fingerprints), as in Wu et al. (2019).
DRAWN_INPUTS = (400, 600)
MIN_ROWS = 50


Trunk = Literal["separate", "shared", "both"]


class Settings(NamedTuple):
    """Settings of the pre-training of a source.

    networks : number; seed : of all draws
    """

    networks: int = 100
    seed: int = 0
    convention: str = "reduced"
    schedule: Schedule = Schedule()


class Task(NamedTuple):
    """One property that networks are trained on.

    rows, excluded, used : rows in its table, target formulas removed from it, rows trained on
    centre, scale : mean and standard deviation of the fitted values (of their ln if `log`)
    """

    name: str
    quantity: str
    unit: str
    log: bool
    citation: str
    licence: str
    sha256: str
    rows: int
    excluded: int
    used: int
    centre: float
    scale: float


class Source(NamedTuple):
    """Networks pre-trained on one property, or on several.

    Several properties share all hidden layers.

    tasks : the properties, one output of the networks each
    networks : `Network`s on descriptors, or `graph.network.CrystalNetwork`s
    keys : reduced formulas the networks saw
    elements : (94,) bool, elements among them
    unit_scales : per network and hidden layer, the spread of every unit, for "pre" features
    evidence : what the networks did on rows they were not fitted to; None for networks from elsewhere
    checkpoint : None where none was asked for
    """

    name: str
    tasks: tuple[Task, ...]
    keys: frozenset[str]
    elements: NDArray[np.bool_]
    scaling: Scaling
    networks: tuple[Any, ...]
    unit_scales: tuple[tuple[NDArray[np.float32], ...], ...]
    notes: tuple[str, ...] = ()
    evidence: Evidence | None = None
    checkpoint: Checkpoint | None = None

    def __repr__(self) -> str:
        r2 = [f"{value:.2f}" for value in self.validation_r2 if np.isfinite(value)]
        accuracy = f", validation R² {', '.join(r2)}" if r2 else ""
        return f"Source {self.name}: {len(self.networks):,} networks, {len(self.keys):,} materials{accuracy}"

    @property
    def validation_r2(self) -> tuple[float, ...]:
        """Median validation R² over networks, per task.

        On the rows each one's early stopping watched.
        """
        every = np.array([network.validation_r2 for network in self.networks])
        known = [column[np.isfinite(column)] for column in every.T]
        return tuple(float(np.median(r2)) if len(r2) else float("nan") for r2 in known)


class Library(NamedTuple):
    """Pre-trained networks of sources, and their descriptors."""

    sources: tuple[Source, ...]
    convention: str
    seed: int

    def __repr__(self) -> str:
        first = [repr(source) for source in self.sources[:6]]
        more = [f"and {len(self.sources) - 6} more"] if self.sources[6:] else []
        return "\n  ".join(
            [f"Library of {len(self.sources)} sources ({self.convention}, seed {self.seed})", *first, *more]
        )

    @property
    def trunk(self) -> Trunk:
        """Sharing of hidden layers: separate, shared or both."""
        shared = {len(source.tasks) > 1 for source in self.sources}
        return "both" if len(shared) == 2 else "shared" if True in shared else "separate"


class Rows(NamedTuple):
    """Training rows, the tasks behind its columns, and notes."""

    joined: Joined
    tasks: tuple[Task, ...]
    notes: tuple[str, ...]


class Prepared(NamedTuple):
    """Training rows, standardised.

    x : (n, width) standardised descriptors; y : (n, k) standardised values, NaN where unknown
    eligible : (width,) which descriptors networks may see; None for all
    """

    rows: Rows
    scaling: Scaling
    x: NDArray[np.float32]
    y: NDArray[np.float64]
    eligible: NDArray[np.bool_] | None = None


class Trained(NamedTuple):
    """Networks with scalings and evidence, the cached part of a `Source`."""

    scaling: Scaling
    networks: tuple[Network, ...]
    unit_scales: tuple[tuple[NDArray[np.float32], ...], ...]
    evidence: Evidence | None = None


def exclude_keys(table: PropertyTable, keys: Collection[str]) -> NDArray[np.int64]:
    """Rows whose key is not among `keys`."""
    banned = frozenset(keys)
    return np.flatnonzero([key not in banned for key in table.keys])


def tell_apart(tables: Sequence[PropertyTable], labels: Sequence[str], *, taken: str = "") -> list[PropertyTable]:
    """Rename tables that share a name to their labels.

    taken : a name that none may have
    """
    names = [taken, *(table.name for table in tables)]
    return [
        replace(table, name=label) if names.count(table.name) > 1 else table
        for table, label in zip(tables, labels, strict=True)
    ]


def elements_in(compositions: Compositions) -> NDArray[np.bool_]:
    """(94,) which elements occur."""
    present = np.zeros(N_ELEMENTS, bool)
    present[compositions.elements[compositions.elements >= 0]] = True
    return present


def source_name(tables: Sequence[PropertyTable]) -> str:
    """Name of a property, or of a shared trunk."""
    names = [table.name for table in tables]
    return names[0] if len(names) == 1 else f"shared trunk: {' + '.join(names)}"


def pretrain_source(
    tables: Sequence[PropertyTable],
    settings: Settings,
    *,
    exclude: Collection[str] = (),
    rows: Rows | None = None,
    progress: Callable[[int], None] | None = None,
) -> Source:
    """Pre-train random pyramids on one table, or on several.

    Several share all hidden layers, with one output each.

    Parameters
    ----------
    exclude : reduced formulas removed before training, so that the target's own compounds are never seen.
    rows : `training_rows` of these tables, where they are known already.

    Raises
    ------
    UserError : fewer than `MIN_ROWS` rows of a table remain, or their values do not vary.
    """
    rows = training_rows(tables, exclude, settings.seed) if rows is None else rows
    ready = prepare_rows(rows, settings)
    fitted = pretrain(
        settings.seed,
        ready.x,
        ready.y,
        ~np.isnan(ready.y),
        networks=settings.networks,
        schedule=settings.schedule,
        drawn_inputs=DRAWN_INPUTS if ready.x.shape[1] > DRAWN_INPUTS[1] else None,
        eligible=ready.eligible,
        progress=progress,
    )
    return described(source_name(tables), rows, judged(ready, settings, fitted))


def prepare(tables: Sequence[PropertyTable], settings: Settings, *, exclude: Collection[str] = ()) -> Prepared:
    """Training rows of tables, standardised; UserError as `pretrain_source`."""
    return prepare_rows(training_rows(tables, exclude, settings.seed), settings)


def prepare_rows(rows: Rows, settings: Settings) -> Prepared:
    """Descriptors and values of training rows, standardised."""
    kind = kind_of(rows.joined.inputs)
    raw = kind.describe(rows.joined.inputs, settings.convention)
    scaling = fit_scaling(raw)
    y = (rows.joined.y - [task.centre for task in rows.tasks]) / [task.scale for task in rows.tasks]
    return Prepared(rows, scaling, standardise(scaling, raw), y, kind.eligible(settings.convention, raw))


def judged(ready: Prepared, settings: Settings, networks: Sequence[Network]) -> Trained:
    """Measure trained networks: unit scales and held-out errors."""
    x = ready.x
    sample = x[:SCALE_ROWS] if len(x) <= SCALE_ROWS else x[np.linspace(0, len(x) - 1, SCALE_ROWS).astype(int)]
    scales = tuple(unit_scales(activations(network.hidden, sample)[0]) for network in networks)
    held = [split(settings.seed, i, len(x), settings.schedule)[1] for i in range(len(networks))]
    spreads = [task.scale for task in ready.rows.tasks]
    evidence = collect(networks, held, x, ready.y, spreads, ready.rows.joined.inputs)
    return Trained(ready.scaling, tuple(networks), scales, evidence)


def training_rows(tables: Sequence[PropertyTable], exclude: Collection[str], seed: int) -> Rows:
    """Rows without excluded formulas, at most `MAX_ROWS`.

    UserError if nothing can be learned.
    """
    chosen = [exclude_keys(table, exclude) for table in tables]
    for table, rows in zip(tables, chosen, strict=True):
        if len(rows) < MIN_ROWS:
            raise UserError(
                f"source {table.name}: expected at least {MIN_ROWS} compositions to pre-train on, got {len(rows)}"
                f" after removing {len(table) - len(rows)} that are in the target"
            )
    joined = join(tables, chosen)
    notes = [note for table in tables for note in table.notes]
    total = len(joined.keys)
    if total > MAX_ROWS:
        rng = np.random.default_rng([seed, total])
        if len(tables) == 1:
            joined = take(joined, np.sort(rng.choice(total, MAX_ROWS, replace=False)))
        else:
            joined = take(joined, draw(~np.isnan(joined.y), MAX_ROWS, rng))
        notes.append(f"{MAX_ROWS:,} of {total:,} rows drawn at random for pre-training")
    tasks = tuple(described_task(*each) for each in zip(tables, chosen, joined.y.T, strict=True))
    return Rows(joined, tasks, tuple(notes))


def described_task(table: PropertyTable, rows: NDArray[np.int64], column: NDArray[np.float64]) -> Task:
    """Describe a task by its fitted values (n,).

    UserError if they do not vary.
    """
    known = column[~np.isnan(column)]
    # Not by the scale: fifty times 0.1 has a standard deviation of 1e-17.
    if not np.ptp(known) > 0:
        raise UserError(f"source {table.name}: all {len(known)} values are equal; nothing can be learned from it")
    excluded = len(table) - len(rows)
    return Task(
        table.name, table.quantity, table.unit, table.log, table.source, table.licence, table.sha256,
        table.rows, excluded, len(known), float(known.mean()), float(known.std()),
    )  # fmt: skip


def described(name: str, rows: Rows, trained: Trained, checkpoint: Checkpoint | None = None) -> Source:
    """Describe trained networks as a source."""
    return Source(
        name=name,
        tasks=rows.tasks,
        keys=frozenset(rows.joined.keys),
        elements=elements_in(rows.joined.compositions),
        scaling=trained.scaling,
        networks=trained.networks,
        unit_scales=trained.unit_scales,
        notes=rows.notes,
        evidence=trained.evidence,
        checkpoint=checkpoint,
    )


def summary(source: Source) -> dict[str, Any]:
    """Training data of a source, as JSON values.

    Several tasks are joined or added up.
    """
    tasks = source.tasks

    def joined(texts: Iterable[str], between: str) -> str:
        return between.join(dict.fromkeys(text for text in texts if text))

    return {
        "quantity": " + ".join(task.quantity for task in tasks),
        "unit": joined((task.unit for task in tasks), ", "),
        "log": tasks[0].log if len(tasks) == 1 else None,
        "rows": sum(task.rows for task in tasks),
        "excluded": sum(task.excluded for task in tasks),
        "used": len(source.keys),
        "source": joined((task.citation for task in tasks), "; "),
        "licence": joined((task.licence for task in tasks), "; "),
    }
