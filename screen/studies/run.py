"""A study from configuration to a folder of results."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from kakehashi.catalogs.records import PropertyTable
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.screening.record import PACKAGES, record_head, target_record
from kakehashi.screen.studies.config import StudyConfig
from kakehashi.screen.studies.findings import Findings

# Files that follow from the rest: those of an earlier run go before new ones are written.
REMADE = ("report.html", "run.json", "study.json")
MODULES = {
    "ltc": "kakehashi.screen.studies.ltc.study",
    "refractive-index": "kakehashi.screen.studies.refractive.study",
    "polymer-tc": "kakehashi.screen.studies.polymer.study",
}

Roles = Sequence[tuple[str, PropertyTable]]


class Study(NamedTuple):
    """The functions of one study.

    read : its inputs, checked
    tables : of these, each with its role
    run : from both to findings
    """

    read: Callable[[StudyConfig], Any]
    tables: Callable[[Any], Roles]
    run: Callable[[StudyConfig, Any, Progress], Findings]


class StudyOutcome(NamedTuple):
    """Record of a study (run.json)."""

    record: dict[str, Any]


def study_of(name: str) -> Study:
    """Import a study by its name."""
    module = import_module(MODULES[name])
    return Study(module.read, module.tables, module.run)


def run_study(
    study: Study, config: StudyConfig, inputs: Any, rundir: RunDir, progress: Progress, command: str
) -> StudyOutcome:
    """Run a study and write everything into an open folder."""
    for name in (*REMADE, *rundir.names("figures/"), *rundir.names("tables/")):
        rundir.remove(name)
    findings = study.run(config, inputs, progress)
    for figure in findings.figures:
        rundir.write_text(figure.file, figure.svg)
    for name, table in findings.tables.items():
        rundir.write_table(f"tables/{name}.parquet", table)
    rundir.write_text("study.json", as_json(study_record(config, findings)))
    record = {
        **record_head(as_dict(config), progress, command, (*PACKAGES, "matplotlib", "scikit-learn"), "study"),
        "data": [{"role": role, **target_record(table)} for role, table in study.tables(inputs)],
        "timings": dict(progress.timings),
        "warnings": list(findings.warnings),
    }
    rundir.write_text("run.json", as_json(record))
    write_report(rundir)
    return StudyOutcome(record)


def study_record(config: StudyConfig, findings: Findings) -> dict[str, Any]:
    """Content of study.json: the findings without drawings and tables."""
    return {
        "schema": 1,
        "study": config.name,
        "title": findings.title,
        "lede": findings.lede,
        "stand_ins": list(findings.stand_ins),
        "figures": [
            {name: value for name, value in figure._asdict().items() if name != "svg"} | {"file": figure.file}
            for figure in findings.figures
        ],
        "tables": {
            name: {"rows": table.num_rows, "columns": table.column_names} for name, table in findings.tables.items()
        },
        "numbers": dict(findings.numbers),
    }


def as_json(value: Mapping[str, Any]) -> str:
    """Write JSON text, null for numbers that are not finite.

    >>> print(as_json({"r": float("nan")}).split())
    ['{', '"r":', 'null', '}']
    """
    return json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_report(rundir: RunDir) -> None:
    """Write report.html from the files of the folder."""
    from kakehashi.screen.studies.page import write_report as build

    rundir.write_text("report.html", build(Path(rundir.path)))
