"""What an evaluation prints: the leaderboard, the verdict, what to do with it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from catalogs.records import UserError
from catalogs.rundir import RunDir
from screen.evaluate_config import EvaluateConfig, as_dict, deciding
from screen.progress import Mode, Progress, warn
from screen.terminal import shown

HEAD = 15
# Columns of a terminal that show all figures.
WIDE = 120


def run_and_print(
    config: EvaluateConfig,
    *,
    mode: Mode = "auto",
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    json_out: bool = False,
    quiet: bool = False,
) -> int:
    """Run one evaluation and print its outcome; the exit code."""
    if resume and overwrite:
        raise UserError("expected --resume or --overwrite, got both: choose one")
    if not dry_run and not config.out:
        raise UserError("--out is missing: the folder the results go to")
    if not dry_run and resume and (record := _finished(Path(config.out), config)) is not None:
        if json_out:
            print(json.dumps(record))
        elif not quiet:
            print(f"nothing to do: {config.out} holds this evaluation, finished")
        return 0
    from screen.device import choose

    choose(config.device)
    from screen.evaluate_run import plan, read_inputs, run_evaluation

    if dry_run:
        found = plan(config, read_inputs(config))
        if json_out or not quiet:
            print(json.dumps(found, indent=None if json_out else 1))
        return 0
    words = ["kakehashi", *sys.argv[1:]]
    # What is overwritten goes when the folder is opened: not before the inputs are known to be good.
    inputs = read_inputs(config) if overwrite else None
    try:
        with RunDir(config.out, resume=resume, overwrite=overwrite) as rundir:
            record = run_evaluation(config, inputs or read_inputs(config), rundir, Progress(mode), shlex.join(words))
    except KeyboardInterrupt:
        again = [word for word in words if word not in ("--resume", "--overwrite")]
        warn("auto" if mode == "quiet" else mode, f"interrupted; go on with: {shlex.join([*again, '--resume'])}")
        return 130
    if json_out:
        print(json.dumps(record))
    elif not quiet:
        show(record, Path(config.out))
    return 0


def show(record: dict[str, Any], out: Path) -> None:
    """Print the best rows and the recommended one, the verdict, and the command that uses it."""
    from rich.console import Console

    from catalogs.results import Results

    console = Console(highlight=False, soft_wrap=True)
    rows = Results(out).read_table("leaderboard.parquet").to_pylist()
    recommended = record["recommendation"]["model"]
    kept = [
        row for k, row in enumerate(rows) if k < HEAD or row["name"] in (recommended, "mean of the training values")
    ]
    target = record["target"]
    scale = f"ln({target['quantity']})" if target["log"] else f"{target['quantity']} {target['unit']}".strip()
    _table(console, f"Held-out errors of {scale}, best first", kept, recommended)
    if len(rows) > len(kept):
        console.print(f"{len(rows) - len(kept)} more rows in {shown(str(out / 'leaderboard.parquet'))}", markup=False)
    console.print(shown(record["verdict"]["text"]), style="bold", markup=False)
    console.print(shown(record["recommendation"]["text"]), markup=False)
    for text in record["warnings"]:
        console.print(shown(f"note: {text}"), markup=False)
    console.print(shown(f"next: {record['recommendation']['command']}"), markup=False)
    console.print(shown(f"{sum(record['timings'].values()):.0f} s; report: {out / 'report.html'}"), markup=False)


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


def _finished(out: Path, config: EvaluateConfig) -> dict[str, Any] | None:
    """The record of this very evaluation of the same data, finished; UserError if the folder holds another."""
    from catalogs.results import Results

    if not (out / "run.json").is_file():
        return None
    results = Results(out)
    record: dict[str, Any] = json.loads(results.read_text("run.json"))
    mine, theirs = deciding(as_dict(config)), deciding(record.get("config", {}))
    other = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
    if record.get("kind") != "evaluation" or other:
        what = f"another {', '.join(other)}" if record.get("kind") == "evaluation" else "no evaluation"
        raise UserError(f"{out} holds a finished run with {what}: choose another --out, or --overwrite")
    from screen.evaluate_run import read_inputs

    inputs = read_inputs(config)
    then = [record["target"], *({task["name"]: task for s in record["sources"] for task in s["tasks"] or [s]}).values()]
    now = [inputs.target, *inputs.sources]
    if [table.sha256 for table in now] != [found["sha256"] for found in then]:
        raise UserError(f"{out} holds a finished evaluation of other data: choose another --out, or --overwrite")
    results.verify()
    return record if "report.html" in results.names() else None
