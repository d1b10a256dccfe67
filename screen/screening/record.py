"""Record of a screening: run.json and the small tables beside the ranking."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.device import current
from kakehashi.screen.networks.precision import describe_products
from kakehashi.screen.networks.source import Source, summary
from kakehashi.screen.progress import Progress
from kakehashi.screen.ranking.summary import ScoreSummary
from kakehashi.screen.report.trust import measure_trust, trust_record
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.record_file import SCHEMA
from kakehashi.screen.scoring.committed import CommittedScores
from kakehashi.screen.scoring.cut import cut
from kakehashi.screen.scoring.virtual.search import IndexCounts
from kakehashi.screen.screening.config import ScreenConfig
from kakehashi.screen.screening.foundation_record import foundation_record
from kakehashi.screen.screening.inputs import ScreenInputs
from kakehashi.screen.screening.left_out import left_out_record
from kakehashi.screen.screening.rank_partitions import RankingResult
from kakehashi.screen.screening.run_warnings import warnings_of_run
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import Fitted
from kakehashi.screen.transfer.verdict import verdict_record
from kakehashi.screen.validation.folds import Folds
from kakehashi.screen.validation.intervals import LEVEL

# Packages of every run, and those that read and describe the materials of a screening.
_COMMON = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "pyarrow", "chemicals")
PACKAGES = ("pymatgen", "matminer")


def record_head(
    config: Mapping[str, Any], progress: Progress, command: str, packages: Iterable[str] = (), kind: str = ""
) -> dict[str, Any]:
    """Leading entries of every record: request, time, versions and device.

    config : JSON values, the seed among them
    packages : packages whose versions matter beside those of every run
    kind : kind of run, "" for a screening
    """
    return {
        "schema": SCHEMA,
        **({"kind": kind} if kind else {}),
        "kakehashi": version("kakehashi"),
        "command": command,
        "config": dict(config),
        "started": progress.started,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": config["seed"],
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in (*_COMMON, *packages)},
        "platform": platform.platform(),
        "device": str(current()),
    }


def run_record(
    config: ScreenConfig,
    inputs: ScreenInputs,
    model: Model,
    counted: RankingResult,
    drawn: dict[str, Any],
    progress: Progress,
    command: str,
) -> dict[str, Any]:
    """Record of a screening as JSON values.

    drawn : histogram of training and predicted values
    """
    figures = counted.summary
    return {
        **record_head(as_dict(config), progress, command, PACKAGES),
        "batch": cut().rows,
        "precision": {"name": config.precision, "products": describe_products(config.precision)},
        "convention": model.library.convention,
        "target": target_record(model.target),
        "sources": [source_record(source) for source in model.library.sources],
        "foundation": foundation_record(model.knowledge, model.unseen),
        "catalog": {
            "name": inputs.catalog.name,
            "rows": inputs.catalog.rows,
            "scored": figures.rows,
            "quarantined": sum(reason["count"] for reason in counted.reasons),
            "unique": figures.unique,
            "sha256": inputs.catalog.sha256,
            "notes": list(inputs.catalog.notes),
        },
        "verdict": verdict_record(model.verdict),
        "model": model_record(model),
        "interval": {
            "level": LEVEL,
            "factor": model.interval,
            "usual_spread": model.usual_spread,
            "coverage_90": model.verdict.coverage_90,
            "by_distance": [part._asdict() for part in model.reach.by_distance],
            "by_family": model.reach.by_family._asdict() if model.reach.by_family else None,
        },
        "trust": held_out_trust(model),
        "ceiling": _ceiling(model, figures),
        "domain": {name: figures.domains.get(name, 0) for name in ("in", "edge", "out")},
        "unpredicted": figures.unpredicted,
        "filters": [count._asdict() for count in counted.filters],
        "ranked": counted.ranked,
        "timings": dict(progress.timings),
        "warnings": warnings_of_run(inputs, model, figures),
        "quarantine_reasons": counted.reasons,
        "histogram": drawn,
    }


def virtual_record(scored: CommittedScores, seconds: float) -> dict[str, Any]:
    """Counts and speed of a search of a virtual catalogue.

    seconds : time spent on the indices visited by this run
    """
    counts, fresh = scored.counts or IndexCounts(), scored.fresh or IndexCounts()
    rate = fresh.scored / max(seconds, 1e-9)
    return {
        "visited": counts.visited,
        "filtered": counts.filtered,
        "candidates_per_second": round(rate),
        "indices_per_second": round(fresh.visited / max(seconds, 1e-9)),
        "seconds_for_1e9_candidates": round(1e9 / rate) if fresh.scored else None,
    }


def leaderboard_table(model: Model) -> pa.Table:
    """Leaderboard of a model, best first."""
    return board_table([entry._asdict() for entry in model.leaderboard])


def board_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of a leaderboard, by column, as a table."""
    text, whole = ("name", "source", "depth", "head"), ("networks",)
    kinds = {
        **dict.fromkeys(text, pa.string()),
        **dict.fromkeys(whole, pa.int64()),
        "beats_direct": pa.bool_(),
    }
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in rows[0]])
    return pa.Table.from_pylist(list(rows), schema=schema)


