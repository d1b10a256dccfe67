"""Run a screening from its configuration to a folder of results."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.records import PropertyTable
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.networks.library import groups, pretrain_library
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.next.batch import FILES, first_batch
from kakehashi.screen.next.finished import run_just_made
from kakehashi.screen.prediction.saved import FOLDER as MODEL_FOLDER
from kakehashi.screen.prediction.saved import encode_model
from kakehashi.screen.progress import Progress, warn
from kakehashi.screen.ranking.bounds import clip
from kakehashi.screen.ranking.measured import mark_measured
from kakehashi.screen.ranking.places import PlaceCounter
from kakehashi.screen.ranking.summary import bin_values
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.refused import warnings_of, write_rejected
from kakehashi.screen.scoring.committed import BEST_FOLDER, score_catalog
from kakehashi.screen.scoring.cut import cut
from kakehashi.screen.scoring.partitions import PARTITION_ROWS, Executor, partition_size, score_serially
from kakehashi.screen.scoring.virtual.search import MOST_INDICES, PER_ROW
from kakehashi.screen.screening.config import ScreenConfig, exit_code
from kakehashi.screen.screening.estimate import count_committed, estimate_cost
from kakehashi.screen.screening.export import describe_export, export_cif
from kakehashi.screen.screening.inputs import ScreenInputs, virtual_search
from kakehashi.screen.screening.knowledge import gather_knowledge
from kakehashi.screen.screening.model_cost import check_memory, estimate_megabytes, estimate_model
from kakehashi.screen.screening.rank_partitions import count_all_indices, write_ranking
from kakehashi.screen.screening.record import (
    held_out_means,
    leaderboard_table,
    predictions_table,
    run_record,
    virtual_record,
)
from kakehashi.screen.transfer.cache import load_or_transfer
from kakehashi.screen.transfer.fit import Model

SCHEMA_VERSION = "1"
# Largest model that is written into the run's folder.
MODEL_BYTES = 50_000_000
# Workers that a scheduler is taken to have where none says how many.
SCHEDULED = 4
# Files derived from scores: those of an earlier run are removed first.
REMADE = ("report.html", "run.json", *FILES)


class ScreenOutcome(NamedTuple):
    """Record (run.json) and exit code of a screening."""

    record: dict[str, Any]
    code: int


def run_screen(
    config: ScreenConfig, inputs: ScreenInputs, rundir: RunDir, progress: Progress, command: str
) -> ScreenOutcome:
    """Pre-train, transfer, score, rank and write into an open run folder."""
    return finish_run(config, inputs, build_model(config, inputs, progress), rundir, progress, command)


def finish_run(
    config: ScreenConfig, inputs: ScreenInputs, model: Model, rundir: RunDir, progress: Progress, command: str
) -> ScreenOutcome:
    """Score, rank and write results with a ready model."""
    for name in (
        *REMADE,
        *rundir.names("next-"),
        *rundir.names("cif/"),
        *rundir.names(f"{MODEL_FOLDER}/"),
    ):  # until they are there again the folder is unfinished
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
            most_left=_most_left(config),
            search=search,
            in_domain=inputs.in_domain,
            precision=config.precision,
            advance=advance,
            mode=progress.mode,
        )
    with progress.stage("rank and write", 1) as advance:
        mark = mark_measured(inputs.target)
        counted = write_ranking(
            rundir, scored, inputs.order, log=inputs.target.log, metadata=_metadata(inputs),
            finish=lambda table: mark(clip(table, inputs.bounds)),
        )  # fmt: skip
        write_tables(rundir, model, inputs)
        saved = None if config.no_model else write_model(rundir, model)
        if search is None or scored.counts is None:
            places = PlaceCounter(held_out_means(model), minimise=config.minimise)
            drawn = bin_values(inputs.target, counted.summary, places.watch(scored.scores()))
        else:  # the best rows alone make no histogram of the catalogue, and no places in it
            places = None
            counted, drawn = count_all_indices(counted, search, scored.counts, inputs.order, log=inputs.target.log), {}
        advance(1)
    record = run_record(config, inputs, model, counted, drawn, progress, command)
    if places is not None and places.rows:
        record["places"] = {"of": places.rows, "better": places.better.tolist()}
    if scored.counts is not None:
        record["virtual"] = virtual_record(scored, progress.timings["score candidates"])
    if saved is not None:
        record["saved_model"] = saved
    if config.export and inputs.structures:
        exported = export_cif(rundir, inputs.structures, config.export_top)
        record["export"] = {**exported._asdict(), "text": describe_export(exported, rundir.where)}
    finished = run_just_made(rundir, record, inputs.target)
    record["next"] = first_batch(rundir, finished, config.batch, config.by)
    rundir.write_text("run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_report(rundir)
    if search is not None:  # its partitions hold nothing beyond the ranking
        for name in (*rundir.names(f"{BEST_FOLDER}/"), *rundir.names("quarantine/")):
            rundir.remove(name)
    return ScreenOutcome(record, exit_code(record))


def _per_partition(config: ScreenConfig, catalog: Catalog) -> int:
    """Rows of a partition, or indices of a virtual catalogue."""
    if catalog.space is None:
        return partition_size(catalog.rows, config.partition_rows, _shared(config), smiles=catalog.smiles)
    return min(config.partition_rows * PER_ROW, MOST_INDICES)


def _most_left(config: ScreenConfig) -> int | None:
    """Largest partitions of an interrupted run to go on with, with or without workers.

    None where the user gave the size of partitions of a run without workers, which holds.
    """
    return config.partition_rows if _shared(config) or config.partition_rows == PARTITION_ROWS else None


def _shared(config: ScreenConfig) -> int | None:
    """Number of workers that share the partitions, None without any."""
    return config.workers if config.scheduler is None else config.workers or SCHEDULED


def _executor(config: ScreenConfig, rundir: RunDir, progress: Progress) -> AbstractContextManager[Executor]:
    """Executor of the partitions: this process, or workers."""
    if config.workers is None and config.scheduler is None:
        return nullcontext(score_serially)
    from kakehashi.screen.scoring.workers.cluster import dask_executor

    note = partial(warn, progress.mode)
    return dask_executor(config.workers, config.scheduler, rundir.path, progress.link, note)


def build_model(config: ScreenConfig, inputs: ScreenInputs, progress: Progress) -> Model:
    """Pre-train sources without the target's formulas, then transfer.

    Both are reused from the cache.

    Raises
    ------
    UserError : too little memory for so many values.
    """
    check_memory(
        len(inputs.target), networks=_networks(config, inputs), sources=_sources(config, inputs),
        foundation=inputs.foundation is not None,
    )  # fmt: skip
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
        families=not config.no_families,
        knowledge=gather_knowledge(inputs.foundation, inputs.sources, inputs.catalog if config.known_values else None),
        cache=cache,
        stage=progress.stage,
    )


def write_tables(rundir: RunDir, model: Model, inputs: ScreenInputs) -> None:
    """Write leaderboard, held-out predictions and rejected rows."""
    metadata = _metadata(inputs)
    write_rejected(rundir, (inputs.target, *inputs.sources), metadata)
    rundir.write_table("leaderboard.parquet", leaderboard_table(model), metadata)
    rundir.write_table("predictions.parquet", predictions_table(model), metadata)


def write_model(rundir: RunDir, model: Model) -> dict[str, Any]:
    """Write the model into the run, unless it is larger than `MODEL_BYTES`; what run.json says of it."""
    files = encode_model(model)
    size = sum(map(len, files.values()))
    if size > MODEL_BYTES:
        return {"folder": None, "bytes": size, "text": f"not written: more than {MODEL_BYTES // 10**6} MB"}
    for name, data in files.items():
        rundir.write_bytes(f"{MODEL_FOLDER}/{name}", data)
    return {"folder": MODEL_FOLDER, "bytes": size, "text": "for kakehashi predict --model and kakehashi.load_model"}


def _metadata(inputs: ScreenInputs) -> dict[str, str]:
    return {"kakehashi.schema": SCHEMA_VERSION, "unit": inputs.target.unit}


def write_report(rundir: RunDir) -> None:
    """Write report.html from the files of the run."""
    from kakehashi.screen.report.build import write_report as build

    rundir.write_text("report.html", build(Path(rundir.path)))


def plan_run(config: ScreenConfig, inputs: ScreenInputs) -> dict[str, Any]:
    """Plan of a run, for `--dry-run`."""
    partitions = -(-inputs.catalog.rows // _per_partition(config, inputs.catalog))
    return {
        "target": f"{inputs.target.name}: {_counted(inputs.target)}",
        "sources": [f"{table.name}: {_counted(table)}" for table in inputs.sources],
        "foundation": inputs.foundation.name if inputs.foundation else None,
        "trunk": config.trunk,
        "networks": _networks(config, inputs),
        "warnings": warnings_of([inputs.target], inputs.sources, written=False),
        "catalog": inputs.catalog.name,
        "rows": inputs.catalog.rows,
        **({"notes": list(unread)} if (unread := (*inputs.catalog.unread, *inputs.unread)) else {}),
        "partitions": partitions,
        "out": config.out,
        "config": as_dict(config),
    }


def forecast_run(config: ScreenConfig, inputs: ScreenInputs) -> dict[str, Any]:
    """Cost of a run, for `--dry-run`."""
    networks, n, foundation = _networks(config, inputs), len(inputs.target), inputs.foundation is not None
    sources = _sources(config, inputs)
    check_memory(n, networks=networks, sources=sources, foundation=foundation)
    seconds = estimate_model(
        n, networks=networks, sources=sources, foundation=foundation, outer=config.outer_folds,
        families=not config.no_families, heads=config.heads,
    )  # fmt: skip
    cost = estimate_cost(
        inputs.catalog, networks, inputs.order.top, config.workers, foundation=foundation, model_seconds=seconds,
        model_mb=estimate_megabytes(n, networks=networks, sources=sources, foundation=foundation),
    )  # fmt: skip
    return {"batch": cut().rows, "committed": count_committed(config.out), "estimate": cost}


def _networks(config: ScreenConfig, inputs: ScreenInputs) -> int:
    """Networks of all sources together."""
    return config.networks * _sources(config, inputs)


def _sources(config: ScreenConfig, inputs: ScreenInputs) -> int:
    """Number of sets of networks: of each source its own, and of a shared trunk."""
    return len(groups(inputs.sources, config.trunk))  # type: ignore[arg-type]  # checked by config


def _counted(table: PropertyTable) -> str:
    if table.crystals is not None:
        return f"{len(table)} structures"
    return f"{len(table)} {'compositions' if table.molecules is None else 'molecules'}"
