"""The `kakehashi design` and `kakehashi report` commands: flags, nothing else. Heavy imports wait for the call."""

from __future__ import annotations

from typing import Any

from kakehashi.screen.cli.flags import Heads, Many, Setting, Whole, mode_of
from kakehashi.screen.device import Device


def design(
    *,
    target: Many = None,
    goal: Many = None,
    value: str | None = None,
    log: Setting = None,
    material: Many = None,
    unit: Many = None,
    max_rejected: float | None = None,
    source: Many = None,
    networks: Whole | None = None,
    descriptors: str | None = None,
    outer_folds: Whole | None = None,
    heads: Heads = None,
    proposal: str | None = None,
    corpus: str | None = None,
    pool: str | None = None,
    polymer_class: str | None = None,
    sampler: str | None = None,
    particles: Whole | None = None,
    prior_draws: Whole | None = None,
    max_sa: float | None = None,
    max_atoms: Whole | None = None,
    fragments: str | None = None,
    top: Whole | None = None,
    out: str | None = None,
    seed: Whole | None = None,
    no_cache: Setting = None,
    workers: Whole | None = None,
    device: Device | None = None,
    config: str | None = None,
    resume: Setting = None,
    overwrite: Setting = None,
    dry_run: Setting = None,
    json: Setting = None,
    quiet: Setting = None,
    events: Setting = None,
) -> int:
    """Propose polymers that meet a goal, with the monomers and the reaction that make them.

    Transfers models to the target properties as `kakehashi screen` does, then samples repeat units from a prior of
    polymerisable monomers, given that the goals are met (sequential Monte Carlo), and lists the best new ones.

    Example: kakehashi design --target my.csv:thermal_conductivity --goal 'thermal_conductivity>0.35' --out runs/tc

    Parameters
    ----------
    target
        A property of repeat units: FILE:COLUMN with a column smiles, NAME=FILE:COLUMN to name it, or an embedded name;
        repeat for several.
    goal
        A window of a property, with or without a unit: 'thermal_conductivity>0.35', '400<tg<600 K'; repeat for several.
    value
        The targets' value column, if not given as FILE:COLUMN.
    log
        Fit ln(value).
    material
        The column of SMILES, where its name does not tell (smiles, psmiles, repeat_unit ...); repeat it for files that
        call it differently: the first of them that a file has.
    unit
        COLUMN=UNIT, or FILE:COLUMN=UNIT: the unit of a value column whose name does not say it, such as tg=degC; repeat
        for several.
    max_rejected
        Share of the targets' rows with a value that may be refused before that is an error. Default: 0.1.
    source
        A source property of molecules or repeat units, as for `kakehashi screen`; repeat for several.
    networks
        Networks pre-trained per source. Default: 10.
    descriptors
        Descriptors of SMILES, joined with +, e.g. ecfp4@ring/atom+rdkit@dimer/atom. Default: ecfp4@ring/atom.
    outer_folds
        Folds of the outer cross-validation of the models. Default: 5.
    proposal
        Where repeat units come from: reactions (monomers and polymerisations), ngram or recurrent (a language learned
        from --corpus). Default: reactions.
    corpus
        A table of repeat units (SMILES) that a language learns from. Default: units drawn from the
        reactions.
    pool
        A table of monomers (SMILES, perhaps columns name and cas). Default: the embedded pool.
    polymer_class
        Polymer classes to propose, with commas, e.g. polyamide,polyimide. Default: all.
    sampler
        smc, or iqspr: the rule of XenonPy's iQSPR, for comparison only. Default: smc.
    particles
        Repeat units carried along. Default: 1000.
    prior_draws
        Repeat units drawn from the prior to compare with. Default: 10000.
    max_sa
        Largest synthetic accessibility score (1 easy to 10 hard) of the capped unit that is listed. Default: 6.
    max_atoms
        Most heavy atoms of a repeat unit. Default: 80.
    fragments
        A table of fragments (SMILES), e.g. liquid-crystal-like ones, that make a unit more likely.
    top
        Proposals listed at most. Default: 1000.
    out
        Folder or URL for the results, such as s3://bucket/run.
    seed
        One seed for everything random. Default: 0.
    no_cache
        Pre-train and transfer again, even where an earlier run left the same networks and model.
    workers
        Processes that parse and describe repeat units; the results are the same. Default: one per core.
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu.
    config
        A TOML file with the same names as these flags; flags win.
    resume
        Go on in a folder that holds an unfinished run.
    overwrite
        Replace the run the folder holds.
    dry_run
        Check everything and say what would be done; write nothing.
    json
        Print the record of the run (run.json) on stdout.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    """
    from kakehashi.design.cli.design_text import kind
    from kakehashi.design.run.config import resolve
    from kakehashi.screen.runs.runner import run_and_print

    flags: dict[str, Any] = {
        "target": target, "goal": goal, "value": value, "log": log, "material": material,
        "unit": unit, "max_rejected": max_rejected, "source": source,
        "networks": networks, "descriptors": descriptors, "outer_folds": outer_folds,
        "heads": None if heads is None else [heads], "proposal": proposal, "corpus": corpus, "pool": pool,
        "polymer_class": None if polymer_class is None else [polymer_class], "sampler": sampler,
        "particles": particles, "prior_draws": prior_draws, "max_sa": max_sa, "max_atoms": max_atoms,
        "fragments": fragments, "top": top, "out": out, "seed": seed, "no_cache": no_cache, "workers": workers,
        "device": device,
    }  # fmt: skip
    return run_and_print(
        kind(),
        resolve(flags, config),
        mode=mode_of(json=json, quiet=quiet, events=events),
        resume=bool(resume),
        overwrite=bool(overwrite),
        dry_run=bool(dry_run),
        json_out=bool(json),
        quiet=bool(quiet),
    )


def report(directory: str, *, json: Setting = None, quiet: Setting = None, dry_run: Setting = None) -> int:
    """Build the HTML report of a finished run, of either direction, again, from its files.

    Parameters
    ----------
    directory
        The folder or URL of the run.
    json
        Print {"report": PATH} instead of the path.
    quiet
        Print nothing but errors.
    dry_run
        Check that the report can be built; write nothing.
    """
    from kakehashi.design.cli.design_text import rebuild_report

    return rebuild_report(directory, json_out=bool(json), quiet=bool(quiet), dry_run=bool(dry_run))
