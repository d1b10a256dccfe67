"""Refractive index between inorganic compounds and polymers (after Yamada et al., 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import formula_text, reduce
from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.progress import Progress
from kakehashi.screen.screening.record import leaderboard_table
from kakehashi.screen.studies.config import StudyConfig
from kakehashi.screen.studies.data import Column, load_all, load_column
from kakehashi.screen.studies.findings import Findings
from kakehashi.screen.studies.fits import Fit, fit_of
from kakehashi.screen.studies.refractive import figures
from kakehashi.screen.studies.refractive.coverage import compare_elements, excess_error, split_error
from kakehashi.screen.studies.refractive.result import Direction, RefractiveResult
from kakehashi.screen.studies.steps import keep_apart, predict_by_source, pretrain_sources, subset, transfer_to
from kakehashi.screen.transfer.features import Features, compute_features
from kakehashi.screen.transfer.plan import Plan, fit_plan, predict_plan
from kakehashi.screen.validation.folds import grouped_folds

SHARED = (
    Column("inorganic/petousis_dielectric1056_struct.parquet:n", "inorganic compounds", "refractive index"),
    (
        Column(
            "organic/xenonpy_polymer_genome_500.parquet:refractive_index", "polymers (XenonPy 500)", "refractive index"
        ),
        Column("organic/khazana_mtl_dft.parquet:n_dft", "polymers (Khazana)", "refractive index"),
    ),
)
# No table of refractive indices of inorganic compounds comes with the package; densities of both kinds do.
EMBEDDED = (Column("density", "inorganic compounds"), (Column("molecule_density", "molecules", "density"),))
NO_INDEX = (
    "Without --data the refractive index of inorganic compounds is not at hand: densities of inorganic compounds and of"
    " molecules stand for it, and the paper's numbers are those of the refractive index."
)
TWO = (
    "The two tables of polymers here (xenonpy_polymer_genome_500:refractive_index and khazana_mtl_dft:n_dft) are on"
    " different scales and are never mixed: each is a target and a source of its own."
)
# A fifth for testing, as in the paper.
SPLITS = 5
# Points of each table in the map of descriptors.
MAPPED = 300


class RefractiveInputs(NamedTuple):
    """Tables of the study."""

    inorganic: PropertyTable
    organic: list[PropertyTable]


def run(config: StudyConfig, inputs: RefractiveInputs, progress: Progress) -> Findings:
    """Run the study."""
    inorganic, organic = inputs
    settings = Settings(config.networks, config.seed)
    there = [measure_direction(config, progress, settings, inorganic, table) for table in organic]
    back = [measure_direction(config, progress, settings, table, inorganic) for table in organic]
    with progress.stage("map of descriptors", 1) as advance:
        place, kind = descriptor_map([inorganic, *organic], config.seed)
        advance(1)
    return findings(config, RefractiveResult(inorganic, organic, there, back, place, kind))


def tables(inputs: RefractiveInputs) -> list[tuple[str, PropertyTable]]:
    """List each table with its role."""
    return [("inorganic", inputs.inorganic), *(("organic", table) for table in inputs.organic)]


def read(config: StudyConfig) -> RefractiveInputs:
    """Read the inorganic table and the organic ones.

    Each organic table as compositions of its own.

    Raises
    ------
    UserError : data that do not serve.
    """
    inorganic, organic = EMBEDDED if config.data is None else SHARED
    organic_tables = load_all(config.data, organic)
    return RefractiveInputs(
        load_column(config.data, inorganic, minimum=10), [by_composition(table) for table in organic_tables]
    )


def by_composition(table: PropertyTable) -> PropertyTable:
    """Turn a table of SMILES into one of compositions.

    Values are medians over the materials of one composition.
    """
    return assemble(
        table.name, formula_text(reduce(table.compositions)), table.values, ids=table.ids, log=table.log, minimum=1,
        quantity=table.quantity, unit=table.unit, source=table.source, licence=table.licence, sha256=table.sha256,
        notes=(f"{len(table):,} materials by composition", *table.notes),
    )  # fmt: skip


def measure_direction(
    config: StudyConfig, progress: Progress, settings: Settings, source: PropertyTable, target: PropertyTable
) -> Direction:
    """Measure transfer in one direction.

    The source's networks alone, the paper's transfer, and the nested stack.
    """
    library = pretrain_sources([source], settings, target, config, progress)
    held_out = subset(source, np.flatnonzero(keep_apart(source.keys, config.seed)))
    held_out = subset(held_out, np.flatnonzero([key not in set(target.keys) for key in held_out.keys]))
    alone = predict_by_source(library, 0, target)
    what = f"{source.name} to {target.name}"
    model = transfer_to(library, target, config, progress, what, outer=SPLITS)
    forests, direct = test_sets(config, progress, compute_features(library, target.inputs), target, what)
    coverage = compare_elements(source, target)
    return Direction(
        source=source, target=target, library=library, own=fit_of(held_out.y, predict_by_source(library, 0, held_out)),
        alone=alone, forests=forests, direct_forests=direct, model=model, coverage=coverage,
        by_networks=split_error(coverage, target.y, alone),
        by_stack=split_error(coverage, target.y, model.out_of_fold.mean),
        excess=excess_error(coverage, target.y, alone, model.out_of_fold.mean, config.seed),
    )  # fmt: skip


def test_sets(
    config: StudyConfig, progress: Progress, features: Features, target: PropertyTable, what: str
) -> tuple[tuple[Fit, ...], tuple[Fit, ...]]:
    """Fit random forests on drawn training sets, judged on the rest.

    Returns
    -------
    fits on frozen features (a network each in turn); fits on descriptors
    """
    y, networks = target.y, len(features.layers[0])
    both: tuple[list[Fit], list[Fit]] = ([], [])
    with progress.stage(f"test sets, {what}", config.draws) as advance:
        for draw in range(config.draws):
            folds = grouped_folds(target.keys, SPLITS, config.seed + draw)
            held_out, rows = np.flatnonzero(folds == 0), np.flatnonzero(folds != 0)
            plans = Plan("frozen", "forest", 0, 1, (draw % networks,)), Plan("direct", "forest")
            for plan, fits in zip(plans, both, strict=True):
                means = predict_plan(fit_plan(plan, features, y, rows), features, held_out)[0][0]
                fits.append(fit_of(y[held_out], means))
            advance(1)
    return tuple(both[0]), tuple(both[1])


def descriptor_map(tables: Sequence[PropertyTable], seed: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """Map descriptors of several tables by t-SNE (van der Maaten & Hinton, 2008).

    Returns
    -------
    (m, 2) places of some rows of each table; (m,) index of each point's table
    """
    from sklearn.manifold import TSNE

    rng = np.random.default_rng(seed)
    parts = [table.inputs.take(np.sort(rng.permutation(len(table))[:MAPPED])) for table in tables]
    raw = [describe(part, "reduced") for part in parts]
    together = np.concatenate(raw)
    x = np.asarray(standardise(fit_scaling(together), together), np.float64)
    perplexity = min(30.0, (len(x) - 1) / 4)
    place = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(x)
    return np.asarray(place, np.float64), np.repeat(np.arange(len(tables)), [len(part) for part in raw])


def findings(config: StudyConfig, result: RefractiveResult) -> Findings:
    """Collect figures, tables and numbers."""
    every = [*result.there, *result.back]
    numbers = figures.numbers(every)
    counted = [f"{table.rows:,} {table.name} ({len(table):,} compositions)" for table in
               (result.inorganic, *result.organic)]  # fmt: skip
    boards, predictions, splits = [], [], []
    for one in every:
        label = {"source": one.source.name, "target": one.target.name}
        board = leaderboard_table(one.model)
        boards += [{**row, "direction": f"{label['source']} to {label['target']}"} for row in board.to_pylist()]
        stack = one.model.out_of_fold.mean
        predictions += [
            {**label, "formula": key, "y": float(y), "source_networks": float(a), "stack": float(b), "covered": bool(c)}
            for key, y, a, b, c in zip(
                one.target.keys, one.target.y, one.alone, stack, one.coverage.covered, strict=True
            )
        ]
        for kind, fits in (("last hidden layer", one.forests), ("descriptors", one.direct_forests)):
            splits += [{**label, "features": kind, "draw": i, **fit._asdict()} for i, fit in enumerate(fits)]
    return Findings(
        title="Refractive index from inorganic compounds to polymers, and back"
        if config.data
        else "A property from inorganic compounds to molecules, and back",
        lede=(
            f"{', '.join(counted)}: each table on its own, described by composition alone, isomers and polymorphs"
            f" merged to their median; {config.networks} networks per source, {config.draws} drawn test sets of a"
            " fifth, and nested cross-validation grouped by composition."
        ),
        stand_ins=(
            *(() if config.data else (NO_INDEX,)),
            "The paper's 853 polymers are not public with their values."
            + (f" {TWO}" if len(result.organic) > 1 else ""),
        ),
        figures=figures.figures(result),
        tables={
            "directions": pa.Table.from_pylist(figures.rows(every)),
            "leaderboards": pa.Table.from_pylist(boards),
            "predictions": pa.Table.from_pylist(predictions),
            "test_sets": pa.Table.from_pylist(splits),
            "map": pa.table(
                {
                    "table": [[result.inorganic, *result.organic][k].name for k in result.kind],
                    "x": result.place[:, 0],
                    "y": result.place[:, 1],
                }
            ),
        },
        numbers=numbers,
        warnings=tuple(dict.fromkeys(text for one in every for text in one.model.warnings)),
    )
