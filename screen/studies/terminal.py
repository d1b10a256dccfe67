"""Terminal output of a study: its claims, their verdicts, the files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.catalogs.shown import shown
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.runner import InputComparison, RunKind
from kakehashi.screen.studies.config import StudyConfig, deciding

if TYPE_CHECKING:
    from kakehashi.screen.studies.run import Study, StudyOutcome


def kind(study: Callable[[], Study]) -> RunKind:
    """A study; `study` brings it when it is needed."""

    def run(config: StudyConfig, inputs: Any, rundir: RunDir, progress: Progress, command: str) -> StudyOutcome:
        from kakehashi.screen.studies.run import run_study

        return run_study(study(), config, inputs, rundir, progress, command)

    def compare(config: StudyConfig, inputs: Any, record: Mapping[str, Any]) -> list[InputComparison]:
        then = {(entry["role"], entry["name"]): entry["sha256"] for entry in record["data"]}
        return [
            InputComparison(role, table.name, table.sha256, then.get((role, table.name)))
            for role, table in study().tables(inputs)
        ]

    def plan(config: StudyConfig, inputs: Any) -> dict[str, Any]:
        tables = [f"{role} {table.name}: {len(table)} materials" for role, table in study().tables(inputs)]
        return {"study": config.name, "tables": tables, "out": config.out, "config": as_dict(config)}

    return RunKind(
        read=lambda config: study().read(config), plan=plan, run=run, show=lambda outcome, rundir: show(rundir),
        as_dict=as_dict, deciding=deciding, compare=compare,
    )  # fmt: skip


def show(rundir: Results) -> None:
    """Print every figure's claim, ours and the paper's."""
    from rich.console import Console

    from kakehashi.screen.studies.page import WORDS

    console = Console(highlight=False, soft_wrap=True)
    study: dict[str, Any] = json.loads(rundir.read_text("study.json"))
    console.print(shown(study["lede"]), style="bold", markup=False)
    for text in study["stand_ins"]:
        console.print(shown(f"note: {text}"), markup=False)
    for figure in study["figures"]:
        console.print()
        claim = f"{figure['number']}  {figure['title']}: {WORDS[figure['held']]}"
        console.print(shown(claim), style="bold", markup=False)
        for text in (f"paper: {figure['paper']}", f"here:  {figure['ours']}", figure["verdict"]):
            console.print(shown(f"   {text}"), markup=False)
    console.print(shown(f"report: {rundir.where}/report.html"), markup=False)
