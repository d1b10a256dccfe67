"""One evaluation from configuration to a folder of results."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import named_materials
from kakehashi.catalogs.properties.column_units import bare_name
from kakehashi.catalogs.properties.refused import MAX_REJECTED
from kakehashi.catalogs.properties.stated_units import check_named, parse_units
from kakehashi.catalogs.properties.tables import load_table, read_from
from kakehashi.catalogs.records import PropertyTable
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.evaluation.config import EvaluateConfig
from kakehashi.screen.evaluation.evaluate import Evaluation, evaluate
from kakehashi.screen.evaluation.learning_curve import Point
from kakehashi.screen.networks.library import groups, pretrain_library
from kakehashi.screen.networks.source import Settings, tell_apart
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.refused import warnings_of, write_rejected
from kakehashi.screen.screening.config import sources_of
from kakehashi.screen.screening.record import (
    PACKAGES,
    board_table,
    held_out_table,
    record_head,
    source_record,
    target_record,
)
from kakehashi.screen.screening.run import SCHEMA_VERSION
from kakehashi.screen.transfer.rows import CHOSEN
from kakehashi.screen.transfer.verdict import known, verdict_record
from kakehashi.screen.validation.intervals import LEVEL

KIND = "evaluation"


class Inputs(NamedTuple):
    """What an evaluation reads, checked before anything is computed."""

    target: PropertyTable
    sources: tuple[PropertyTable, ...]
    convention: str


class Board(NamedTuple):
    """An evaluation as its user has it.

    leaderboard, predictions : the columns of leaderboard.parquet and predictions.parquet (of the recommended procedure)
    learning_curve : n, model, mae, mae_std; no rows where none was measured
    verdict, recommendation, command : what was found, in a sentence what to do, and the command that does it
    evaluation : everything behind them
    """

    leaderboard: pa.Table
    predictions: pa.Table
    learning_curve: pa.Table
    verdict: str
    recommendation: str
    command: str
    evaluation: Evaluation


class Outcome(NamedTuple):
    """What an evaluation leaves beside its files: its record (run.json)."""

    record: dict[str, Any]
    board: Board


def read_inputs(config: EvaluateConfig) -> Inputs:
    """Load target and sources and check every setting against them; UserError on the first mistake."""
    material = named_materials(config.material, (config.target, *config.source))
    units = parse_units(config.unit)
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
    return Inputs(target, tuple(sources), convention_for([target, *sources], config.convention, config.descriptors))


def plan(config: EvaluateConfig, inputs: Inputs) -> dict[str, Any]:
    """What an evaluation would do, for `--dry-run`."""
    return {
        "target": f"{inputs.target.name}: {len(inputs.target)} values",
        "sources": [f"{table.name}: {len(table)} values" for table in inputs.sources],
        "trunk": config.trunk,
        "networks": config.networks * len(groups(inputs.sources, config.trunk)),  # type: ignore[arg-type]
        "holdout": config.holdout,
        "warnings": warnings_of([inputs.target], inputs.sources, written=False),
        "out": config.out,
        "config": as_dict(config),
    }


def compare(config: EvaluateConfig, inputs: Inputs, progress: Progress) -> Board:
    """Pre-train the sources without the target's formulas and measure everything."""
    library = pretrain_library(
        inputs.sources,
        Settings(config.networks, config.seed, inputs.convention),
        target=inputs.target,
        trunk=config.trunk,  # type: ignore[arg-type]  # checked by config
        cache=not config.no_cache,
        stage=progress.stage,
    )
    found = evaluate(
        library,
        inputs.target,
        holdout=config.holdout,  # type: ignore[arg-type]  # checked by config
        top=config.top_fraction,
        outer=config.outer_folds,
        seed=config.seed,
        heads=config.heads,
        baselines=() if config.baselines == ("none",) else config.baselines,
        curve=config.learning_curve,
        stage=progress.stage,
    )
    return board_of(found, command(config, found))


def board_of(found: Evaluation, use: str) -> Board:
    """The tables and sentences of an evaluation."""
    mean = found.predictions[found.judgement.recommended]
    predictions = held_out_table(found.target, found.held.folds, mean, found.lower, found.upper)
    schema = pa.schema([("n", pa.int64()), ("model", pa.string()), ("mae", pa.float64()), ("mae_std", pa.float64())])
    return Board(
        leaderboard=board_table(found.rows),
        predictions=predictions.filter(pa.array(found.held.folds >= 0)),
        learning_curve=pa.Table.from_pylist([Point._asdict(point) for point in found.curve], schema=schema),
        verdict=found.judgement.text,
        recommendation=found.judgement.recommendation,
        command=use,
        evaluation=found,
    )


