"""Inputs of a design run, checked before anything is computed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from kakehashi.catalogs.candidates.candidates import named_materials
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.column_units import bare_name
from kakehashi.catalogs.properties.stated_units import Units, check_named, parse_units
from kakehashi.catalogs.properties.tables import load_table, read_from
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.design.chemistry.constraints import read_fragments
from kakehashi.design.chemistry.pool import Pool, read_pool
from kakehashi.design.likelihood.goals import Goal, Property, parse_goals
from kakehashi.design.run.config import DesignConfig
from kakehashi.design.run.known import KnownFile, read_known
from kakehashi.design.run.space import check_space
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.networks.source import tell_apart
from kakehashi.screen.screening.config import sources_of

_NAMED = re.compile(r"([A-Za-z_]\w*)=(.+)", re.DOTALL)


class DesignInputs(NamedTuple):
    """Targets, sources, goals and descriptors of a design run.

    targets : in the order of the flags; `mean` in the proposals is of the first
    fragments : liquid-crystal-like ones that are wanted in a unit, as SMILES
    pool : monomers to propose from, where a file of them is given
    known : files of repeat units that are not new
    """

    targets: tuple[PropertyTable, ...]
    sources: tuple[PropertyTable, ...]
    goals: tuple[Goal, ...]
    descriptors: str
    fragments: tuple[str, ...] = ()
    pool: Pool | None = None
    known: tuple[KnownFile, ...] = ()


def read_inputs(config: DesignConfig) -> DesignInputs:
    """Read targets and sources, and check the goals against them.

    UserError on the first mistake.
    """
    check_space(config)
    units = parse_units(config.unit)
    matches = [_NAMED.fullmatch(spec) for spec in config.target]
    files = [match[2] if match else spec for match, spec in zip(matches, config.target, strict=True)]
    others = [spec for spec in (config.pool, config.corpus, config.fragments, *config.known) if spec]
    material = named_materials(config.material, [*files, *config.source, *others])
    tables = [_target(spec, config, material[spec], units) for spec in files]
    targets = tuple(
        replace(table, name=match[1] if match else bare_name(table.name))
        for match, table in zip(matches, tables, strict=True)
    )
    names = [table.name for table in targets]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--target: two properties are called {name}; name them: --target NAME=FILE:COLUMN")
        if "/" in name:  # files are named after properties
            raise UserError(f"--target: a property cannot be called {name}; name it: --target NAME=FILE:COLUMN")
    goals = parse_goals(config.goal, [property_of(table) for table in targets])
    specs = sources_of(config.source, targets[0])
    sources = [
        load_table(spec, material=material.get(spec), minimum=1, attachments=(0, 2), units=units) for spec in specs
    ]
    check_named(units, read_from([*files, *specs], [*tables, *sources]))
    sources = tell_apart(sources, specs)
    descriptors = convention_for([*targets, *sources], None, config.descriptors)
    fragments = read_fragments(path_of(config.fragments), config.material) if config.fragments else ()
    pool = read_pool(path_of(config.pool), config.material) if config.pool else None
    known = tuple(read_known(path_of(spec), config.material) for spec in config.known)
    return DesignInputs(targets, tuple(sources), goals, descriptors, fragments, pool, known)


def property_of(table: PropertyTable) -> Property:
    """The property of a target, with the range of its known values."""
    known = (float(table.values.min()), float(table.values.max())) if len(table) else None
    return Property(table.name, table.unit, table.log, known)


def _target(spec: str, config: DesignConfig, material: str | None, units: Units) -> PropertyTable:
    table = load_table(
        spec, value=config.value, log=config.log, material=material, units=units,
        max_rejected=config.max_rejected,
    )  # fmt: skip
    if table.molecules is None:
        raise UserError(f"--target {spec}: expected repeat units (SMILES with two * each), got formulas")
    return table
