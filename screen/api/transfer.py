"""`kh.pretrain`, `transfer`, `rank` and `screen`: from tables to a ranking."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.candidates.catalog import RESERVED, STRUCTURE
from kakehashi.catalogs.candidates.structure_catalog import as_struct, with_structures
from kakehashi.catalogs.crystals.structures import structure_names
from kakehashi.catalogs.properties.material_columns import material_column
from kakehashi.catalogs.properties.tables import labels
from kakehashi.catalogs.reading.memory_tables import open_frame
from kakehashi.catalogs.reading.readers import as_text, read, require
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.catalogs.runs.open import open_run
from kakehashi.screen.api.candidates import open_candidates
from kakehashi.screen.api.fitted import FittedModel, fitted
from kakehashi.screen.api.screened import Screened
from kakehashi.screen.cache.checkpoint import Checkpoint
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.device import choose
from kakehashi.screen.device_names import EXACT, Device, Precision
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.networks.crystal.source import crystal_library
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Library, Settings, Trunk, tell_apart
from kakehashi.screen.prediction.materials import is_frame
from kakehashi.screen.progress import progress_of
from kakehashi.screen.ranking.rank import Order, RankBy, check_order
from kakehashi.screen.ranking.rank import rank as _rank
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.scoring.virtual.search import TOP
from kakehashi.screen.screening.config import DEFAULT_NETWORKS
from kakehashi.screen.screening.knowledge import choose_foundation, gather_knowledge
from kakehashi.screen.screening.model_cost import check_memory
from kakehashi.screen.screening.tables import as_entry, check_units, load_sources, specs_of
from kakehashi.screen.transfer.cache import load_or_transfer
from kakehashi.screen.transfer.fit import Model


def pretrain(
    sources: Sequence[Any],
    *,
    exclude: PropertyTable | None = None,
    networks: int | None = None,
    trunk: Trunk = "separate",
    unit: Mapping[str, str] | None = None,
    seed: int = 0,
    convention: str | None = None,
    descriptors: str | None = None,
    cache: bool = True,
    progress: bool = True,
    device: Device = "auto",
) -> Library:
    """Pre-train random networks on every source property.

    Of tables of formulas or SMILES pyramids, of tables of structures crystal graph networks.

    Parameters
    ----------
    sources : tables, names, FILE:COLUMN, paths or data frames; none for the foundation networks alone.
    networks : per source; by default 100 pyramids or 5 crystal graph networks.
    unit : of value columns whose names do not say it, by column or FILE:COLUMN.
    exclude : a target whose formulas are removed from every source first, so that its cross-validation is honest.
    convention : of compositions: reduced (the default), cell or per-atom.
    descriptors : of molecules and repeat units, as `screen.descriptors.repeat_unit` names them.
    trunk : "separate", "shared" (one set of networks learns every source) or "both"; a shared one takes two sources.
    cache : reuse networks that were pre-trained on the same rows with the same settings, and keep new ones.
    progress : show progress, as a bar in terminals and as lines in notebooks.
    device : auto (the one chosen last, else a GPU where jax sees one), cpu or gpu; it stays chosen.

    Examples
    --------
    >>> import kakehashi as kh
    >>> library = kh.pretrain(["melting_temperature"], exclude=kh.load("ltc"), networks=1)
    >>> len(library.sources[0].networks)
    1
    """
    choose(device)
    entries = [as_entry(source) for source in sources]
    tables = load_sources(entries, unit)
    check_units(unit, entries, tables)
    tables = tell_apart(tables, specs_of(entries))
    known = [exclude, *tables] if exclude else tables
    structural = any(table.crystals is not None for table in known)
    count = networks or (DEFAULT_NETWORKS["cgcnn"] if structural else 100)
    stage = progress_of(progress).stage
    settings = Settings(count, seed, convention_for(known, convention, descriptors) if known else "reduced")
    if structural:
        if trunk != "separate":
            raise UserError(f"trunk: crystal graph networks are separate, got {trunk!r}")
        library = crystal_library(tables, settings, target=exclude, cache=cache, stage=stage)
    else:
        library = pretrain_library(tables, settings, target=exclude, trunk=trunk, cache=cache, stage=stage)
    _warn([source.checkpoint for source in library.sources])
    return library


def transfer(
    library: Library,
    target: PropertyTable,
    *,
    outer_folds: int = 10,
    seed: int = 0,
    heads: Sequence[str] = DEFAULT_HEADS,
    foundation: str = "",
    cache: bool = True,
    progress: bool = True,
    device: Device = "auto",
) -> FittedModel:
    """Transfer pre-trained networks to a target and measure it.

    By nested cross-validation; the model is the stack of transferred and direct models. `model.verdict.text` says
    whether transfer helped, `model.leaderboard` by how much; `model.warnings` says if the library saw the target's
    formulas, or (where `pretrain` was given the target) learned the target itself under another name.

    Parameters
    ----------
    heads : some of ridge, gp, forest, finetune; the last two serve the best five networks of a source.
    foundation : name of foundation networks, "none", or "" for those of the package where the target has formulas.
    cache : reuse the model of an equal library and target, and keep a new one.
    progress : as for `pretrain`.
    device : as for `pretrain`.

    Raises
    ------
    UserError : too little memory for so many values.

    Examples
    --------
    >>> import kakehashi as kh
    >>> target = kh.load("ltc", log=True)
    >>> nothing = kh.pretrain([])
    >>> model = kh.transfer(nothing, target, heads=("ridge",), foundation="none", outer_folds=2, cache=False)
    >>> model.verdict.text.split(".")[0]
    'No transfer: no source was given'
    """
    choose(device)
    networks = choose_foundation(foundation, (), target, library.convention)
    check_memory(
        len(target), networks=sum(len(source.networks) for source in library.sources), sources=len(library.sources),
        foundation=networks is not None,
    )  # fmt: skip
    model = load_or_transfer(
        library, target, outer=outer_folds, seed=seed, heads=heads, knowledge=gather_knowledge(networks), cache=cache,
        stage=progress_of(progress).stage,
    )  # fmt: skip
    _warn([model.checkpoint])
    return fitted(model)


def _warn(checkpoints: Sequence[Checkpoint | None]) -> None:
    """Warn of what the cache could not read or store, each once."""
    for warning in dict.fromkeys(checkpoint.warning for checkpoint in checkpoints if checkpoint and checkpoint.warning):
        warnings.warn(warning, stacklevel=3)


def rank(
    model: Model,
    formulas: Any,
    *,
    by: RankBy = "mean",
    minimise: bool = False,
    threshold: float | None = None,
    device: Device = "auto",
) -> pa.Table:
    """Score and rank formulas; the columns of ranking.parquet.

    formulas : texts, or a table (Arrow, a data frame or {name: cells}) with a column `formula`, perhaps `id`, and
        columns of its own; for a model fitted on structures with structure columns, as files have them
    device : as for `pretrain`

    Raises
    ------
    UserError : a formula that cannot be read or scored, with the reason; nothing is dropped silently.

    Examples
    --------
    >>> import kakehashi as kh
    >>> target, nothing = kh.load("ltc", log=True), kh.pretrain([])
    >>> model = kh.transfer(nothing, target, heads=("ridge",), foundation="none", outer_folds=2)
    >>> kh.rank(model, ["PbTe", "BN"])["formula"].to_pylist()
    ['BN', 'PbTe']
    """
    choose(device)
    order = Order(by=by, minimise=minimise, threshold=threshold)
    check_order(order, log=model.target.log)
    rows = _rows(formulas)
    if model.target.crystals is not None:
        held = structure_names(rows)
        rows = rows.drop_columns(list(held)).append_column(STRUCTURE, as_struct(rows.select(held)))
    part = make_scorer(model)(rows)
    if part.quarantine.num_rows:
        bad = part.quarantine.slice(0, 3).to_pylist()
        words = "; ".join(f"{row['formula']!r} (id {row['id']}): {row['reason']}" for row in bad)
        raise UserError(f"{part.quarantine.num_rows} of {rows.num_rows} formulas cannot be scored: {words}")
    return _rank(part.scores, order, log=model.target.log).table


def _rows(formulas: Any) -> pa.Table:
    """Formulas as a table with text columns `id` and `formula`.

    Without ids, row numbers.
    """
    if isinstance(formulas, str):
        raise UserError(f"expected a list of formulas, got the text {formulas!r}: write [{formulas!r}]")
    if is_frame(formulas) and not isinstance(formulas, pa.Table):
        frame = open_frame(formulas)
        formulas = read(frame)
        column = material_column(formulas.column_names, frame)
        formulas = formulas.rename_columns(["formula" if n == column else n for n in formulas.column_names])
    elif not isinstance(formulas, pa.Table):
        texts = list(formulas)
        not_text = [text for text in texts if not (text is None or isinstance(text, str))]
        if not_text:
            raise UserError(f"expected formulas as text, got {not_text[0]!r}")
        formulas = pa.table({"formula": pa.array(texts, pa.string())})
    require("formula", formulas.column_names, "rank")
    others = [name for name in formulas.column_names if name not in ("id", "formula")]
    clash = sorted(RESERVED.intersection(others))
    if clash:
        raise UserError(f"rank: column {clash[0]!r} has the name of a result; rename or drop it")
    ids = labels(formulas["id"] if "id" in formulas.column_names else None, formulas.num_rows, "rank", "id")
    texts = as_text(formulas["formula"], "rank", "formula")
    return pa.table({"id": pa.array(ids, pa.string()), "formula": texts, **{name: formulas[name] for name in others}})


def screen(
    model: Model,
    *,
    catalog: Any = None,
    out: str | Path,
    resume: bool = False,
    overwrite: bool = False,
    top: int | None = None,
    minimise: bool = False,
    filters: Sequence[str] = (),
    workers: int | None = None,
    scheduler: str | None = None,
    insecure_cluster: bool = False,
    save_model: bool = True,
    progress: bool = True,
    device: Device = "auto",
    precision: Precision = EXACT,
) -> Screened:
    """Score a whole catalogue and write the run folder.

    Returns the run's record (run.json), a dict with a property `ranking`.

    Parameters
    ----------
    catalog : a name, a file, a folder, a data frame or a list of candidates; a virtual one ("enumerate", or a TOML
        file) is searched for its best `top`; by default `mp` where it was pulled, else `default`
    out : a folder, or a URL as text, such as "s3://bucket/run".
    minimise : rank small values first.
    resume : keep the partitions an interrupted run of this very model and catalogue has scored.
    workers : score on so many local processes, started anew: a script needs `if __name__ == "__main__":`.
    scheduler : score on the workers of the Dask scheduler at this address, or on `workers` jobs of "slurm".
    insecure_cluster : allow a scheduler on another machine without TLS.
    save_model : write the model into the run folder, too, for `load_model`.
    progress : as for `pretrain`.
    device : as for `pretrain`; the workers compute on the same kind.
    precision : of the products of networks: "exact", "balanced" (GPUs) or "fast" (bfloat16).

    Examples
    --------
    >>> import kakehashi as kh
    >>> target, nothing = kh.load("ltc", log=True), kh.pretrain([])
    >>> model = kh.transfer(nothing, target, heads=("ridge",), foundation="none", outer_folds=2)
    >>> done = kh.screen(model, catalog=["BN", "PbTe", "Xx2"], out="few")
    >>> done["catalog"]["scored"], done.ranking["formula"].to_pylist()
    (2, ['BN', 'PbTe'])
    """
    from kakehashi.screen.networks.precision import check_precision
    from kakehashi.screen.ranking.filters import check_filters, parse_filter, refuses_out
    from kakehashi.screen.runs.checks import check_workers
    from kakehashi.screen.scoring.workers.leftovers import remove_leftovers
    from kakehashi.screen.screening.config import ScreenConfig
    from kakehashi.screen.screening.inputs import ScreenInputs, ranking_schema, virtual_search
    from kakehashi.screen.screening.run import finish_run

    check_workers(workers, scheduler, insecure=insecure_cluster)
    choose(device)
    check_precision(precision)
    candidates = open_candidates(catalog, smiles=model.target.molecules is not None)
    if model.target.crystals is not None:
        candidates = with_structures(candidates)
    order = Order(
        minimise=minimise,
        top=top if candidates.space is None else top or TOP,
        filters=tuple(parse_filter(text) for text in filters),
    )
    check_order(order, log=model.target.log)
    check_filters(order.filters, ranking_schema(candidates))
    virtual_search(candidates, model.target, order)
    config = ScreenConfig(
        target=model.target.name, log=model.target.log, catalog=candidates.name, top=top, minimise=minimise,
        filter=tuple(filters),
        source=tuple(dict.fromkeys(task.name for source in model.library.sources for task in source.tasks)),
        trunk=model.library.trunk, seed=model.seed, out=str(out),
        networks=int(np.max([len(s.networks) for s in model.library.sources], initial=1)),
        convention=model.library.convention, heads=model.heads, workers=workers, scheduler=scheduler, device=device,
        no_model=not save_model, precision=precision,
    )  # fmt: skip
    with open_run(out, resume=resume, overwrite=overwrite) as rundir:
        for said in remove_leftovers(rundir.path):
            warnings.warn(said, stacklevel=2)
        inputs = ScreenInputs(model.target, (), candidates, order, in_domain=refuses_out(order.filters))
        finished = finish_run(config, inputs, model, rundir, progress_of(progress), "kakehashi.screen(...)")
        return Screened(finished.record)
