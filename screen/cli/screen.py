"""The `kakehashi screen` command: flags, nothing else. Heavy imports wait for the call."""

from __future__ import annotations

from typing import Any

from kakehashi.screen.cli.flags import Descriptors, Heads, Many, Setting, Whole, mode_of
from kakehashi.screen.device import Device


def screen(
    *,
    target: str | None = None,
    value: str | None = None,
    log: Setting = None,
    material: Many = None,
    folds: str | None = None,
    unit: Many = None,
    max_rejected: float | None = None,
    catalog: str | None = None,
    source: Many = None,
    architecture: str | None = None,
    trunk: str | None = None,
    networks: Whole | None = None,
    convention: str | None = None,
    descriptors: Descriptors = None,
    outer_folds: Whole | None = None,
    heads: Heads = None,
    rank_by: str | None = None,
    minimise: Setting = None,
    threshold: float | None = None,
    top: Whole | None = None,
    per_system: Whole | None = None,
    filter: Many = None,
    exclude_elements: str | None = None,
    no_radioactive: Setting = None,
    limit: Whole | None = None,
    max_quarantine: float | None = None,
    partition_rows: Whole | None = None,
    export: str | None = None,
    export_top: Whole | None = None,
    structures: str | None = None,
    out: str | None = None,
    seed: Whole | None = None,
    no_cache: Setting = None,
    workers: Whole | None = None,
    scheduler: str | None = None,
    insecure_cluster: Setting = None,
    device: Device | None = None,
    config: str | None = None,
    resume: Setting = None,
    overwrite: Setting = None,
    dry_run: Setting = None,
    json: Setting = None,
    quiet: Setting = None,
    events: Setting = None,
) -> int:
    """Rank a catalogue of compositions or repeat units by a property you have few values of.

    Pre-trains networks on the sources, transfers them to the target, measures by nested cross-validation whether
    that helped, scores the whole catalogue and writes ranking, intervals, applicability verdicts and a report.

    Example: kakehashi screen --target my.csv:kappa --log --catalog default --out runs/kappa

    Example: kakehashi screen --target my.csv:kappa --catalog mine.parquet --top 1000 --export cif --out runs/mine

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
    catalog
        Candidates: a name, a table, a folder of Parquet files, or structures: a folder of CIF or POSCAR
        files, or JSON documents of the Materials Project. Or a virtual one, which is searched for its best: enumerate
        (charge-balanced compositions), or a TOML file of `kakehashi catalogs build`. Default: mp where it was pulled
        (`kakehashi catalogs pull mp`), else default (140,000 rows).
    source
        A source property: a name, FILE:COLUMN or FILE:log(COLUMN), with FILE or a pulled catalogue, such as mp:k_vrh;
        repeat for several. Default: formation_energy,
        volume_per_atom, melting_temperature; of a target of SMILES properties of molecules.
    architecture
        What is pre-trained. pyramid: networks on descriptors of formulas or SMILES. cgcnn: crystal graph networks
        (Xie & Grossman 2018) on structures, which target, sources and catalogue hold or --structures gives by id;
        every structure is a row of its own, and the baseline stays the composition's. Default: pyramid.
    trunk
        separate: networks for each source; shared: networks that learn all sources at once; both. Default: separate.
    networks
        Networks pre-trained per source, and for the shared trunk. Default: 50, of cgcnn 5.
    convention
        Amounts behind the descriptors of formulas: reduced, cell or per-atom. Default: reduced.
    outer_folds
        Folds of the outer cross-validation. Default: 10.
    rank_by
        mean, lower, upper or probability (needs --threshold). Default: mean.
    minimise
        Rank small values first.
    threshold
        A value, in the target's unit, whose exceedance probability becomes a column.
    top
        Rows kept in the ranking. Default: all, of a virtual catalogue 1000.
    per_system
        At most this many candidates per chemical system.
    filter
        Keep rows that meet COLUMN OPERATOR VALUE, e.g. 'e_above_hull<=0.05' or 'domain!=out'; repeat for several.
    exclude_elements
        Elements no candidate may contain, e.g. Pb,Cd,Hg.
    no_radioactive
        Leave out candidates with radioactive elements.
    limit
        Read only the first rows of the catalogue, or the first indices of a virtual one.
    max_quarantine
        Share of the catalogue that may be in quarantine before the exit code is 3. Default: 0.05.
    partition_rows
        Rows per partition, of a virtual catalogue 64 times as many indices. Default: 262144.
    export
        cif: write the crystal structures of the best candidates to the folder cif, where they are at hand: in the
        catalogue's columns lattice, species and frac_coords, or structure or cif as text.
    export_top
        Best candidates whose structures are written. Default: 100.
    structures
        Structures by id, where a table holds none: a table, a folder of CIF or POSCAR files named by id,
        or JSON documents.
    out
        Folder or URL for the results, such as s3://bucket/run.
    seed
        One seed for everything random. Default: 0.
    no_cache
        Pre-train and transfer again, even where an earlier run left the same networks and model.
    workers
        Score on this many local processes; the results are the same. Default: in this process, on all its cores.
    scheduler
        Score on the workers of the Dask scheduler at this address, e.g. tls://10.0.0.1:8786 (certificates as in dask's
        settings), or `slurm`: as --workers jobs of that batch system (dask-jobqueue's settings say what they ask for).
    insecure_cluster
        Allow a scheduler on another machine without TLS, which anyone there may read and use.
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu. Default: auto.
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
    from kakehashi.screen.cli.screen_text import kind
    from kakehashi.screen.runs.runner import run_and_print
    from kakehashi.screen.screening.config import resolve

    flags: dict[str, Any] = {
        "target": target, "value": value, "log": log, "material": material,
        "unit": unit, "max_rejected": max_rejected, "folds": folds, "catalog": catalog,
        "source": source, "trunk": trunk, "networks": networks, "convention": convention, "descriptors": descriptors,
        "outer_folds": outer_folds, "architecture": architecture,
        "heads": None if heads is None else [heads],
        "rank_by": rank_by, "minimise": minimise, "threshold": threshold, "top": top, "per_system": per_system,
        "filter": filter, "limit": limit, "max_quarantine": max_quarantine, "partition_rows": partition_rows,
        "out": out, "seed": seed, "no_cache": no_cache, "workers": workers, "scheduler": scheduler,
        "insecure_cluster": insecure_cluster, "device": device,
        "no_radioactive": no_radioactive, "export": export, "export_top": export_top, "structures": structures,
        "exclude_elements": None if exclude_elements is None else [exclude_elements],
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
