"""Libraries of pre-trained networks: one source property, many networks, and what they were trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import Compositions, Inputs, PropertyTable, UserError
from screen.descriptors.materials import describe
from screen.frozen import unit_scales
from screen.networks import Network, activations
from screen.pretrain import Schedule, pretrain
from screen.scaling import Scaling, fit_scaling, standardise

# A larger source is sub-sampled: beyond this the networks' frozen features change little, their cost a lot.
MAX_ROWS = 10_000
# Rows on which unit scales are measured.
SCALE_ROWS = 2_000
# Of wider descriptors (fingerprints) every network sees a random part; as many bits as in Wu et al. (2019).
DRAWN_INPUTS = (400, 600)
MIN_ROWS = 50
N_ELEMENTS = 94


class Settings(NamedTuple):
    """How the networks of a source are pre-trained; `networks` of them, by `seed`."""

    networks: int = 100
    seed: int = 0
    convention: str = "reduced"
    schedule: Schedule = Schedule()


class Checkpoint(NamedTuple):
    """Where a result of long work is kept: the hash of all that decides it, and whether it was read from there.

    warning : why it could not be read or kept, else ""
    """

    key: str
    reused: bool
    warning: str = ""


class Source(NamedTuple):
    """Networks pre-trained on one source property.

    rows, excluded, used : rows in the table, target formulas removed from it, rows trained on
    keys : reduced formulas the networks saw
    elements : (94,) bool, elements among them
    centre, scale : mean and standard deviation of the fitted property (of its ln if `log`)
    unit_scales : per network and hidden layer, the spread of every unit, for "pre" features
    checkpoint : None where none was asked for
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
    keys: frozenset[str]
    elements: NDArray[np.bool_]
    scaling: Scaling
    centre: float
    scale: float
    networks: tuple[Network, ...]
    unit_scales: tuple[tuple[NDArray[np.float32], ...], ...]
    notes: tuple[str, ...] = ()
    checkpoint: Checkpoint | None = None

    @property
    def validation_r2(self) -> float:
        """Median over networks of R² on the rows each one's early stopping watched."""
        return float(np.median([network.validation_r2[0] for network in self.networks]))


class Library(NamedTuple):
    """Pre-trained networks of several sources, and the conventions they share."""

    sources: tuple[Source, ...]
    convention: str
    seed: int


class Rows(NamedTuple):
    """Rows of a table that networks are trained on, how many were excluded before, and what to say about it."""

    kept: NDArray[np.int64]
    excluded: int
    notes: tuple[str, ...]


class Trained(NamedTuple):
    """What pre-training computes: the part of a `Source` that is worth keeping."""

    scaling: Scaling
    networks: tuple[Network, ...]
    unit_scales: tuple[tuple[NDArray[np.float32], ...], ...]


def exclude_keys(table: PropertyTable, keys: Collection[str]) -> NDArray[np.int64]:
    """Rows of the table whose reduced formula is not among `keys`."""
    banned = frozenset(keys)
    return np.flatnonzero([key not in banned for key in table.keys])


def tell_apart(tables: Sequence[PropertyTable], labels: Sequence[str], *, taken: str = "") -> list[PropertyTable]:
    """The tables, those that share a name (or have the one `taken`) renamed to their label."""
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


def pretrain_source(
    table: PropertyTable,
    settings: Settings,
    *,
    exclude: Collection[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Source:
    """Pre-train random pyramids on one property table.

    Parameters
    ----------
    exclude : reduced formulas removed before training, so that the target's own compounds are never seen.

    Raises
    ------
    UserError : fewer than `MIN_ROWS` rows remain, or their values do not vary.
    """
    rows = training_rows(table, exclude, settings.seed)
    inputs, y = training_data(table, rows)
    raw = describe(inputs, settings.convention)
    scaling = fit_scaling(raw)
    x = standardise(scaling, raw)
    standard = ((y - y.mean()) / y.std())[:, None]
    fitted = pretrain(
        settings.seed,
        x,
        standard,
        networks=settings.networks,
        schedule=settings.schedule,
        drawn_inputs=DRAWN_INPUTS if x.shape[1] > DRAWN_INPUTS[1] else None,
        progress=progress,
    )
    sample = x[:SCALE_ROWS] if len(x) <= SCALE_ROWS else x[np.linspace(0, len(x) - 1, SCALE_ROWS).astype(int)]
    scales = tuple(unit_scales(activations(network.hidden, sample)[0]) for network in fitted)
    return described(table, rows, Trained(scaling, tuple(fitted), scales))


def training_rows(table: PropertyTable, exclude: Collection[str], seed: int) -> Rows:
    """The rows without excluded formulas, a sub-sample of a large table; UserError if nothing can be learned."""
    kept = exclude_keys(table, exclude)
    excluded, notes = len(table) - len(kept), list(table.notes)
    if len(kept) > MAX_ROWS:
        kept = np.sort(np.random.default_rng([seed, len(kept)]).choice(kept, MAX_ROWS, replace=False))
        notes.append(f"{MAX_ROWS:,} of {len(table) - excluded:,} rows drawn at random for pre-training")
    if len(kept) < MIN_ROWS:
        raise UserError(
            f"source {table.name}: expected at least {MIN_ROWS} compositions to pre-train on, got {len(kept)}"
            f" after removing {excluded} that are in the target"
        )
    # Not by the scale: fifty times 0.1 has a standard deviation of 1e-17.
    if not np.ptp(table.y[kept]) > 0:
        raise UserError(f"source {table.name}: all {len(kept)} values are equal; nothing can be learned from it")
    return Rows(kept, excluded, tuple(notes))


def training_data(table: PropertyTable, rows: Rows) -> tuple[Inputs, NDArray[np.float64]]:
    """Compositions or molecules as given and fitted values of the training rows."""
    return table.inputs.take(rows.kept), table.y[rows.kept]


def described(table: PropertyTable, rows: Rows, trained: Trained, checkpoint: Checkpoint | None = None) -> Source:
    """Trained networks with the description of their table."""
    y = table.y[rows.kept]
    return Source(
        name=table.name,
        quantity=table.quantity,
        unit=table.unit,
        log=table.log,
        citation=table.source,
        licence=table.licence,
        sha256=table.sha256,
        rows=table.rows,
        excluded=rows.excluded,
        used=len(rows.kept),
        keys=frozenset(table.keys[i] for i in rows.kept),
        elements=elements_in(table.compositions.take(rows.kept)),
        scaling=trained.scaling,
        centre=float(y.mean()),
        scale=float(y.std()),
        networks=trained.networks,
        unit_scales=trained.unit_scales,
        notes=rows.notes,
        checkpoint=checkpoint,
    )
