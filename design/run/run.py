"""Run a design from its configuration to a folder of proposals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.design.chemistry.pool import Pool
from kakehashi.design.likelihood.describer import Describer, DescriberTask
from kakehashi.design.likelihood.surrogate import Surrogate
from kakehashi.design.proposals.proposal import Proposal, pack
from kakehashi.design.proposals.reactions.reactions import Reactions
from kakehashi.design.run.config import DesignConfig, deciding
from kakehashi.design.run.folds import with_cluster_folds
from kakehashi.design.run.inputs import DesignInputs
from kakehashi.design.run.outcome import SamplerOutcome, proposals_table, trace_table
from kakehashi.design.run.proposals import proposer
from kakehashi.design.run.record import run_record
from kakehashi.design.run.sdf import monomers_sdf
from kakehashi.design.run.space import limits_of
from kakehashi.design.sampler import stored
from kakehashi.design.sampler.checkpoint import Checkpoint
from kakehashi.design.sampler.exact import Enumeration, run_exact
from kakehashi.design.sampler.iqspr import run_iqspr
from kakehashi.design.sampler.smc import SmcResult, generator, run
from kakehashi.design.sampler.trace import TemperingSettings as Tempering
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.progress import Progress, warn
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.refused import RejectingTable, warnings_of, write_rejected
from kakehashi.screen.screening.record import leaderboard_table, predictions_table
from kakehashi.screen.transfer.cache import load_or_transfer
from kakehashi.screen.transfer.fit import Model

SCHEMA_VERSION = "1"
# Temperature index of the prior sample's random generator; no run has so many temperatures.
_PRIOR_SAMPLE = 1_000_000
# Log probability of the goals below which the sampler would walk at random.
OUT_OF_REACH = -100.0
# Inverse temperature up to which the sampler searches for candidates beyond the posterior.
SEARCH = 8.0
# Units per batch of the prior sample.
_BATCH = 2_000
# Files that are derived from the others, and removed before new ones are written.
REMADE = ("report.html", "run.json")


class DesignOutcome(NamedTuple):
    """Record (run.json) and proposals of a run."""

    record: dict[str, Any]
    proposals: pa.Table


def run_design(
    config: DesignConfig, inputs: DesignInputs, rundir: RunDir, progress: Progress, command: str
) -> DesignOutcome:
    """Pre-train, transfer, sample, and write everything into an open run folder."""
    proposal = proposer(config, inputs.pool)
    return finish(config, inputs, build_models(config, inputs, progress), proposal, rundir, progress, command)


def plan(config: DesignConfig, inputs: DesignInputs) -> dict[str, Any]:
    """Summarise a run for `--dry-run`."""
    size: dict[str, Any] = {}
    if config.sampler == "exact":
        size = {"derivations": Enumeration(proposer(config, inputs.pool)).size}
    elif config.pool or config.polymer_class or config.polymerisation:
        # Nothing can be wrong with other proposals, and they take long to make.
        proposer(config, inputs.pool)
    return {
        "targets": [f"{table.name}: {len(table)} repeat units" for table in inputs.targets],
        "sources": [f"{table.name}: {len(table)} molecules" for table in inputs.sources],
        "goals": [str(goal) for goal in inputs.goals],
        "networks": config.networks * len(inputs.sources),
        "descriptors": inputs.descriptors,
        "warnings": warnings_of(inputs.targets, inputs.sources, written=False),
        "proposal": config.proposal,
        **({} if inputs.pool is None else {"pool": _pool_words(inputs.pool)}),
        **size,
        "particles": config.particles,
        "out": config.out,
        "config": as_dict(config),
    }


def _pool_words(pool: Pool) -> list[str]:
    return [f"{pool.path}: {len(pool.molecules)} molecules", *filter(None, [pool.rejection()])]


def build_models(config: DesignConfig, inputs: DesignInputs, progress: Progress) -> dict[str, Model]:
    """Fit a transferred model per property.

    The sources are trained without the target's polymers.
    """
    settings = Settings(config.networks, config.seed, inputs.descriptors)
    models = {}
    for given in inputs.targets:
        target = with_cluster_folds(given, config.outer_folds, config.seed)
        library = pretrain_library(
            inputs.sources, settings, target=target, cache=not config.no_cache, stage=progress.stage
        )
        models[target.name] = load_or_transfer(
            library, target, outer=config.outer_folds, seed=config.seed, heads=config.heads,
            cache=not config.no_cache, stage=progress.stage,
        )  # fmt: skip
    return models


def finish(
    config: DesignConfig,
    inputs: DesignInputs,
    models: Mapping[str, Model],
    proposal: Proposal[Any],
    rundir: RunDir,
    progress: Progress,
    command: str,
) -> DesignOutcome:
    """Sample with fitted models, and write the run folder."""
    for name in REMADE:  # a folder without them is unfinished
        rundir.remove(name)
    task = DescriberTask(inputs.descriptors, limits_of(config, config.max_atoms), inputs.fragments)
    with Describer(task, config.workers) as describer:
        surrogate = Surrogate(models, inputs.goals, describer)
        prior = _prior_sample(config, inputs, proposal, surrogate, progress)
        identity = _identity(config, inputs, surrogate, proposal)
        outcome = _sample(config, proposal, surrogate, rundir, progress, identity)
        with progress.stage("judge and write", 1) as advance:
            table, left_out = proposals_table(config, inputs, models, surrogate, describer, outcome)
            _write(rundir, inputs, models, outcome, table, prior)
            advance(1)
    record = run_record(config, inputs, models, outcome, table, left_out, prior, progress, command)
    rundir.write_text("run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_report(rundir)
    return DesignOutcome(record, table)


def write_report(rundir: RunDir) -> None:
    """Build report.html from the files of the run."""
    from kakehashi.design.report.build import write_report as build

    rundir.write_text("report.html", build(Path(rundir.path)))


def _sample(
    config: DesignConfig,
    proposal: Proposal[Any],
    surrogate: Surrogate,
    rundir: RunDir,
    progress: Progress,
    identity: str,
) -> SamplerOutcome:
    if config.sampler == "iqspr":
        with progress.stage("iQSPR rule", 1) as advance:
            compared = run_iqspr(config.seed, proposal, surrogate.guarded_likelihood, config.particles)
            advance(1)
        return SamplerOutcome.of_comparison(compared)
    checkpoints = stored.load(rundir, identity)
    if config.sampler == "exact":
        return _score_all(config, proposal, surrogate, rundir, progress, identity, checkpoints)
    with progress.stage("sample", 1000) as advance:
        reached = 0

        def commit(point: Any) -> None:
            nonlocal reached
            stored.save(rundir, point, identity)
            now = int(1000 * point.state["step"]["inverse_temperature"])
            advance(now - reached)
            reached = now

        result: SmcResult[Any] = run(
            config.seed, proposal, surrogate.log_likelihood, config.particles,
            log_constraint=surrogate.log_constraint, settings=Tempering(search=SEARCH), checkpoint=commit,
            resume=checkpoints,
            warn=lambda text: warn(progress.mode, text),
        )  # fmt: skip
        advance(1000 - reached)
    return SamplerOutcome.of_result(result)


def _score_all(
    config: DesignConfig,
    proposal: Any,
    surrogate: Surrogate,
    rundir: RunDir,
    progress: Progress,
    identity: str,
    checkpoints: Sequence[Checkpoint],
) -> SamplerOutcome:
    """Score every repeat unit of a space without growth."""
    with progress.stage("sample", 1000) as advance:
        reached = 0

        def commit(point: Checkpoint) -> None:
            nonlocal reached
            stored.save(rundir, point, identity)
            now = int(1000 * point.state["share"])
            advance(now - reached)
            reached = now

        result = run_exact(
            config.seed, proposal, surrogate.log_likelihood, config.particles,
            log_constraint=surrogate.log_constraint, checkpoint=commit, resume=checkpoints,
        )  # fmt: skip
        advance(1000 - reached)
    return SamplerOutcome.of_exact(result)


def _prior_sample(
    config: DesignConfig, inputs: DesignInputs, proposal: Proposal[Any], surrogate: Surrogate, progress: Progress
) -> NDArray[np.float64]:
    """Goal probabilities of units drawn from the constrained prior, rising.

    Proposals are compared with them.
    """
    parts, best = [], -np.inf
    with progress.stage("draw from the prior", config.prior_draws) as advance:
        for batch, start in enumerate(range(0, config.prior_draws, _BATCH)):
            size = min(_BATCH, config.prior_draws - start)
            rng = generator(config.seed, _PRIOR_SAMPLE, batch)
            units = [text for text in proposal.smiles(proposal.draw(rng, size)) if text]
            judged = surrogate.judge(units)
            # Accepted with the probability of their constraint, as the sampler's initial particles are.
            accepted = -rng.standard_exponential(len(units)) < judged.log_constraint
            parts.append(np.exp(judged.log_goal[accepted]))
            best = max(best, float(judged.log_goal.max(initial=-np.inf)))
            advance(size)
    sample = np.concatenate(parts)
    if not len(sample):
        raise UserError(
            f"none of {config.prior_draws} repeat units drawn from the prior meets the constraints and is like the"
            " training polymers; change the prior or the target"
        )
    if best < OUT_OF_REACH:
        raise UserError(
            f"the goal {', '.join(map(str, inputs.goals))} is out of reach: the likeliest of {config.prior_draws}"
            f" repeat units meets it with a probability of e{best:.0f}; {_known(inputs)}; widen the goal"
        )
    return np.sort(sample)


def _known(inputs: DesignInputs) -> str:
    """Range of the known values of the properties with goals, in words."""
    tables = [table for table in inputs.targets if any(goal.property == table.name for goal in inputs.goals)]
    return "; ".join(
        f"known {table.name} goes from {table.values.min():.4g} to {table.values.max():.4g} {table.unit}".rstrip()
        for table in tables
    )


def _identity(config: DesignConfig, inputs: DesignInputs, surrogate: Surrogate, proposal: Proposal[Any]) -> str:
    """Sha256 of all that decides the particles.

    Checkpoints with another are not resumed.
    """
    first = pack(proposal.draw(generator(config.seed, _PRIOR_SAMPLE, 0), 100))
    return stored.identity_of(
        {
            "config": deciding(as_dict(config)),
            "models": surrogate.identities(),
            "goals": [str(goal) for goal in inputs.goals],
            "proposal": {name: array.tolist() for name, array in first.items()},
            "space": proposal.facts() if isinstance(proposal, Reactions) else {},
            "fragments": list(inputs.fragments),
        }
    )


def _write(
    rundir: RunDir,
    inputs: DesignInputs,
    models: Mapping[str, Model],
    outcome: SamplerOutcome,
    table: pa.Table,
    prior: NDArray[np.float64],
) -> None:
    from kakehashi.screen.ranking.csv_text import csv_bytes

    metadata = {"kakehashi.schema": SCHEMA_VERSION, "unit": inputs.targets[0].unit}
    rundir.write_table("proposals.parquet", table, metadata)
    rundir.write_bytes("proposals.csv", csv_bytes(table))
    rundir.write_text("monomers.sdf", monomers_sdf(table))
    rundir.write_table("trace.parquet", trace_table(outcome), metadata)
    rundir.write_table("prior.parquet", pa.table({"p_goal": prior}), metadata)
    others: list[RejectingTable] = [*inputs.known]
    if inputs.pool is not None:
        others.append(inputs.pool)
    write_rejected(rundir, (*inputs.targets, *inputs.sources, *others), metadata)
    for name, model in models.items():
        prefix = "" if name == inputs.targets[0].name else f"{name}_"
        rundir.write_table(f"{prefix}leaderboard.parquet", leaderboard_table(model), metadata)
        rundir.write_table(f"{prefix}predictions.parquet", predictions_table(model), metadata)
