"""A study from configuration to a folder: tables, figures, numbers, record and report."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from catalogs.rundir import RunDir
from screen.device import current
from screen.progress import Progress
from screen.record import PACKAGES
from screen.studies.config import StudyConfig, as_dict
from screen.studies.findings import Findings

# Files that follow from the rest: those of an earlier run go before new ones are written.
REMADE = ("report.html", "run.json", "study.json")
MODULES = {
    "ltc": "screen.studies.ltc",
    "refractive-index": "screen.studies.refractive",
    "polymer-tc": "screen.studies.polymer",
}

Study = Callable[[StudyConfig, Progress], Findings]


def study_of(name: str) -> Study:
    """The function that does a study of this layer."""
    found: Study = import_module(MODULES[name]).run
    return found


def run_study(config: StudyConfig, study: Study, rundir: RunDir, progress: Progress, command: str) -> dict[str, Any]:
    """Do the study and write everything into an open folder; its record (run.json)."""
    for name in (*REMADE, *rundir.names("figures/"), *rundir.names("tables/")):
        rundir.remove(name)
    found = study(config, progress)
    for shown in found.figures:
        rundir.write_text(shown.file, shown.svg)
    for name, table in found.tables.items():
        rundir.write_table(f"tables/{name}.parquet", table)
    rundir.write_text("study.json", as_json(outcome(config, found)))
    record = record_of(config, found, progress, command)
    rundir.write_text("run.json", as_json(record))
    write_report(rundir)
    return record


def outcome(config: StudyConfig, found: Findings) -> dict[str, Any]:
    """What study.json holds: the findings without drawings and tables."""
    return {
        "schema": 1,
        "study": config.name,
        "title": found.title,
        "lede": found.lede,
        "stand_ins": list(found.stand_ins),
        "figures": [
            {name: value for name, value in shown._asdict().items() if name != "svg"} | {"file": shown.file}
            for shown in found.figures
        ],
        "tables": {
            name: {"rows": table.num_rows, "columns": table.column_names} for name, table in found.tables.items()
        },
        "numbers": dict(found.numbers),
    }


def record_of(config: StudyConfig, found: Findings, progress: Progress, command: str) -> dict[str, Any]:
    """Everything needed to understand and repeat the study."""
    return {
        "schema": 1,
        "kind": "study",
        "kakehashi": version("kakehashi"),
        "command": command,
        "config": as_dict(config),
        "started": progress.started,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": config.seed,
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in (*PACKAGES, "matplotlib", "scikit-learn")},
        "platform": platform.platform(),
        "device": str(current()),
        "data": list(found.data),
        "timings": dict(progress.timings),
        "warnings": list(found.warnings),
    }


def as_json(value: Mapping[str, Any]) -> str:
    """JSON text; numbers that are not finite become null."""
    return json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_report(rundir: RunDir) -> None:
    """(Re)build report.html from the files of the folder."""
    from screen.studies.page import write_report as build

    rundir.write_text("report.html", build(Path(rundir.path)))
