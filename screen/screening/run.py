"""One screening run from configuration to a folder of results."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import (
    Catalog,
    named_materials,
    open_catalog,
    structures_sha256,
    with_structures,
)
from kakehashi.catalogs.crystals.structures import Pieces, structure_file, structure_notes
from kakehashi.catalogs.crystals.tables import load_crystals
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.stated_units import check_named, parse_units
from kakehashi.catalogs.properties.tables import load_table, read_from
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.networks.library import groups, pretrain_library
from kakehashi.screen.networks.source import Settings, tell_apart
from kakehashi.screen.progress import Progress, warn
from kakehashi.screen.ranking.filters import check_elements, check_filters, parse_filter
from kakehashi.screen.ranking.rank import Order, check_order
from kakehashi.screen.ranking.summary import bin_values
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.refused import warnings_of, write_rejected
from kakehashi.screen.scoring.columns import SCORES
from kakehashi.screen.scoring.committed import BEST_FOLDER, score_catalog
from kakehashi.screen.scoring.partitions import Executor, score_serially
from kakehashi.screen.scoring.virtual.search import MOST_INDICES, PER_ROW, TOP, Search, make_search
from kakehashi.screen.screening.config import ScreenConfig, exit_code, sources_of
from kakehashi.screen.screening.estimate import count_committed, estimate_cost
from kakehashi.screen.screening.export import check_export, describe_export, export_cif
from kakehashi.screen.screening.inputs import ScreenInputs
from kakehashi.screen.screening.rank_partitions import count_all_indices, write_ranking
from kakehashi.screen.screening.record import leaderboard_table, predictions_table, run_record, virtual_record
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.kept import load_or_transfer

SCHEMA_VERSION = "1"
# Files that follow from the scores: those of an earlier run go before new ones are written.
REMADE = ("report.html", "run.json", "next.parquet", "next.csv")


class ScreenOutcome(NamedTuple):
    """What a run leaves beside its files: its record (run.json) and the exit code."""

    record: dict[str, Any]
    code: int


def read_inputs(config: ScreenConfig) -> ScreenInputs:
    """Load target, sources and catalogue and check every setting against them; UserError on the first mistake."""
    material = named_materials(config.material, (config.target, *config.source, config.catalog))
    graphs = config.architecture == "cgcnn"
    by_id = structure_file(path_of(config.structures)) if config.structures else None
    units = parse_units(config.unit)
    if graphs:
        target, specs, sources = _read_crystals(config, material, by_id)
    else:
        target = load_table(
            config.target, value=config.value, log=config.log, material=material[config.target], folds=config.folds,
            units=units, max_rejected=config.max_rejected,
        )  # fmt: skip
        specs = sources_of(config.source, target)
        sources = [
            load_table(spec, material=material.get(spec), minimum=1, attachments=(0, 2), units=units) for spec in specs
        ]
    check_named(units, read_from([config.target, *specs], [target, *sources]))
    sources = tell_apart(sources, specs, taken=target.name)
    convention_for([target, *sources], config.convention, config.descriptors)
    catalog = open_catalog(config.catalog, material[config.catalog], config.limit, virtual=True)
    if catalog.smiles != (target.molecules is not None):
        given, wanted = ("SMILES", "formulas") if catalog.smiles else ("formulas", "SMILES")
        raise UserError(f"{target.name} has {wanted}, the catalogue {catalog.name} has {given}; give one with {wanted}")
    order = Order(
        by=config.rank_by,  # type: ignore[arg-type]  # checked by check_order
        minimise=config.minimise,
        threshold=config.threshold,
        top=config.top if catalog.space is None else config.top or TOP,
        per_system=config.per_system,
        filters=tuple(parse_filter(text) for text in config.filter),
        exclude=config.exclude_elements,
        radioactive=not config.no_radioactive,
    )
    check_order(order, log=target.log)
    check_elements(order.exclude)
    check_filters(order.filters, ranking_schema(catalog))
    virtual_search(catalog, target, order)
    structures = by_id or catalog.structures
    check_export(config.export, config.export_top, None if graphs else config.structures, structures)
    if graphs:
        given = structures_sha256(path_of(config.structures)) if config.structures else ""
        catalog = with_structures(catalog, by_id, given)
    unread = structure_notes(path_of(config.structures)) if config.structures else ()
    return ScreenInputs(target, tuple(sources), catalog, order, structures, unread)


def _read_crystals(
    config: ScreenConfig, material: dict[str, str | None], by_id: Pieces | None
) -> tuple[PropertyTable, tuple[str, ...], list[PropertyTable]]:
    """Target, names and tables of the sources, with structures; without a crystal graph they are rejected."""
    from kakehashi.screen.networks.crystal.source import connected

    units = parse_units(config.unit)
    target = load_crystals(
        config.target, value=config.value, log=config.log, material=material[config.target], folds=config.folds,
        structures=by_id, units=units, max_rejected=config.max_rejected,
    )  # fmt: skip
    sources = [
        load_crystals(s, material=material.get(s), structures=by_id, minimum=1, units=units) for s in config.source
    ]
    return connected(target), config.source, [connected(source) for source in sources]


def virtual_search(catalog: Catalog, target: PropertyTable, order: Order) -> Search | None:
    """What is looked for in a virtual catalogue; None of a catalogue of rows.

    Raises
    ------
    UserError : a target of structures, or an order that needs every row.
    """
    if catalog.space is None:
        return None
    if target.crystals is not None:
        raise UserError(f"{catalog.name} has compositions, {target.name} structures; give a catalogue with structures")
    return make_search(catalog.space, order, log=target.log)


def run_screen(
    config: ScreenConfig, inputs: ScreenInputs, rundir: RunDir, progress: Progress, command: str
) -> ScreenOutcome:
    """Pre-train, transfer, score, rank and write everything into an open run folder."""
    return finish_run(config, inputs, build_model(config, inputs, progress), rundir, progress, command)


def finish_run(
    config: ScreenConfig, inputs: ScreenInputs, model: Model, rundir: RunDir, progress: Progress, command: str
) -> ScreenOutcome:
    """Score, rank and write everything a run leaves, with a model that is ready."""
    for name in (*REMADE, *rundir.names("cif/")):  # until they are there again the folder is unfinished
        rundir.remove(name)
    search = virtual_search(inputs.catalog, inputs.target, inputs.order)
    with (
        progress.stage("score candidates", inputs.catalog.rows) as advance,
        _executor(config, rundir, progress) as executor,
    ):
        scored = score_catalog(
            rundir,
            model,
            inputs.catalog,
            executor=executor,
            partition_rows=_per_partition(config, inputs.catalog),
            search=search,
            advance=advance,
            mode=progress.mode,
        )
    with progress.stage("rank and write", 1) as advance:
        counted = write_ranking(rundir, scored, inputs.order, log=inputs.target.log, metadata=_metadata(inputs))
        write_tables(rundir, model, inputs)
        if search is None or scored.counts is None:
            drawn = bin_values(inputs.target, counted.summary, scored.scores())
        else:  # a histogram of the best alone would say nothing of the others
            counted, drawn = count_all_indices(counted, search, scored.counts, inputs.order, log=inputs.target.log), {}
        advance(1)
    record = run_record(config, inputs, model, counted, drawn, progress, command)
    if scored.counts is not None:
        record["virtual"] = virtual_record(scored, progress.timings["score candidates"])
    if config.export and inputs.structures:
        exported = export_cif(rundir, inputs.structures, config.export_top)
        record["export"] = {**exported._asdict(), "text": describe_export(exported, rundir.where)}
    rundir.write_text("run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_report(rundir)
    if search is not None:  # its parts have served, unlike the scores of a catalogue of rows
        for name in (*rundir.names(f"{BEST_FOLDER}/"), *rundir.names("quarantine/")):
            rundir.remove(name)
    return ScreenOutcome(record, exit_code(record))


def _per_partition(config: ScreenConfig, catalog: Catalog) -> int:
    """Rows of a partition, or indices of a virtual catalogue."""
    if catalog.space is None:
        return config.partition_rows
    return min(config.partition_rows * PER_ROW, MOST_INDICES)


def _executor(config: ScreenConfig, rundir: RunDir, progress: Progress) -> AbstractContextManager[Executor]:
    """What runs the partitions: this process, unless workers are asked for; a cluster takes seconds to start."""
    if config.workers is None and config.scheduler is None:
        return nullcontext(score_serially)
    from kakehashi.screen.scoring.workers.cluster import dask_executor

    note = partial(warn, progress.mode)
    return dask_executor(config.workers, config.scheduler, rundir.path, progress.link, note)


def build_model(config: ScreenConfig, inputs: ScreenInputs, progress: Progress) -> Model:
    """Pre-train the sources without the target's formulas, then transfer; both are reused where they were kept."""
    cache = not config.no_cache
    convention = convention_for([inputs.target, *inputs.sources], config.convention, config.descriptors)
    settings = Settings(config.networks, config.seed, convention)
    if config.architecture == "cgcnn":
        from kakehashi.screen.networks.crystal.source import crystal_library

        library = crystal_library(inputs.sources, settings, target=inputs.target, cache=cache, stage=progress.stage)
    else:
        library = pretrain_library(
            inputs.sources,
            settings,
            target=inputs.target,
            trunk=config.trunk,  # type: ignore[arg-type]  # checked by config
            cache=cache,
            stage=progress.stage,
        )
    return load_or_transfer(
        library,
        inputs.target,
        outer=config.outer_folds,
        seed=config.seed,
        heads=config.heads,
        cache=cache,
        stage=progress.stage,
    )


