"""The record of a run: run.json and the small tables beside the ranking."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogs.records import PropertyTable
from screen.config import ScreenConfig, as_dict
from screen.descriptors.composition import BATCH
from screen.intervals import LEVEL
from screen.leaderboard import Entry
from screen.library import Checkpoint, Source, summary
from screen.plans import Fitted
from screen.progress import Progress
from screen.rank import Ranked
from screen.transfer import Model

if TYPE_CHECKING:
    from screen.run import Inputs

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "numpy",
    "scipy",
    "pyarrow",
    "pymatgen",
    "chemicals",
    "matminer",
)
_BINS = 40


def run_record(
    config: ScreenConfig,
    inputs: Inputs,
    model: Model,
    scores: pa.Table,
    ranked: Ranked,
    aside: pa.Table,
    progress: Progress,
    command: str,
) -> dict[str, Any]:
    """Everything needed to understand and repeat the run, as JSON values."""
    counts = Counter(scores["domain"].to_pylist())
    unique = pc.count_distinct(scores["reduced_formula"]).as_py()
    return {
        "schema": 1,
        "kakehashi": version("kakehashi"),
        "command": command,
        "config": as_dict(config),
        "started": progress.started,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": config.seed,
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "device": str(jax.devices()[0]),
        "batch": BATCH,
        "target": _target(model.target),
        "sources": [_source(source) for source in model.library.sources],
        "catalog": {
            "name": inputs.catalog.name,
            "rows": inputs.catalog.rows,
            "scored": scores.num_rows,
            "quarantined": aside.num_rows,
            "unique": unique,
            "sha256": inputs.catalog.sha256,
            "notes": list(inputs.catalog.notes),
        },
        "verdict": model.verdict._asdict(),
        "model": {
            "text": f"stack of {len(model.stack.members)} members, weighted inside the training folds",
            "members": [
                {"name": _member_name(model, name, member), "weight": round(float(weight), 4)}
                for name, member, weight in zip(
                    model.stack.names, model.stack.members, model.stack.weights, strict=True
                )
            ],
            "checkpoint": _checkpoint(model.checkpoint),
        },
        "interval": {
            "level": LEVEL,
            "factor": model.interval,
            "usual_spread": model.usual_spread,
            "coverage_90": model.verdict.coverage_90,
            "by_distance": [part._asdict() for part in model.reach.by_distance],
            "by_family": model.reach.by_family._asdict() if model.reach.by_family else None,
        },
        "ceiling": _ceiling(model, scores),
        "domain": {name: counts.get(name, 0) for name in ("in", "edge", "out")},
        "filters": [count._asdict() for count in ranked.counts],
        "ranked": ranked.table.num_rows,
        "timings": dict(progress.timings),
        "warnings": _warnings(inputs, model, scores, counts, unique),
        "quarantine_reasons": _reasons(aside),
        "histogram": _histogram(model.target, scores),
    }


def leaderboard_table(model: Model) -> pa.Table:
    """The leaderboard, best first."""
    text, whole = ("name", "source", "depth", "head"), ("networks",)
    kinds = {
        **dict.fromkeys(text, pa.string()),
        **dict.fromkeys(whole, pa.int64()),
        "beats_direct": pa.bool_(),
    }
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in Entry._fields])
    return pa.Table.from_pylist([entry._asdict() for entry in model.leaderboard], schema=schema)


def predictions_table(model: Model) -> pa.Table:
    """Out-of-fold predictions of the deployed model, in the target's unit."""
    back = np.exp if model.target.log else np.asarray
    found = model.out_of_fold
    return pa.table(
        {
            "id": pa.array(model.target.ids, pa.string()),
            "formula": pa.array(model.target.materials, pa.string()),
            "fold": pa.array(found.folds),
            "y": model.target.values,
            "mean": back(found.mean),
            "lower": back(found.lower),
            "upper": back(found.upper),
        }
    )


