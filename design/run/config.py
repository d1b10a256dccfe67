"""Configuration of a design run: its flags, and which of them go together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from kakehashi.catalogs.flag import CANDIDATES, DESIGN, USUAL, Flag, Here
from kakehashi.catalogs.records import UserError
from kakehashi.design.run.space_flags import GROWTH, MONOMERS, POOL, SpaceFlags
from kakehashi.screen.runs import config as runs
from kakehashi.screen.runs.candidate_flags import TopFlags
from kakehashi.screen.runs.flags import (
    NO_SOURCE,
    CacheFlags,
    DeviceFlags,
    HeadFlags,
    OutFlags,
    ParticleFlags,
    SeedFlags,
    SourceFlags,
    TableFlags,
    ValueFlags,
    WorkerFlags,
)

PROPOSALS = ("reactions", "ngram", "recurrent")
SAMPLERS = ("smc", "exact", "iqspr")
ORDERS = ("chance", "value", "lower")
# Chosen on held-out clusters (benchmarks/design_truth.py); a sampler describes tens of thousands of units.
DESCRIPTORS = "ecfp4@ring/atom+connectivity@ring/atom+backbone"


@dataclass(frozen=True, kw_only=True)
class GoalFlags:
    """Targets and the windows they are to lie in."""

    target: Annotated[
        tuple[str, ...],
        Flag(
            "Property of repeat units to predict: FILE:COLUMN of a table with a column of SMILES, NAME=FILE:COLUMN to"
            " name it, or a name from `kakehashi catalogs list`; repeat for several.",
            USUAL,
        ),
    ] = ()
    goal: Annotated[
        tuple[str, ...],
        Flag(
            "Window of a target, with or without a unit, such as 'thermal_conductivity>0.35' or '400<tg<600 K', or"
            " 'maximise tg' (minimise): pass the best known value; repeat for several.",
            USUAL,
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ProposalFlags(SpaceFlags):
    """Where repeat units come from, and which are listed."""

    proposal: Annotated[
        str,
        Flag(
            "Prior of repeat units: reactions (monomers and polymerisations), ngram or recurrent (language models"
            " learned from --corpus).",
            DESIGN,
        ),
    ] = "reactions"
    corpus: Annotated[
        str | None,
        Flag("Table of repeat units (SMILES) that a language model learns from.", DESIGN,
             default="units drawn from the reactions"),
    ] = None  # fmt: skip
    sampler: Annotated[
        str,
        Flag(
            "smc (sequential Monte Carlo), exact (score every repeat unit of a space without growth), or iqspr: the"
            " rule of XenonPy's iQSPR, for comparison only.",
            DESIGN,
        ),
    ] = "smc"
    prior_draws: Annotated[int, Flag("Repeat units drawn from the prior to compare with.", DESIGN)] = 10_000
    max_sa: Annotated[
        float,
        Flag("Largest synthetic accessibility score (1 easy, 10 hard) of the capped unit of a proposal.", CANDIDATES),
    ] = 6.0
    max_atoms: Annotated[int, Flag("Largest number of heavy atoms of a repeat unit.", CANDIDATES)] = 80
    rank_by: Annotated[
        str,
        Flag(
            "Order of the proposals: chance (to meet all goals, times applicability); value, or lower (the lower end of"
            " its 90 % interval; the upper one where the goal is an upper bound) of the first goal's property.",
            CANDIDATES,
        ),
    ] = "chance"
    per_cluster: Annotated[
        int | None, Flag("Proposals of one cluster of similar units, at most.", CANDIDATES, default="no limit")
    ] = None
    per_monomer: Annotated[
        int | None, Flag("Proposals that share a monomer, at most.", CANDIDATES, default="no limit")
    ] = None
    per_class: Annotated[
        int | None, Flag("Proposals of one polymer class, at most.", CANDIDATES, default="no limit")
    ] = None
    fragments: Annotated[
        str | None,
        Flag("Table of fragments (SMILES) that make a unit more likely, such as liquid-crystal-like ones.", DESIGN),
    ] = None


@dataclass(frozen=True, kw_only=True)
class DesignConfig(
    OutFlags, DeviceFlags, WorkerFlags, CacheFlags, SeedFlags, TopFlags, ParticleFlags, ProposalFlags, HeadFlags,
    SourceFlags, TableFlags, ValueFlags, GoalFlags,
):  # fmt: skip
    """Flags of a design run, keys of its TOML file, and `config` in its run.json."""

    source: Annotated[
        tuple[str, ...],
        Here("usual: the embedded properties of molecules. Without sources no network is trained.", default="none"),
    ] = NO_SOURCE
    networks: int = 10
    descriptors: Annotated[str, Here("A design describes SMILES.", default=DESCRIPTORS)] = DESCRIPTORS
    outer_folds: int = 5
    top: int = 1000


def _check(config: DesignConfig) -> None:
    # Imported here: help reads this file, and must be quick.
    from kakehashi.screen.runs.checks import check_known, check_shared, check_workers

    if not config.target:
        raise UserError("--target is missing: FILE:COLUMN or NAME=FILE:COLUMN with repeat units, or an embedded name")
    if not config.goal:
        raise UserError("--goal is missing: for example --goal 'thermal_conductivity>0.35'")
    least = {"networks": 1, "outer_folds": 2, "particles": 10, "prior_draws": 1000, "seed": 0, "top": 1, "max_atoms": 1}
    check_shared(config, least, ("target", "source", "goal"))
    check_workers(config.workers, None)
    check_known("proposal", config.proposal, PROPOSALS)
    check_known("sampler", config.sampler, SAMPLERS)
    check_known("rank-by", config.rank_by, ORDERS)
    for name in ("per_cluster", "per_monomer", "per_class"):
        if (limit := getattr(config, name)) is not None and limit < 1:
            raise UserError(f"--{name.replace('_', '-')}: expected at least 1, got {limit}")
    if config.proposal == "reactions" and config.corpus is not None:
        raise UserError("--corpus is what --proposal ngram or recurrent learn from; reactions start from --pool")
    if config.proposal != "reactions" and config.pool is not None:
        raise UserError("--pool holds monomers for --proposal reactions; ngram and recurrent learn from --corpus")
    check_known("monomers", config.monomers, MONOMERS)
    check_known("growth", config.growth, GROWTH)
    if config.monomers == POOL and config.pool is None:
        raise UserError("--monomers pool: --pool is missing, the table of your monomers")
    if config.sampler == "exact" and (config.proposal != "reactions" or config.grows):
        raise UserError(
            "--sampler exact scores every repeat unit of the reactions: give --monomers registered, --monomers pool or"
            " --growth off, so that there are few enough"
        )
    if config.max_mass is not None and not config.max_mass > 0:
        raise UserError(f"--max-mass: expected a mass above 0 g/mol, got {config.max_mass:g}")


resolve = partial(runs.resolve, DesignConfig, check=_check)
deciding = partial(runs.deciding, DesignConfig)
