"""The `kakehashi evaluate` command: flags, nothing else. Heavy imports wait for the call."""

from __future__ import annotations

from typing import Any

from kakehashi.screen.cli.flags import Baselines, Descriptors, Heads, Many, Setting, Switch, Whole, mode_of
from kakehashi.screen.device import Device


def evaluate(
    *,
    target: str | None = None,
    value: str | None = None,
    log: Setting = None,
    material: Many = None,
    folds: str | None = None,
    unit: Many = None,
    max_rejected: float | None = None,
    source: Many = None,
    trunk: str | None = None,
    networks: Whole | None = None,
    convention: str | None = None,
    descriptors: Descriptors = None,
    outer_folds: Whole | None = None,
    heads: Heads = None,
    baselines: Baselines = None,
    holdout: str | None = None,
    top_fraction: float | None = None,
    learning_curve: Setting = None,
    out: str | None = None,
    seed: Whole | None = None,
    no_cache: Setting = None,
    device: Device | None = None,
    config: str | None = None,
    resume: Switch = False,
    overwrite: Switch = False,
    dry_run: Switch = False,
    json: Switch = False,
    quiet: Switch = False,
    events: Switch = False,
) -> int:
    """Measure whether transfer helps for a property you have few values of, and what to use.

    Compares sources, alone and together, networks, depths and heads with models without transfer, by nested
    cross-validation on the same held-out materials: errors, intervals, what choosing cost, shuffled values, a paired
    test. Ends with a recommendation and the command that uses it.

    Example: kakehashi evaluate --target my.csv:kappa --log --source volume_per_atom --out runs/does-it-help

    Example: kakehashi evaluate --target my.csv:kappa --holdout family --learning-curve --out runs/families

    Parameters
    ----------
    target
        A name from `kakehashi catalogs list`, or FILE:COLUMN of a table: .csv, .tsv (.gz, too), .xlsx, .parquet, or a
        folder of Parquet.
    value
        The target's value column, if not given as FILE:COLUMN.
    log
        Fit ln(value): for positive properties spanning orders of magnitude.
    material
        The column of formulas or SMILES, where its name does not tell (formula, composition, smiles, pretty_formula,
        repeat_unit ...); repeat it for files that call it differently: the first of them that a file has.
    folds
        A column of given fold numbers for the outer cross-validation.
    unit
        COLUMN=UNIT, or FILE:COLUMN=UNIT: the unit of a value column whose name does not say it, such as tg=degC; repeat
        for several.
    max_rejected
        Share of the target's rows with a value that may be refused before that is an error. Default: 0.1.
    source
        A source property: a name, FILE:COLUMN or FILE:log(COLUMN); repeat for several; none for none. Default:
        formation_energy, volume_per_atom, melting_temperature; of a target of SMILES properties of molecules.
    trunk
        separate: networks for each source; shared: networks that learn all sources at once (multi-task); both.
        Default: separate.
    networks
        Networks pre-trained per source, and for the shared trunk. Default: 50.
    convention
        Amounts behind the descriptors of formulas: reduced, cell or per-atom. Default: reduced.
    outer_folds
        Folds of the outer cross-validation. Default: 10.
    holdout
        What is held out: random or formula (no formula on both sides), family (whole chemical families), element (every
        material by a model that never saw its rarest element) or top (the largest values). Default: formula.
    top_fraction
        With --holdout top, the share of materials whose values are predicted. Default: 0.2.
    learning_curve
        Also measure how the error falls with the number of known values, from 10 to all.
    out
        Folder or URL for the results, such as s3://bucket/run.
    seed
        One seed for everything random. Default: 0.
    no_cache
        Pre-train again, even where an earlier run left the same networks.
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu. Default: auto.
    config
        A TOML file with the same names as these flags; flags win.
    resume
        Go on in a folder that holds an unfinished evaluation.
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
    from kakehashi.screen.cli.evaluate_text import kind
    from kakehashi.screen.evaluation.config import resolve
    from kakehashi.screen.runs.runner import run_and_print

    flags: dict[str, Any] = {
        "target": target, "value": value, "log": log, "material": material,
        "unit": unit, "max_rejected": max_rejected, "folds": folds, "source": source,
        "trunk": trunk, "networks": networks, "convention": convention, "descriptors": descriptors,
        "outer_folds": outer_folds, "heads": None if heads is None else [heads],
        "baselines": None if baselines is None else [baselines], "holdout": holdout, "top_fraction": top_fraction,
        "learning_curve": learning_curve, "out": out, "seed": seed, "no_cache": no_cache, "device": device,
    }  # fmt: skip
    return run_and_print(
        kind(), resolve(flags, config), mode=mode_of(json=json, quiet=quiet, events=events), resume=resume,
        overwrite=overwrite, dry_run=dry_run, json_out=json, quiet=quiet,
    )  # fmt: skip