def rejected_table(*tables: PropertyTable) -> pa.Table:
    """Rows of target and sources that could not be used."""
    rows = [{**rejected._asdict(), "table": table.name} for table in tables for rejected in table.rejected]
    schema = pa.schema(
        [("table", pa.string()), ("row", pa.int64()), ("id", pa.string()), ("formula", pa.string()),
         ("reason", pa.string())]
    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def _target(table: PropertyTable) -> dict[str, Any]:
    return {
        "name": table.name, "quantity": table.quantity, "unit": table.unit, "log": table.log, "rows": table.rows,
        "used": len(table), "missing": table.missing, "rejected": len(table.rejected), "sha256": table.sha256,
        "source": table.source, "licence": table.licence, "notes": list(table.notes),
    }  # fmt: skip


def _source(source: Source) -> dict[str, Any]:
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


def _checkpoint(kept: Checkpoint | None) -> dict[str, Any] | None:
    """Hash under which a result is kept in the cache folder, and whether it was read from there."""
    return None if kept is None else {"hash": kept.key, "reused": kept.reused}


def _member_name(model: Model, name: str, member: Fitted) -> str:
    return f"{name}, gain {member.plan.gain:g}" if member.plan.kind == "predictions" else name


def _ceiling(model: Model, scores: pa.Table) -> dict[str, Any]:
    if not np.isfinite(model.ceiling):
        text = "unbounded: every member can extrapolate beyond the training values"
        return {"value": None, "tied": 0, "text": text}
    value = float(np.exp(model.ceiling)) if model.target.log else model.ceiling
    tied = int(np.sum(scores["at_ceiling"].to_numpy(zero_copy_only=False)))
    text = f"{tied:,} candidates reach the largest value the model can return; their order means nothing"
    return {"value": value, "tied": tied, "text": text if tied else "no candidate reaches it"}


def _warnings(inputs: Inputs, model: Model, scores: pa.Table, counts: Counter[str], unique: int) -> list[str]:
    found = list(model.warnings)
    kept = [source.checkpoint for source in model.library.sources] + [model.checkpoint]
    found.extend(dict.fromkeys(point.warning for point in kept if point and point.warning))
    n = scores.num_rows
    if n and counts.get("out", 0) > n / 2:
        found.append(
            f"{counts['out']:,} of {n:,} candidates are outside the applicability domain: their order is"
            " extrapolation; filter with domain!=out"
        )
    if n > unique and model.library.convention != "cell":  # Be2O2 and BeO differ there
        found.append(
            f"{n:,} candidates are {unique:,} compositions: polymorphs of one composition share one score, because"
            " the model sees compositions only"
        )
    found.extend(_ties(scores, inputs.order.minimise))
    found.extend(
        f"{table.name}: {len(table.rejected)} rows could not be used (quarantine_training.parquet)"
        for table in (inputs.target, *inputs.sources)
        if table.rejected
    )
    return found


def _ties(scores: pa.Table, minimise: bool) -> list[str]:
    """What to say when different compositions share the best prediction, as they do at the ceiling of a forest."""
    if not scores.num_rows:
        return []
    best = (pc.min if minimise else pc.max)(scores["mean"])
    tied = pc.count_distinct(scores["reduced_formula"].filter(pc.equal(scores["mean"], best))).as_py()
    if tied < 2:
        return []
    return [f"{tied:,} compositions share the best prediction, {best.as_py():.4g}: their order means nothing"]


def _reasons(aside: pa.Table) -> list[dict[str, Any]]:
    examples: dict[str, str] = {}
    reasons = aside["reason"].to_pylist()
    for reason, formula in zip(reasons, aside["formula"].to_pylist(), strict=True):
        examples.setdefault(reason, "" if formula is None else formula)
    return [
        {"reason": reason, "count": count, "example": examples[reason]}
        for reason, count in Counter(reasons).most_common()
    ]


def _histogram(target: PropertyTable, scores: pa.Table) -> dict[str, Any]:
    """Training and predicted values in shared bins, logarithmic for a target fitted as ln."""
    predicted = scores["mean"].to_numpy(zero_copy_only=False)
    if not len(predicted):
        return {}
    both = np.concatenate([target.values, predicted])
    forward, back = (np.log, np.exp) if target.log else (np.asarray, np.asarray)
    if target.log and not np.all(both > 0):
        return {}
    edges = back(np.linspace(forward(both.min()), forward(both.max()), _BINS + 1))
    # Rounding must not push the extremes out of the outer bins.
    edges[0], edges[-1] = both.min(), both.max()
    if not np.all(np.diff(edges) > 0):
        return {}
    return {
        "unit": target.unit,
        "scale": "log" if target.log else "linear",
        "edges": edges.tolist(),
        "training": np.histogram(target.values, edges)[0].tolist(),
        "predicted": np.histogram(predicted, edges)[0].tolist(),
    }
