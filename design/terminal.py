"""What a design run prints: the verdicts, what the sampler did, the head of the proposals."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalogs.records import UserError
from catalogs.rundir import RunDir
from design.config import DesignConfig, deciding
from screen.progress import Mode, Progress, warn

if TYPE_CHECKING:
    import pyarrow as pa

HEAD = 10


def run_and_print(
    config: DesignConfig,
    *,
    mode: Mode = "auto",
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    json_out: bool = False,
    quiet: bool = False,
) -> int:
    """Run one design and print its outcome; the exit code."""
    if resume and overwrite:
        raise UserError("expected --resume or --overwrite, got both: choose one")
    if not dry_run and not config.out:
        raise UserError("--out is missing: the folder the results go to")
    if not dry_run and resume and (record := _finished(Path(config.out), config)) is not None:
        if json_out:
            print(json.dumps(record))
        elif not quiet:
            print(f"nothing to do: {config.out} holds this run, finished")
        return 0
    from screen.device import choose

    choose(config.device)
    from design.inputs import read_inputs
    from design.run import plan, run_design

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
            outcome = run_design(config, inputs or read_inputs(config), rundir, Progress(mode), shlex.join(words))
    except KeyboardInterrupt:
        again = [word for word in words if word not in ("--resume", "--overwrite")]
        warn("auto" if mode == "quiet" else mode, f"interrupted; go on with: {shlex.join([*again, '--resume'])}")
        return 130
    if json_out:
        print(json.dumps(outcome.record))
    elif not quiet:
        show(outcome.record, outcome.proposals, Path(config.out))
    return 0


def rebuild_report(directory: str, *, json_out: bool = False, quiet: bool = False, dry_run: bool = False) -> int:
    """Write report.html again from the files of a run folder, by the kind of run that run.json names."""
    from screen.report.data import run_json
    from screen.terminal import rebuild_report as rebuild

    build: Callable[[Path], str] | None = None
    kind = run_json(Path(directory) / "run.json").get("kind")
    if kind == "design":
        from design.report.build import write_report as build
    elif kind == "study":
        from screen.studies.page import write_report as build
    return rebuild(directory, build, json_out=json_out, quiet=quiet, dry_run=dry_run)


def show(record: dict[str, Any], proposals: pa.Table, out: Path) -> None:
    """Print verdicts, counts and the best proposals."""
    from rich.console import Console
    from rich.table import Table

    from screen.terminal import shown

    console = Console(highlight=False, soft_wrap=True)
    for found in record["properties"]:
        console.print(shown(f"{found['target']['name']}: {found['verdict']['text']}"), style="bold", markup=False)
    sampler, listed, prior = record["sampler"], record["proposals"], record["prior"]
    console.print(
        f"{sampler['evaluated']:,} distinct repeat units judged, {listed['listed']:,} proposals;"
        f" {listed['above_prior']:,} of them above the {prior['quantile']:.1%} quantile of the prior"
        f" (goal probability {prior['p_goal']:.3g}).",
        markup=False,
    )
    if sampler["log_z"] is not None:
        console.print(
            f"log Z {sampler['log_z']:.3f} ± {sampler['log_z_error']:.3f} over {sampler['temperatures'] - 1}"
            f" temperatures; {sum(record['timings'].values()):.0f} s in all.",
            markup=False,
        )
    table = Table(box=None, pad_edge=False)
    for name in ("rank", "smiles", "class", "mean", "90% interval", "p_goal", "SA", "monomers"):
        table.add_column(name, overflow="fold")
    for row in proposals.slice(0, HEAD).to_pylist():
        monomers = " + ".join(row[f"monomer_{k}"] for k in (1, 2) if row[f"monomer_{k}"])
        table.add_row(
            str(row["rank"]), shown(row["smiles"]), shown(row["class"] or "no route known"), f"{row['mean']:.3g}",
            f"{row['lower']:.3g} to {row['upper']:.3g}", f"{row['p_goal']:.3g}", f"{row['sa_score']:.1f}",
            shown(monomers),
        )  # fmt: skip
    console.print(table)
    for text in record["warnings"]:
        console.print(shown(f"warning: {text}"), markup=False)
    console.print(shown(f"{out / 'report.html'}"), markup=False)


def _finished(out: Path, config: DesignConfig) -> dict[str, Any] | None:
    """The record of the finished run the folder holds, None if it is not finished; UserError if it is another."""
    from catalogs.results import Results

    if not (out / "run.json").exists():
        return None
    results = Results(out)
    results.verify()
    record: dict[str, Any] = json.loads(results.read_text("run.json"))
    mine, theirs = deciding(json.loads(json.dumps(asdict(config)))), deciding(record.get("config", {}))
    other = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
    if other:
        raise UserError(
            f"{out} holds a finished run with another {', '.join(other)}: choose another --out, or --overwrite"
        )
    return record