def command(config: EvaluateConfig, found: Evaluation) -> str:
    """The command line that uses the recommended procedure: with this target, these sources and settings."""
    target, transferred = found.target, found.judgement.recommended == CHOSEN
    design, called = target.molecules is not None and transferred, bare_name(target.name)
    given: list[str] = ["kakehashi", "design" if design else "screen", "--target", config.target]
    for name, value in (
        ("--value", config.value),
        ("--descriptors", config.descriptors),
    ):
        given += [name, value] if value is not None else []
    for column in config.material or ():
        given += ["--material", column]
    given += ["--log"] if config.log else []
    for column, unit in parse_units(config.unit).items():  # those of sources only with sources
        given += ["--unit", f"{column}={unit}"] if transferred or column.endswith(target.name) else []
    given += ["--max-rejected", f"{config.max_rejected:g}"] if config.max_rejected != MAX_REJECTED else []
    for spec in config.source if transferred else ("none",):
        given += ["--source", spec]
    given += ["--networks", str(config.networks)] if transferred else []
    given += ["--heads", ",".join(config.heads), "--outer-folds", str(config.outer_folds), "--seed", str(config.seed)]
    if design:
        # A goal that a tenth of the known values meet, to begin with.
        given += ["--goal", f"{called}>{np.quantile(target.values, 0.9):.3g}"]
    else:
        given += ["--trunk", config.trunk] if transferred and config.trunk != "separate" else []
        given += ["--convention", config.convention] if config.convention is not None else []
        given += ["--folds", config.folds] if config.folds is not None else []
        given += ["--catalog", "default" if target.molecules is None else "candidates.csv"]
    return shlex.join([*given, "--out", f"runs/{called.replace('/', '_')}"])


def run_evaluation(config: EvaluateConfig, inputs: Inputs, rundir: RunDir, progress: Progress, words: str) -> Outcome:
    """Measure everything and write it into an open run folder."""
    for name in ("report.html", "run.json"):  # until they are there again the folder is unfinished
        rundir.remove(name)
    board = compare(config, inputs, progress)
    metadata = {"kakehashi.schema": SCHEMA_VERSION, "unit": inputs.target.unit}
    write_rejected(rundir, (inputs.target, *inputs.sources), metadata)
    rundir.write_table("leaderboard.parquet", board.leaderboard, metadata)
    rundir.write_table("predictions.parquet", board.predictions, metadata)
    if config.learning_curve:
        rundir.write_table("learning_curve.parquet", board.learning_curve, metadata)
    else:
        rundir.remove("learning_curve.parquet")
    record = evaluation_record(config, inputs, board, progress, words)
    rundir.write_text("run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    from kakehashi.screen.report.evaluation import write_report

    rundir.write_text("report.html", write_report(Path(rundir.path)))
    return Outcome(record, board)


def evaluation_record(
    config: EvaluateConfig, inputs: Inputs, board: Board, progress: Progress, words: str
) -> dict[str, Any]:
    """Everything needed to understand and repeat an evaluation, as JSON values."""
    found = board.evaluation
    judged = found.judgement
    row = next(row for row in found.rows if row.name == judged.recommended)
    kept = [source.checkpoint for source in found.library.sources]
    return {
        **record_head(as_dict(config), progress, words, (*PACKAGES, "scikit-learn"), KIND),
        "convention": found.library.convention,
        "target": target_record(found.target),
        "sources": [source_record(source) for source in found.library.sources],
        "holdout": {"mode": config.holdout, "text": found.held.text, "splits": len(found.held.splits)},
        # The error and the intervals of what is recommended, be it the stack with sources or without.
        "verdict": verdict_record(judged)
        | known(
            {
                "chosen_mae": row.mae,
                "coverage_90": row.coverage_90,
                "optimism": row.optimism,
                "null_mae": row.null_mae,
            }
        ),
        "recommendation": {"model": judged.recommended, "text": judged.recommendation, "command": board.command},
        "baselines": found.settings,
        "interval": {"level": LEVEL},
        "timings": dict(progress.timings),
        "warnings": [
            *found.warnings,
            *dict.fromkeys(point.warning for point in kept if point and point.warning),
            *warnings_of([inputs.target], inputs.sources),
        ],
    }
