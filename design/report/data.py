"""Read the folder of a design run for its report."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from kakehashi.catalogs.records import UserError
from kakehashi.design.likelihood.goals import Goal, Property, parse_goals
from kakehashi.screen.report.data import (
    MAX_POINTS,
    MAX_ROWS,
    Row,
    Table,
    count_reasons,
    first_rows,
    mapping,
    mappings,
    real,
    spaced_rows,
    texts,
)
from kakehashi.screen.runs.record_file import RECORD, load_record

FILES = {
    "proposals.parquet": "every proposal with all its columns",
    "proposals.csv": "the same proposals as text",
    "prior.parquet": "goal probabilities of allowed repeat units drawn from the prior",
    "trace.parquet": "diagnostics of the sampler, a row per temperature",
    "leaderboard.parquet": "every model of the first property compared in cross-validation",
    "predictions.parquet": "out-of-fold predictions of the first property's model",
    "quarantine_training.parquet": "target and source rows that could not be used",
    "quarantine_training.csv": "the same rows as text",
    "run.json": "configuration, versions, hashes and timings of the run",
}
_PRIOR = 20_000


class ModelledProperty(NamedTuple):
    """A property with its record, goal and tables.

    prefix : of its columns among the proposals and of its tables' names
    """

    name: str
    prefix: str
    record: Row
    goal: Goal | None
    leaderboard: Table | None
    predictions: Table | None

    @property
    def target(self) -> Row:
        """Record of the target table."""
        return mapping(self.record, "target")

    @property
    def unit(self) -> str:
        """Unit of the values, "" for none."""
        return str(self.target.get("unit") or "")

    @property
    def log(self) -> bool:
        """True where the model fits the logarithm."""
        return self.target.get("log") is True


class DesignData(NamedTuple):
    """Contents of a run folder.

    A table is None where the run wrote none.

    prior : goal probabilities, rising
    """

    run: Row
    properties: list[ModelledProperty]
    proposals: Table | None
    trace: list[Row]
    prior: list[float]
    rejected: list[Row]
    files: tuple[str, ...]


def read_design(directory: Path) -> DesignData:
    """Read the folder of a design run.

    Raises
    ------
    UserError
        Code 2 where there is no run.json, 6 where a file is there but cannot be read.
    """
    run = Row(load_record(directory / RECORD))
    trace = first_rows(directory / "trace.parquet", MAX_ROWS)
    prior = spaced_rows(directory / "prior.parquet", _PRIOR)
    drawn = [real(row.get("p_goal")) for row in prior.records()] if prior else []
    return DesignData(
        run=run,
        properties=_properties(directory, run),
        proposals=first_rows(directory / "proposals.parquet", MAX_ROWS),
        trace=trace.records() if trace else [],
        prior=sorted(value for value in drawn if value is not None),
        rejected=count_reasons(directory / "quarantine_training.parquet", ("table", "reason")),
        files=tuple(name for name in FILES if (directory / name).exists()),
    )


def _properties(directory: Path, run: Row) -> list[ModelledProperty]:
    records = mappings(run, "properties")
    names = [str(mapping(record, "target").get("name") or f"property {k + 1}") for k, record in enumerate(records)]
    goals = {goal.property: goal for goal in _goals(run, records)}
    models = []
    for k, (name, record) in enumerate(zip(names, records, strict=True)):
        prefix = f"{name}_" if k else ""
        # a name with a path in it belongs to no file of a run
        inside = Path(f"{prefix}x").name == f"{prefix}x" and "\\" not in prefix and "\0" not in prefix
        board, points = directory / f"{prefix}leaderboard.parquet", directory / f"{prefix}predictions.parquet"
        models.append(
            ModelledProperty(
                name,
                prefix,
                record,
                goals.get(name),
                first_rows(board, 400) if inside else None,
                spaced_rows(points, MAX_POINTS) if inside else None,
            )
        )
    return models


def _goals(run: Row, records: list[Row]) -> list[Goal]:
    """Goals as windows; none where their texts cannot be parsed."""
    targets = [mapping(record, "target") for record in records]
    properties = [Property(str(t.get("name")), str(t.get("unit") or ""), t.get("log") is True) for t in targets]
    try:
        return list(parse_goals(texts(run, "goals"), properties))
    except UserError:
        return []


def bounds(goal: Goal | None) -> list[float]:
    """Finite ends of a goal's window."""
    return [value for value in (goal.lower, goal.upper) if math.isfinite(value)] if goal else []
