"""Record of a design run (run.json), to understand and repeat it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.design.likelihood.reliability import compare_chances, held_out_chances
from kakehashi.design.likelihood.surrogate import fit_noise
from kakehashi.design.run.config import DesignConfig
from kakehashi.design.run.inputs import DesignInputs
from kakehashi.design.run.outcome import SamplerOutcome
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.refused import warnings_of
from kakehashi.screen.screening.record import model_record, record_head, source_record, target_record
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.verdict import verdict_record

PACKAGES = ("rdkit",)
# Quantile of the prior's goal probabilities above which a proposal stands out.
STANDOUT = 0.999


def run_record(
    config: DesignConfig,
    inputs: DesignInputs,
    models: Mapping[str, Model],
    outcome: SamplerOutcome,
    table: pa.Table,
    left_out: Mapping[str, int],
    prior: NDArray[np.float64],
    progress: Progress,
    command: str,
) -> dict[str, Any]:
    """Collect the record of a run as JSON values."""
    bar = float(np.quantile(prior, STANDOUT))
    goal = table["p_goal"].to_numpy()
    proposed = sum(step.proposed for step in outcome.trace)
    seconds = progress.timings.get("sample", 0.0)
    return {
        **record_head(as_dict(config), progress, command, PACKAGES, "design"),
        "descriptors": inputs.descriptors,
        "goals": [str(goal) for goal in inputs.goals],
        # The same as numbers, None where an end is open.
        "windows": [
            {"property": goal.property, "lower": _number(goal.lower), "upper": _number(goal.upper)}
            for goal in inputs.goals
        ],
        "properties": [
            {
                "target": target_record(model.target),
                "sources": [source_record(source) for source in model.library.sources],
                "verdict": verdict_record(model.verdict),
                "model": model_record(model),
                "noise": (residuals := fit_noise(model)).extra,
                "spread_factor": residuals.scale,
                "degrees": residuals.degrees,
                "reliability": _reliability(model, inputs),
            }
            for model in models.values()
        ],
        "sampler": {
            "name": config.sampler,
            "temperatures": len(outcome.trace),
            "particles": config.particles,
            "proposed": proposed,
            "evaluated": len(outcome.evaluated.smiles),
            # Evaluated by the search beyond the posterior; `proposed`, the trace and log Z do not include it.
            "searched": int((outcome.evaluated.temperature >= len(outcome.trace)).sum()) if outcome.trace else 0,
            "per_second": round(proposed / seconds, 1) if seconds and proposed else None,
            "log_z": _number(outcome.log_z),
            "log_z_error": _number(outcome.log_z_error),
            "log_z_constraint": _number(outcome.log_z_constraint),
        },
        "prior": {
            "draws": config.prior_draws,
            "allowed": len(prior),
            "mean_p_goal": float(prior.mean()),
            "best_p_goal": float(prior.max()),
            "quantile": STANDOUT,
            "p_goal": bar,
        },
        "proposals": {
            "listed": table.num_rows,
            "above_prior": int((goal > bar).sum()),
            "classes": dict(Counter(table["class"].to_pylist()).most_common()),
            "domain": dict(Counter(table["domain"].to_pylist())),
            "left_out": dict(left_out),
        },
        "timings": dict(progress.timings),
        **_pool_record(inputs),
        "warnings": [
            *([inputs.pool.rejection()] if inputs.pool is not None and inputs.pool.rejected else []),
            *(file.rejection() for file in inputs.known if file.rejected),
            *outcome.warnings,
            *(text for model in models.values() for text in model.warnings),
            *warnings_of(inputs.targets, inputs.sources),
        ],
    }


def _reliability(model: Model, inputs: DesignInputs) -> list[dict[str, Any]] | None:
    """Said chances against what is true of held-out polymers; None without a goal for the property."""
    goals = [goal for goal in inputs.goals if goal.property == model.target.name]
    return [found._asdict() for found in compare_chances(*held_out_chances(model, goals[0]))] if goals else None


def _pool_record(inputs: DesignInputs) -> dict[str, Any]:
    """Row counts of a file of monomers; empty without one."""
    if inputs.pool is None:
        return {}
    used, rejected = len(inputs.pool.molecules), len(inputs.pool.rejected)
    return {"pool": {"rows": used + rejected, "used": used, "rejected": rejected}}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
