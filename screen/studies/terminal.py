"""What a study prints: its claims with their verdicts, where the files are."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from catalogs.records import UserError
from catalogs.results import Results
from catalogs.rundir import RunDir
from screen.progress import Mode, Progress, warn
from screen.studies.config import StudyConfig, as_dict, deciding


def run_and_print(
    config: StudyConfig,
    *,
    mode: Mode = "auto",
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    json_out: bool = False,
    quiet: bool = False,
) -> int:
    """Do one study and print its outcome; the exit code."""
    if resume and overwrite:
        raise UserError("expected --resume or --overwrite, got both: choose one")
    if not dry_run and not config.out:
        raise UserError("--out is missing: the folder the results go to")
    if dry_run:
        if json_out or not quiet:
            print(json.dumps(as_dict(config), indent=None if json_out else 1))
        return 0
    if resume and (record := _finished(Path(config.out), config)) is not None:
        if json_out:
            print(json.dumps(record))
        elif not quiet:
            print(f"nothing to do: {config.out} holds this study, finished")
        return 0
    from screen.device import choose

    choose(config.device)
    from screen.studies.run import run_study, study_of

    words = ["kakehashi", *sys.argv[1:]]
    try:
        with RunDir(config.out, resume=resume, overwrite=overwrite) as rundir:
            record = run_study(config, study_of(config.name), rundir, Progress(mode), shlex.join(words))
    except KeyboardInterrupt:
        again = [word for word in words if word not in ("--resume", "--overwrite")]
        warn("auto" if mode == "quiet" else mode, f"interrupted; go on with: {shlex.join([*again, '--resume'])}")
        return 130
    if json_out:
        print(json.dumps(record))
    elif not quiet:
        show(Path(config.out))
    return 0


def show(out: Path) -> None:
    """Print every figure's claim, ours and the paper's, from the files of the study."""
    from rich.console import Console

    from screen.studies.page import WORDS
    from screen.terminal import shown

    console = Console(highlight=False, soft_wrap=True)
    study: dict[str, Any] = json.loads(Results(out).read_text("study.json"))
    console.print(shown(study["lede"]), style="bold", markup=False)
    for text in study["stand_ins"]:
        console.print(shown(f"note: {text}"), markup=False)
    for figure in study["figures"]:
        console.print()
        console.print(
            shown(f"{figure['number']}  {figure['title']}: {WORDS[figure['held']]}"), style="bold", markup=False
        )
        for text in (f"paper: {figure['paper']}", f"here:  {figure['ours']}", figure["verdict"]):
            console.print(shown(f"   {text}"), markup=False)
    console.print(shown(f"report: {out / 'report.html'}"), markup=False)


def _finished(out: Path, config: StudyConfig) -> dict[str, Any] | None:
    """The record of the finished study the folder holds, None if it is not finished; UserError if it is another."""
    if not (out / "run.json").is_file():
        return None
    results = Results(out)
    results.verify()
    record: dict[str, Any] = json.loads(results.read_text("run.json"))
    mine, theirs = deciding(as_dict(config)), deciding(record.get("config", {}))
    other = sorted(name for name in mine if mine[name] != theirs[name])
    if other:
        raise UserError(
            f"{out} holds a finished run with another {', '.join(other)}: choose another --out, or --overwrite"
        )
    return record if "report.html" in results.names() else None
