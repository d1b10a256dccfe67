"""One evaluation from configuration to a folder of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import named_materials
from kakehashi.catalogs.properties.stated_units import check_named, parse_units
from kakehashi.catalogs.properties.tables import read_from
from kakehashi.catalogs.records import PropertyTable
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.evaluation.command import write_command
from kakehashi.screen.evaluation.config import EvaluateConfig
from kakehashi.screen.evaluation.evaluate import Evaluation, evaluate
from kakehashi.screen.evaluation.learning_curve import CurvePoint
from kakehashi.screen.foundation.record import Foundation
from kakehashi.screen.networks.library import groups, pretrain_library
from kakehashi.screen.networks.source import Settings, tell_apart
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.presets import NO_BASELINE
from kakehashi.screen.runs.refused import warnings_of, write_rejected
from kakehashi.screen.screening.estimate import estimate_cost
from kakehashi.screen.screening.foundation_record import foundation_record
from kakehashi.screen.screening.inputs import load_described
from kakehashi.screen.screening.knowledge import gather_knowledge
from kakehashi.screen.screening.model_cost import check_memory, estimate_megabytes, estimate_model
from kakehashi.screen.screening.record import (
    PACKAGES,
    board_table,
    held_out_table,
    record_head,
    source_record,
    target_record,
)
from kakehashi.screen.screening.run import SCHEMA_VERSION
from kakehashi.screen.transfer.verdict import finite_only, verdict_record
from kakehashi.screen.validation.intervals import LEVEL

KIND = "evaluation"


class EvaluationInputs(NamedTuple):
    """Target and sources of an evaluation, checked."""

    target: PropertyTable
    sources: tuple[PropertyTable, ...]
    convention: str
    foundation: Foundation | None = None


class Board(NamedTuple):
    """An evaluation as its user has it.

    leaderboard, predictions : the columns of leaderboard.parquet and predictions.parquet (of the recommended procedure)
    learning_curve : n, model, mae, mae_std; no rows if not measured
    verdict, recommendation, command : does transfer help, what to do in a sentence, and the command that does it
    evaluation : everything behind them
    """

    leaderboard: pa.Table
    predictions: pa.Table
    learning_curve: pa.Table
    verdict: str
    recommendation: str
    command: str
    evaluation: Evaluation

    def __repr__(self) -> str:
        columns = self.leaderboard.select(["name", "mae"]).slice(0, 4).to_pylist()
        best = [f"{row['mae']:.4g}  {row['name']}" for row in columns]
        target = self.evaluation.target.name
        head = f"Board of {target}: {self.leaderboard.num_rows} models by mean absolute error, held out"
        return "\n  ".join([head, *best, self.verdict, self.recommendation, self.command])


class EvaluationOutcome(NamedTuple):
    """Record (run.json) and tables of an evaluation."""

    record: dict[str, Any]
    board: Board


def read_inputs(config: EvaluateConfig) -> EvaluationInputs:
    """Read target and sources and check the settings against them.

    Raises
    ------
    UserError : the first mistake.
    """
    material = named_materials(config.material, (config.target, *config.source))
    units = parse_units(config.unit)
    target, specs, sources, foundation = load_described(config, material, units)
    check_named(units, read_from([config.target, *specs], [target, *sources]))
    sources = tell_apart(sources, specs, taken=target.name)
    return EvaluationInputs(
        target, tuple(sources), convention_for([target, *sources], config.convention, config.descriptors), foundation
    )


def plan(config: EvaluateConfig, inputs: EvaluationInputs) -> dict[str, Any]:
    """Describe what an evaluation would do, for `--dry-run`."""
    return {
        "target": f"{inputs.target.name}: {len(inputs.target)} values",
        "sources": [f"{table.name}: {len(table)} values" for table in inputs.sources],
        "trunk": config.trunk,
        "networks": config.networks * _sources(config, inputs),
        "holdout": config.holdout,
        "warnings": warnings_of([inputs.target], inputs.sources, written=False),
        "out": config.out,
        "config": as_dict(config),
    }


def forecast(config: EvaluateConfig, inputs: EvaluationInputs) -> dict[str, Any]:
    """Cost of an evaluation, for `--dry-run`."""
    _check_memory(config, inputs)
    n, foundation, sources = len(inputs.target), inputs.foundation is not None, _sources(config, inputs)
    networks = config.networks * sources
    baselines = 0 if config.baselines == NO_BASELINE else len({*config.baselines} - {*config.heads})
    seconds = estimate_model(
        n, networks=networks, sources=sources, foundation=foundation, outer=config.outer_folds, families=False,
        heads=config.heads, baselines=baselines,
    )  # fmt: skip
    megabytes = estimate_megabytes(n, networks=networks, sources=sources, foundation=foundation)
    return {"estimate": estimate_cost(None, networks, None, None, model_seconds=seconds, model_mb=megabytes)}


def _sources(config: EvaluateConfig, inputs: EvaluationInputs) -> int:
    """Number of sets of networks: of each source its own, and of a shared trunk."""
    return len(groups(inputs.sources, config.trunk))  # type: ignore[arg-type]  # checked by config


def _check_memory(config: EvaluateConfig, inputs: EvaluationInputs) -> None:
    sources = _sources(config, inputs)
    check_memory(
        len(inputs.target), networks=config.networks * sources, sources=sources,
        foundation=inputs.foundation is not None,
    )  # fmt: skip


def compare(config: EvaluateConfig, inputs: EvaluationInputs, progress: Progress) -> Board:
    """Pre-train without the target's formulas, then evaluate.

    Raises
    ------
    UserError : too little memory for so many values; as `evaluate`.
    """
    _check_memory(config, inputs)
    library = pretrain_library(
        inputs.sources,
        Settings(config.networks, config.seed, inputs.convention),
        target=inputs.target,
        trunk=config.trunk,  # type: ignore[arg-type]  # checked by config
        cache=not config.no_cache,
        stage=progress.stage,
    )
    evaluation = evaluate(
        library,
        inputs.target,
        holdout=config.holdout,  # type: ignore[arg-type]  # checked by config
        top=config.top_fraction,
        outer=config.outer_folds,
        seed=config.seed,
        heads=config.heads,
        baselines=() if config.baselines == NO_BASELINE else config.baselines,
        curve=config.learning_curve,
        knowledge=gather_knowledge(inputs.foundation),
        cache=not config.no_cache,
        stage=progress.stage,
    )
    return board_of(evaluation, write_command(config, evaluation))


def board_of(evaluation: Evaluation, command: str) -> Board:
    """Make the tables and sentences of an evaluation."""
    mean = evaluation.predictions[evaluation.verdict.recommended]
    predictions = held_out_table(evaluation.target, evaluation.held.folds, mean, evaluation.lower, evaluation.upper)
    schema = pa.schema([("n", pa.int64()), ("model", pa.string()), ("mae", pa.float64()), ("mae_std", pa.float64())])
    return Board(
        leaderboard=board_table([row.columns for row in evaluation.rows]),
        predictions=predictions.filter(pa.array(evaluation.held.folds >= 0)),
        learning_curve=pa.Table.from_pylist([CurvePoint._asdict(point) for point in evaluation.curve], schema=schema),
        verdict=evaluation.verdict.text,
        recommendation=evaluation.verdict.recommendation,
        command=command,
        evaluation=evaluation,
    )


def run_evaluation(
    config: EvaluateConfig, inputs: EvaluationInputs, rundir: RunDir, progress: Progress, command: str
) -> EvaluationOutcome:
    """Evaluate and write everything into an open run folder."""
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
    record = evaluation_record(config, inputs, board, progress, command)
    rundir.write_text("run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    from kakehashi.screen.report.evaluation import write_report

    rundir.write_text("report.html", write_report(Path(rundir.path)))
    return EvaluationOutcome(record, board)


def evaluation_record(
    config: EvaluateConfig, inputs: EvaluationInputs, board: Board, progress: Progress, command: str
) -> dict[str, Any]:
    """Record of an evaluation (run.json), enough to repeat it."""
    evaluation = board.evaluation
    verdict = evaluation.verdict
    row = next(row for row in evaluation.rows if row.entry.name == verdict.recommended)
    checkpoints = [source.checkpoint for source in evaluation.library.sources]
    return {
        **record_head(as_dict(config), progress, command, (*PACKAGES, "scikit-learn"), KIND),
        "convention": evaluation.library.convention,
        "target": target_record(evaluation.target),
        "sources": [source_record(source) for source in evaluation.library.sources],
        "foundation": foundation_record(evaluation.knowledge, evaluation.unseen),
        "holdout": {"mode": config.holdout, "text": evaluation.held.text, "splits": len(evaluation.held.splits)},
        # The error and the intervals of what is recommended, be it the stack with sources or without.
        "verdict": verdict_record(verdict)
        | finite_only(
            {
                "chosen_mae": row.entry.mae,
                "coverage_90": row.entry.coverage_90,
                "optimism": row.entry.optimism,
                "null_mae": row.null_mae,
            }
        ),
        "recommendation": {"model": verdict.recommended, "text": verdict.recommendation, "command": board.command},
        "sources_alone": [finite_only(worth._asdict()) for worth in evaluation.worth],
        "baselines": evaluation.settings,
        "interval": {"level": LEVEL},
        "timings": dict(progress.timings),
        "warnings": [
            *evaluation.warnings,
            *dict.fromkeys(point.warning for point in checkpoints if point and point.warning),
            *warnings_of([inputs.target], inputs.sources),
        ],
    }