def write_tables(rundir: RunDir, model: Model, inputs: ScreenInputs) -> None:
    """Write what the model and its training rows leave: leaderboard, out-of-fold predictions, rejected rows."""
    metadata = _metadata(inputs)
    write_rejected(rundir, (inputs.target, *inputs.sources), metadata)
    rundir.write_table("leaderboard.parquet", leaderboard_table(model), metadata)
    rundir.write_table("predictions.parquet", predictions_table(model), metadata)


def _metadata(inputs: ScreenInputs) -> dict[str, str]:
    return {"kakehashi.schema": SCHEMA_VERSION, "unit": inputs.target.unit}


def write_report(rundir: RunDir) -> None:
    """(Re)build report.html from the files of the run."""
    from kakehashi.screen.report.build import write_report as build

    rundir.write_text("report.html", build(Path(rundir.path)))


def plan_run(config: ScreenConfig, inputs: ScreenInputs) -> dict[str, Any]:
    """What a run would do, for `--dry-run`."""
    partitions = -(-inputs.catalog.rows // _per_partition(config, inputs.catalog))
    return {
        "target": f"{inputs.target.name}: {_counted(inputs.target)}",
        "sources": [f"{table.name}: {_counted(table)}" for table in inputs.sources],
        "trunk": config.trunk,
        "networks": config.networks * len(groups(inputs.sources, config.trunk)),  # type: ignore[arg-type]
        "warnings": warnings_of([inputs.target], inputs.sources, written=False),
        "catalog": inputs.catalog.name,
        "rows": inputs.catalog.rows,
        **({"notes": list(unread)} if (unread := (*inputs.catalog.unread, *inputs.unread)) else {}),
        "partitions": partitions,
        "out": config.out,
        "config": as_dict(config),
    }


def forecast_run(config: ScreenConfig, inputs: ScreenInputs) -> dict[str, Any]:
    """What a run would take, for `--dry-run`."""
    networks = config.networks * len(groups(inputs.sources, config.trunk))  # type: ignore[arg-type]  # checked
    found = estimate_cost(inputs.catalog, networks, inputs.order.top, config.workers)
    return {"batch": BATCH, "committed": count_committed(config.out), "estimate": found}


def _counted(table: PropertyTable) -> str:
    if table.crystals is not None:
        return f"{len(table)} structures"
    return f"{len(table)} {'compositions' if table.molecules is None else 'molecules'}"


def ranking_schema(catalog: Catalog) -> pa.Schema:
    """Columns a filter may name: the catalogue's own and the scores'."""
    return pa.schema([*catalog.schema, *SCORES])
