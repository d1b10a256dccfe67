"""Terminal output of `kakehashi evaluate`: leaderboard, verdict, recommendation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.catalogs.shown import shown
from kakehashi.screen.cli.preview_text import preview_run
from kakehashi.screen.cli.slower_text import slower_lines
from kakehashi.screen.evaluation.config import EvaluateConfig, deciding
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.runner import InputComparison, RunKind, source_hashes
from kakehashi.screen.transfer.rows import MEAN

if TYPE_CHECKING:
    from kakehashi.screen.evaluation.run import Board, EvaluationInputs, EvaluationOutcome

# Rows printed.
HEAD = 15
# Width of a terminal that shows all columns.
WIDE = 120


def kind() -> RunKind:
    """Steps of an evaluation, for the runner."""
    return RunKind(
        read=_read, plan=_plan, forecast=_forecast, run=_run,
        show=lambda outcome, rundir: show(outcome.record, outcome.board, rundir.where),
        as_dict=as_dict, deciding=deciding, compare=_compare, preview=preview_run,
    )  # fmt: skip


def show(record: dict[str, Any], board: Board, where: str) -> None:
    """Print the best rows, the verdict, and the recommendation with its command."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    rows = board.leaderboard.to_pylist()
    recommended = record["recommendation"]["model"]
    shown_rows = [row for k, row in enumerate(rows) if k < HEAD or row["name"] in (recommended, MEAN.name)]
    target = record["target"]
    scale = f"ln({target['quantity']})" if target["log"] else f"{target['quantity']} {target['unit']}".strip()
    _table(console, f"Held-out errors of {scale}, best first", shown_rows, recommended)
    if len(rows) > len(shown_rows):
        console.print(shown(f"{len(rows) - len(shown_rows)} more rows in {where}/leaderboard.parquet"), markup=False)
    console.print(shown(record["verdict"]["text"]), style="bold", markup=False)
    console.print(shown(record["recommendation"]["text"]), markup=False)
    for text in record["warnings"]:
        console.print(shown(f"note: {text}"), markup=False)
    console.print(shown(f"next: {record['recommendation']['command']}"), markup=False)
    console.print(shown(f"{sum(record['timings'].values()):.0f} s; report: {where}/report.html"), markup=False)
    for line in slower_lines(record):
        console.print(shown(line), markup=False)


def _table(console: Any, title: str, rows: list[dict[str, Any]], recommended: str) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    view = Table(title=Text(shown(title)), title_justify="left", box=box.SIMPLE_HEAD)
    view.add_column("model", overflow="fold")
    names = ["MAE", "R²", "90% cov.", "vs best direct", "p"]
    wide = console.width >= WIDE
    for name in (*names, "width", "optimism", "shuffled")[: 8 if wide else 5]:
        view.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        compared = row["p_value"] == row["p_value"]
        cells = [
            f"{row['mae']:.3f} ± {row['mae_std']:.3f}" if 0.01 < row["mae"] < 100 else f"{row['mae']:.3g}",
            f"{row['r2']:.2f}",
            _figure(row["coverage_90"], "{:.0%}"),
            f"{row['difference']:+.2g} ± {row['difference_std']:.2g}" if compared else "reference",
            _figure(row["p_value"], "{:.2g}"),
            _figure(row["width_90"], "{:.3g}"),
            f"{row['optimism']:+.2g}",
            f"{row['null_mae']:.3g}",
        ]
        style = "bold" if row["name"] == recommended else ""
        view.add_row(Text(shown(row["name"]), style=style), *cells[: 8 if wide else 5])
    console.print(view)


def _figure(value: float, form: str) -> str:
    return form.format(value) if value == value else "–"


def _read(config: EvaluateConfig) -> EvaluationInputs:
    from kakehashi.screen.evaluation.run import read_inputs

    return read_inputs(config)


def _plan(config: EvaluateConfig, inputs: EvaluationInputs) -> dict[str, Any]:
    from kakehashi.screen.evaluation.run import plan

    return plan(config, inputs)


def _forecast(config: EvaluateConfig, inputs: EvaluationInputs) -> dict[str, Any]:
    from kakehashi.screen.evaluation.run import forecast

    return forecast(config, inputs)


def _run(
    config: EvaluateConfig, inputs: EvaluationInputs, rundir: RunDir, progress: Progress, command: str
) -> EvaluationOutcome:
    from kakehashi.screen.evaluation.run import run_evaluation

    return run_evaluation(config, inputs, rundir, progress, command)


def _compare(config: EvaluateConfig, inputs: EvaluationInputs, record: Mapping[str, Any]) -> list[InputComparison]:
    then = source_hashes(record["sources"])
    found = [InputComparison("target", config.target, inputs.target.sha256, record["target"]["sha256"])]
    return found + [InputComparison("source", t.name, t.sha256, then.get(t.name)) for t in inputs.sources]
