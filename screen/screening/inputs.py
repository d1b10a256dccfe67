"""Inputs of a screening: read, and checked against each other before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import named_materials, open_catalog
from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.candidates.structure_catalog import structures_sha256, with_structures
from kakehashi.catalogs.crystals.structures import Pieces, structure_file, structure_notes
from kakehashi.catalogs.crystals.tables import load_crystals
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.stated_units import Units, check_named, parse_units
from kakehashi.catalogs.properties.tables import load_table, read_from
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.foundation.record import Foundation
from kakehashi.screen.networks.precision import check_precision
from kakehashi.screen.networks.source import tell_apart
from kakehashi.screen.ranking.bounds import Bounds, check_bounds, parse_bounds
from kakehashi.screen.ranking.filters import (
    NOT_OUT,
    Filter,
    check_elements,
    check_filters,
    parse_filter,
    refuses_out,
)
from kakehashi.screen.ranking.rank import Order, check_order
from kakehashi.screen.scoring.columns import SCORES
from kakehashi.screen.scoring.virtual.search import TOP, Search, make_search
from kakehashi.screen.screening.config import ALL, IN_DOMAIN, ScreenConfig, sources_of
from kakehashi.screen.screening.export import check_export
from kakehashi.screen.screening.knowledge import choose_foundation


class ScreenInputs(NamedTuple):
    """Inputs of a screening, checked before anything is computed.

    unread : notes on files in the folder of `--structures` that are not read
    foundation : networks that know other properties, if any
    bounds : that predictions are cut at, or None
    in_domain : what is out of the domain is not predicted; the order's filters remove it
    """

    target: PropertyTable
    sources: tuple[PropertyTable, ...]
    catalog: Catalog
    order: Order
    structures: Pieces | None = None
    unread: tuple[str, ...] = ()
    foundation: Foundation | None = None
    bounds: Bounds | None = None
    in_domain: bool = False


class DescribedInputs(NamedTuple):
    """Target, names and tables of its sources, and foundation networks, of formulas or SMILES."""

    target: PropertyTable
    specs: tuple[str, ...]
    sources: list[PropertyTable]
    foundation: Foundation | None = None


def read_inputs(config: ScreenConfig) -> ScreenInputs:
    """Load and check target, sources and catalogue.

    UserError on the first mistake.
    """
    check_precision(config.precision)
    material = named_materials(config.material, (config.target, *config.source, config.catalog))
    graphs = config.architecture == "cgcnn"
    by_id = structure_file(path_of(config.structures)) if config.structures else None
    units = parse_units(config.unit)
    if graphs:
        target, specs, sources, foundation = _read_crystals(config, material, by_id)
    else:
        target, specs, sources, foundation = load_described(config, material, units)
    check_named(units, read_from([config.target, *specs], [target, *sources]))
    sources = tell_apart(sources, specs, taken=target.name)
    convention_for([target, *sources], config.convention, config.descriptors)
    catalog = open_catalog(config.catalog, material[config.catalog], config.limit, virtual=True)
    if catalog.smiles != (target.molecules is not None):
        catalogue_has, target_has = ("SMILES", "formulas") if catalog.smiles else ("formulas", "SMILES")
        raise UserError(
            f"{target.name} has {target_has}, the catalogue {catalog.name} has {catalogue_has}; give one with"
            f" {target_has}"
        )
    order = Order(
        by=config.rank_by,  # type: ignore[arg-type]  # checked by check_order
        minimise=config.minimise,
        threshold=config.threshold,
        top=config.top if catalog.space is None else config.top or TOP,
        per_system=config.per_system,
        filters=_filters(config),
        exclude=config.exclude_elements,
        radioactive=not config.no_radioactive,
    )
    check_order(order, log=target.log)
    bounds = parse_bounds(config.bounds)
    check_bounds(bounds, target.values, target.unit)
    check_elements(order.exclude)
    check_filters(order.filters, ranking_schema(catalog))
    virtual_search(catalog, target, order)
    structures = by_id or catalog.structures
    check_export(config.export, config.export_top, None if graphs else config.structures, structures)
    if graphs:
        catalogue_has = structures_sha256(path_of(config.structures)) if config.structures else ""
        catalog = with_structures(catalog, by_id, catalogue_has)
    unread = structure_notes(path_of(config.structures)) if config.structures else ()
    return ScreenInputs(target, tuple(sources), catalog, order, structures, unread, foundation, bounds,
                        in_domain=config.score != ALL and refuses_out(order.filters))  # fmt: skip


def _filters(config: ScreenConfig) -> tuple[Filter, ...]:
    """Filters of a configuration; one removes what is out of the domain where it is not predicted."""
    filters = tuple(parse_filter(text) for text in config.filter)
    if config.score != IN_DOMAIN or refuses_out(filters):
        return filters
    if wanting := [str(wanted) for wanted in filters if wanted.column == NOT_OUT.column]:
        raise UserError(
            f"--filter {wanting[0]!r} asks for candidates out of the domain, which --score {IN_DOMAIN} (the"
            f" default of --quick) leaves without a prediction: give --score {ALL}"
        )
    return (*filters, NOT_OUT)


def load_described(config: Any, material: Mapping[str, str | None], units: Units) -> DescribedInputs:
    """Load a target and its sources, all of formulas or SMILES.

    config : of a run with a target and sources
    """
    target = load_table(
        config.target, value=config.value, log=config.log, material=material[config.target], folds=config.folds,
        units=units, max_rejected=config.max_rejected,
    )  # fmt: skip
    foundation = choose_foundation(config.foundation, config.source, target, config.convention, config.descriptors)
    specs = sources_of(config.source, target, foundation=foundation is not None)
    sources = [
        load_table(spec, material=material.get(spec), minimum=1, attachments=(0, 2), units=units) for spec in specs
    ]
    return DescribedInputs(target, specs, sources, foundation)


def _read_crystals(config: ScreenConfig, material: dict[str, str | None], by_id: Pieces | None) -> DescribedInputs:
    """Target, names and tables of sources with structures.

    Rows without a crystal graph are rejected.
    """
    from kakehashi.screen.networks.crystal.source import connected

    units = parse_units(config.unit)
    target = load_crystals(
        config.target, value=config.value, log=config.log, material=material[config.target], folds=config.folds,
        structures=by_id, units=units, max_rejected=config.max_rejected,
    )  # fmt: skip
    sources = [
        load_crystals(s, material=material.get(s), structures=by_id, minimum=1, units=units) for s in config.source
    ]
    return DescribedInputs(connected(target), config.source, [connected(source) for source in sources])


def virtual_search(catalog: Catalog, target: PropertyTable, order: Order) -> Search | None:
    """Search of a virtual catalogue; None for a catalogue of rows.

    Raises
    ------
    UserError : a target of structures, or an order that needs every row.
    """
    if catalog.space is None:
        return None
    if target.crystals is not None:
        raise UserError(f"{catalog.name} has compositions, {target.name} structures; give a catalogue with structures")
    return make_search(catalog.space, order, log=target.log)


def ranking_schema(catalog: Catalog) -> pa.Schema:
    """Columns a filter may name: the catalogue's and the scores'."""
    return pa.schema([*catalog.schema, *SCORES])