def held_out_means(model: Model) -> FloatArray:
    """Held-out predictions (n,) of the deployed model, in the target's unit."""
    mean = model.out_of_fold.mean
    return np.exp(mean) if model.target.log else mean


def predictions_table(model: Model) -> pa.Table:
    """Held-out predictions of the deployed model, in the target's unit."""
    held_out = model.out_of_fold
    return held_out_table(model.target, held_out.folds, held_out.mean, held_out.lower, held_out.upper)


def held_out_table(
    target: PropertyTable, folds: Folds, mean: FloatArray, lower: FloatArray, upper: FloatArray
) -> pa.Table:
    """Held-out predictions (n,) in the target's unit.

    mean, lower, upper : on the fitted scale
    """
    back = np.exp if target.log else np.asarray
    return pa.table(
        {
            "id": pa.array(target.ids, pa.string()),
            "formula": pa.array(target.materials, pa.string()),
            **({} if target.molecules is None else {"smiles": pa.array(target.keys, pa.string())}),
            "fold": pa.array(folds),
            "y": target.values,
            "mean": back(mean),
            "lower": back(lower),
            "upper": back(upper),
        }
    )


def target_record(table: PropertyTable) -> dict[str, Any]:
    """Record of a target table and the use of its rows."""
    return {
        "name": table.name, "quantity": table.quantity, "unit": table.unit, "log": table.log, "rows": table.rows,
        "used": len(table), "missing": table.missing, "rejected": len(table.rejected), "sha256": table.sha256,
        "source": table.source, "licence": table.licence, "notes": list(table.notes),
    }  # fmt: skip


def source_record(source: Source) -> dict[str, Any]:
    """Record of a source, its networks and their cache entry."""
    tasks = [
        {
            "name": task.name, "quantity": task.quantity, "unit": task.unit, "log": task.log, "rows": task.rows,
            "excluded": task.excluded, "used": task.used, "sha256": task.sha256,
            "validation_r2": round(r2, 4) if np.isfinite(r2) else None,
        }
        for task, r2 in zip(source.tasks, source.validation_r2, strict=True)
    ]  # fmt: skip
    alone = len(tasks) == 1
    return {
        "name": source.name, **summary(source), "networks": len(source.networks),
        "sha256": tasks[0]["sha256"] if alone else None, "validation_r2": tasks[0]["validation_r2"] if alone else None,
        "tasks": [] if alone else tasks, "notes": list(source.notes), "checkpoint": _checkpoint(source.checkpoint),
    }  # fmt: skip


def model_record(model: Model) -> dict[str, Any]:
    """Record of a stack's members and weights."""
    members = zip(model.stack.names, model.stack.members, model.stack.weights, strict=True)
    return {
        "text": f"stack of {len(model.stack.members)} members, weighted inside the training folds",
        "members": [
            {"name": _member_name(model, name, member), "weight": round(float(weight), 4)}
            for name, member, weight in members
        ],
        **left_out_record(model),
        "checkpoint": _checkpoint(model.checkpoint),
    }


def _checkpoint(checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    """Key of a cache entry, and whether it was reused."""
    return None if checkpoint is None else {"hash": checkpoint.key, "reused": checkpoint.reused}


def _member_name(model: Model, name: str, member: Fitted) -> str:
    return f"{name}, gain {member.plan.gain:g}" if member.plan.kind == "predictions" else name


def held_out_trust(model: Model) -> dict[str, Any]:
    """Errors on held-out compounds, and the sentence on them."""
    back = np.exp if model.target.log else np.asarray
    held_out = model.out_of_fold
    ends = (np.asarray(back(values), np.float64) for values in (held_out.mean, held_out.lower, held_out.upper))
    trust = measure_trust(model.target.values, *ends, log=model.target.log)
    return trust_record(trust, model.target.unit, _noun(model), LEVEL)


def _noun(model: Model) -> str:
    molecules = model.target.molecules
    if molecules is None:
        return "compounds"
    return "polymers" if "*" in molecules.smiles[0] else "molecules"


def _ceiling(model: Model, figures: ScoreSummary) -> dict[str, Any]:
    if not np.isfinite(model.ceiling):
        text = "unbounded: every member can extrapolate beyond the training values"
        return {"value": None, "tied": 0, "text": text}
    value = float(np.exp(model.ceiling)) if model.target.log else model.ceiling
    tied = figures.at_ceiling
    text = f"{tied:,} candidates reach the largest value the model can return; their order means nothing"
    return {"value": value, "tied": tied, "text": text if tied else "no candidate reaches it"}
