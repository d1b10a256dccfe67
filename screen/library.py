"""Libraries of pre-trained networks: one source property, many networks, and what they were trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import Compositions, PropertyTable, UserError
from screen.descriptors.composition import Convention, compute
from screen.frozen import unit_scales
from screen.networks import Network, activations
from screen.pretrain import Schedule, pretrain
from screen.scaling import Scaling, fit_scaling, standardise

# A larger source is sub-sampled: beyond this the networks' frozen features change little, their cost a lot.
MAX_ROWS = 10_000
# Rows on which unit scales are measured.
SCALE_ROWS = 2_000
MIN_ROWS = 50
N_ELEMENTS = 94


class Source(NamedTuple):
    """Networks pre-trained on one source property.

    rows, excluded, used : rows in the table, target formulas removed from it, rows trained on
    keys : reduced formulas the networks saw
    elements : (94,) bool, elements among them
    centre, scale : mean and standard deviation of the fitted property (of its ln if `log`)
    unit_scales : per network and hidden layer, the spread of every unit, for "pre" features
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

    @property
    def validation_r2(self) -> float:
        """Median over networks of R² on the rows each one's early stopping watched."""
        return float(np.median([network.validation_r2[0] for network in self.networks]))


class Library(NamedTuple):
    """Pre-trained networks of several sources, and the conventions they share."""

    sources: tuple[Source, ...]
    convention: Convention
    seed: int


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
    *,
    exclude: Collection[str] = (),
    networks: int = 100,
    seed: int = 0,
    convention: Convention = "reduced",
    schedule: Schedule | None = None,
    progress: Callable[[int], None] | None = None,
) -> Source:
    """Pre-train `networks` random pyramids on one property table.

    Parameters
    ----------
    exclude : reduced formulas removed before training, so that the target's own compounds are never seen.

    Raises
    ------
    UserError : fewer than `MIN_ROWS` rows remain, or their values do not vary.
    """
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
    compositions = Compositions(table.compositions.elements[kept], table.compositions.amounts[kept])
    y = table.y[kept]
    centre, scale = float(y.mean()), float(y.std())
    # Not by the scale: fifty times 0.1 has a standard deviation of 1e-17.
    if not np.ptp(y) > 0:
        raise UserError(f"source {table.name}: all {len(kept)} values are equal; nothing can be learned from it")
    raw = compute(compositions, convention)
    scaling = fit_scaling(raw)
    x = standardise(scaling, raw)
    trained = pretrain(
        seed, x, ((y - centre) / scale)[:, None], networks=networks, schedule=schedule, progress=progress
    )
    sample = x[:SCALE_ROWS] if len(x) <= SCALE_ROWS else x[np.linspace(0, len(x) - 1, SCALE_ROWS).astype(int)]
    return Source(
        name=table.name,
        quantity=table.quantity,
        unit=table.unit,
        log=table.log,
        citation=table.source,
        licence=table.licence,
        sha256=table.sha256,
        rows=table.rows,
        excluded=excluded,
        used=len(kept),
        keys=frozenset(table.keys[i] for i in kept),
        elements=elements_in(compositions),
        scaling=scaling,
        centre=centre,
        scale=scale,
        networks=tuple(trained),
        unit_scales=tuple(unit_scales(activations(network.hidden, sample)[0]) for network in trained),
        notes=tuple(notes),
    )


def pretrain_library(
    tables: Sequence[PropertyTable],
    *,
    exclude: Collection[str] = (),
    networks: int = 100,
    seed: int = 0,
    convention: Convention = "reduced",
    progress: Callable[[int], None] | None = None,
) -> Library:
    """Pre-train every source; source i's networks depend on the seed, i's table and nothing else."""
    sources = tuple(
        pretrain_source(table, exclude=exclude, networks=networks, seed=seed, convention=convention, progress=progress)
        for table in tables
    )
    return Library(sources, convention, seed)
