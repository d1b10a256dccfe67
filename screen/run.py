"""One screening run from configuration to a folder of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from catalogs.candidates import Catalog, open_catalog
from catalogs.records import PropertyTable
from catalogs.rundir import RunDir
from catalogs.tables import load_table
from screen.config import ScreenConfig, as_dict
from screen.csv_text import csv_bytes
from screen.execute import score_catalog
from screen.filters import check_elements, check_filters, parse_filter
from screen.library import Library, pretrain_source
from screen.progress import Progress
from screen.rank import Order, Ranked, check_order, rank
from screen.record import leaderboard_table, predictions_table, rejected_table, run_record
from screen.transfer import Model, transfer

SCHEMA_VERSION = "1"
# Exit code of a run that finished with more of the catalogue in quarantine than allowed.
QUARANTINE_EXCEEDED = 3


class Inputs(NamedTuple):
    """What a run reads, checked before anything is computed."""

    target: PropertyTable
    sources: tuple[PropertyTable, ...]
    catalog: Catalog
    order: Order


class Outcome(NamedTuple):
    """What a run leaves: its record (run.json), the head of its ranking, and the exit code."""

    record: dict[str, Any]
    head: pa.Table
    code: int


def read_inputs(config: ScreenConfig) -> Inputs:
    """Load target, sources and catalogue and check every setting against them; UserError on the first mistake."""
    target = load_table(config.target, value=config.value, log=config.log, material=config.material, folds=config.folds)
    sources = tuple(load_table(spec, minimum=1) for spec in config.source)
    catalog = open_catalog(config.catalog, config.material if config.material else None, config.limit)
    order = Order(
        by=config.rank_by,  # type: ignore[arg-type]  # checked by check_order
        minimise=config.minimise,
        threshold=config.threshold,
        top=config.top,
        per_system=config.per_system,
        filters=tuple(parse_filter(text) for text in config.filter),
        exclude=config.exclude_elements,
        radioactive=config.radioactive,
    )
    check_order(order)
    check_elements(order.exclude)
    check_filters(order.filters, ranking_schema(catalog))
    return Inputs(target, sources, catalog, order)


def run_screen(config: ScreenConfig, inputs: Inputs, rundir: RunDir, progress: Progress, command: str) -> Outcome:
    """Pre-train, transfer, score, rank and write everything into an open run folder."""
    return finish(config, inputs, build_model(config, inputs, progress), rundir, progress, command)


def finish(
    config: ScreenConfig, inputs: Inputs, model: Model, rundir: RunDir, progress: Progress, command: str
) -> Outcome:
    """Score, rank and write everything a run leaves, with a model that is ready."""
    parts, quarantine, unique = [], [], 0
    with progress.stage("score candidates", inputs.catalog.rows) as advance:
        for i, part in enumerate(score_catalog(model, inputs.catalog, partition_rows=config.partition_rows)):
            rundir.write_table(f"scores/part-{i:05d}.parquet", part.scores, {"kakehashi.schema": SCHEMA_VERSION})
            parts.append(part.scores)
            quarantine.append(part.quarantine)
            unique += part.unique
            advance(part.scores.num_rows + part.quarantine.num_rows)
    scores, aside = pa.concat_tables(parts), pa.concat_tables(quarantine)
    if scores.num_rows + aside.num_rows != inputs.catalog.rows:
        raise RuntimeError(f"{inputs.catalog.rows} rows in, {scores.num_rows} scored, {aside.num_rows} in quarantine")
    with progress.stage("rank and write", 1) as advance:
        ranked = rank(scores, inputs.order, log=inputs.target.log)
        write_tables(rundir, model, inputs, ranked, aside)
        advance(1)
    record = run_record(config, inputs, model, scores, ranked, aside, unique, progress, command)
    rundir.write_text("run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_report(rundir)
    share = aside.num_rows / inputs.catalog.rows
    code = QUARANTINE_EXCEEDED if share > config.max_quarantine else 0
    return Outcome(record, ranked.table.slice(0, 1000), code)


def build_model(config: ScreenConfig, inputs: Inputs, progress: Progress) -> Model:
    """Pre-train the sources without the target's formulas, then transfer."""
    sources = []
    for table in inputs.sources:
        with progress.stage(f"pre-train {table.name}", config.networks) as advance:
            sources.append(
                pretrain_source(
                    table,
                    exclude=inputs.target.keys,
                    networks=config.networks,
                    seed=config.seed,
                    convention=config.convention,  # type: ignore[arg-type]  # checked by config
                    progress=advance,
                )
            )
    library = Library(tuple(sources), config.convention, config.seed)  # type: ignore[arg-type]
    with progress.stage("transfer", config.outer_folds) as advance:
        return transfer(library, inputs.target, outer=config.outer_folds, seed=config.seed, progress=advance)


def write_tables(rundir: RunDir, model: Model, inputs: Inputs, ranked: Ranked, aside: pa.Table) -> None:
    """Write ranking (Parquet and CSV), quarantines, leaderboard and out-of-fold predictions."""
    metadata = {"kakehashi.schema": SCHEMA_VERSION, "unit": inputs.target.unit}
    rundir.write_table("ranking.parquet", ranked.table, metadata)
    rundir.write_bytes("ranking.csv", csv_bytes(ranked.table))
    rundir.write_table("quarantine.parquet", aside, metadata)
    rundir.write_table("quarantine_training.parquet", rejected_table(inputs.target, *inputs.sources), metadata)
    rundir.write_table("leaderboard.parquet", leaderboard_table(model), metadata)
    rundir.write_table("predictions.parquet", predictions_table(model), metadata)


def write_report(rundir: RunDir) -> None:
    """(Re)build report.html from the files of the run."""
    from screen.report.build import write_report as build

    rundir.write_text("report.html", build(Path(rundir.path)))


def plan(config: ScreenConfig, inputs: Inputs) -> dict[str, Any]:
    """What a run would do, for `--dry-run`."""
    partitions = -(-inputs.catalog.rows // config.partition_rows)
    return {
        "target": f"{inputs.target.name}: {len(inputs.target)} compositions",
        "sources": [f"{table.name}: {len(table)} compositions" for table in inputs.sources],
        "networks": config.networks * len(inputs.sources),
        "catalog": inputs.catalog.name,
        "rows": inputs.catalog.rows,
        "partitions": partitions,
        "out": config.out,
        "config": as_dict(config),
    }


def ranking_schema(catalog: Catalog) -> pa.Schema:
    """Columns a filter may name: the catalogue's own and the scores'."""
    text = ("reduced_formula", "domain", "domain_reason", "nearest_training")
    fields = list(catalog.schema)
    fields += [pa.field(name, pa.string()) for name in text]
    fields += [pa.field(name, pa.float64()) for name in ("mean", "lower", "upper", "spread", "distance")]
    return pa.schema(fields)
