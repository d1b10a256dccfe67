"""What a design run reads, checked before anything is computed: targets, sources, goals, and what proposes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from catalogs.candidates import named_materials
from catalogs.records import PropertyTable, UserError
from catalogs.tables import load_table
from design.config import DesignConfig
from design.constraints import read_fragments
from design.goals import Goal, Property, parse_goals
from screen.config import DEFAULT_MOLECULAR_SOURCES
from screen.descriptors.materials import convention_for
from screen.library import tell_apart

_NAMED = re.compile(r"([A-Za-z_]\w*)=(.+)", re.DOTALL)


class Inputs(NamedTuple):
    """Targets in the order given (the first is the one `mean` in the proposals is of), sources, goals, descriptors.

    fragments : liquid-crystal-like ones that are wanted in a unit, as SMILES
    """

    targets: tuple[PropertyTable, ...]
    sources: tuple[PropertyTable, ...]
    goals: tuple[Goal, ...]
    descriptors: str
    fragments: tuple[str, ...] = ()


def read_inputs(config: DesignConfig) -> Inputs:
    """Load targets and sources and check the goals against them; UserError on the first mistake."""
    material = _materials(config)
    targets = tuple(_target(spec, config, material[spec]) for spec in config.target)
    names = [table.name for table in targets]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--target: two properties are called {name}; name them: --target NAME=FILE:COLUMN")
    goals = parse_goals(config.goal, [Property(table.name, table.unit, table.log) for table in targets])
    specs = config.source or DEFAULT_MOLECULAR_SOURCES
    sources = [load_table(spec, material=material.get(spec), minimum=1, attachments=(0, 2)) for spec in specs]
    sources = tell_apart(sources, specs)
    descriptors = convention_for([*targets, *sources], None, config.descriptors)
    fragments = read_fragments(Path(config.fragments), config.material) if config.fragments else ()
    return Inputs(targets, tuple(sources), goals, descriptors, fragments)


def _materials(config: DesignConfig) -> dict[str, str | None]:
    """By target and source, the column `--material` names that the file has; the other files may have it, too."""
    files = {spec: named[2] if (named := _NAMED.fullmatch(spec)) else spec for spec in config.target}
    others = [spec for spec in (config.pool, config.corpus, config.fragments) if spec]
    found = named_materials(config.material, [*files.values(), *config.source, *others])
    return {**found, **{spec: found[file] for spec, file in files.items()}}


def _target(spec: str, config: DesignConfig, material: str | None) -> PropertyTable:
    named = _NAMED.fullmatch(spec)
    table = load_table(named[2] if named else spec, value=config.value, log=config.log, material=material)
    if table.molecules is None:
        raise UserError(f"--target {spec}: expected repeat units (SMILES with two * each), got formulas")
    return replace(table, name=named[1]) if named else table
