"""Lattice thermal conductivity from data-rich stand-ins (after Ju et al., 2021)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.descriptors.composition import names
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.networks.source import Library, Settings
from kakehashi.screen.progress import Progress
from kakehashi.screen.screening.record import leaderboard_table
from kakehashi.screen.studies.config import StudyConfig
from kakehashi.screen.studies.data import Column, load_all, load_between, load_column, spec_in
from kakehashi.screen.studies.findings import Findings
from kakehashi.screen.studies.fits import choose_network, correlations, fifths, fit_of, shared_values
from kakehashi.screen.studies.ltc import figures
from kakehashi.screen.studies.ltc.measured import join_measured
from kakehashi.screen.studies.ltc.result import LtcResult, StandIn
from kakehashi.screen.studies.ltc.shortlist import beside, distinct, network_predictions, screen_all, shortlist
from kakehashi.screen.studies.steps import (
    keep_apart,
    predict_by_source,
    predict_setup,
    pretrain_sources,
    subset,
    transfer_to,
)
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import Plan, fit_plan

SHARED = (
    Column("inorganic/ltc45_dft.parquet:kappa_300k", unit="W/(m K)"),
    (
        Column("inorganic/jarvis_wide.parquet:max_mode", "highest phonon mode", "highest phonon mode", "cm-1"),
        Column(
            "inorganic/aflow_mp_wide.parquet:aflow_ael_debye_temperature", "Debye temperature", "Debye temperature", "K"
        ),
        Column("inorganic/matbench_log_kvrh.parquet:log10(K_VRH)", "bulk modulus", "log10 of bulk modulus", "in GPa"),
        Column("inorganic/matbench_log_gvrh.parquet:log10(G_VRH)", "shear modulus", "log10 of shear modulus", "in GPa"),
        Column(
            "inorganic/aflow_mp_wide.parquet:log(aflow_agl_thermal_conductivity_300K)", "AGL conductivity",
            "AGL conductivity", "W/(m K)",
        ),
    ),
    "inorganic/mp_snapshot.parquet",
)  # fmt: skip
EMBEDDED = (
    Column("ltc"),
    tuple(
        Column(name)
        for name in ("standard_entropy", "melting_temperature", "heat_capacity", "volume_per_atom", "formation_energy")
    ),
    "default",
)
# Measured near 300 K, by electrons too: metals are left out where the catalogue knows their band gap.
MEASURED = Column(
    "inorganic/tc_citrine_expt.parquet:kappa_W_mK", "conductivity near 300 K", "thermal conductivity", "W/(m K)"
)
ROOM = (290.0, 310.0)
STAND_IN = (
    "The scattering phase space of the paper (320 compounds) is not public. Its stand-ins here are {sources}; {target}"
    " stands for the paper's 45 conductivities."
)
ROUGH = " The AGL conductivity is a rougher model of the target's own quantity."
BOOTSTRAPS = 200
# Columns of predictions by the model without transfer, and by setup 2 on its best network.
DIRECT, SETUP_2 = "mean_direct", "mean_setup_2"


class LtcInputs(NamedTuple):
    """Target, sources and candidates of the study.

    measured : conductivities that serve only to judge the screening, None without shared data
    """

    target: PropertyTable
    sources: list[PropertyTable]
    catalog: Catalog
    measured: PropertyTable | None


def run(config: StudyConfig, inputs: LtcInputs, progress: Progress) -> Findings:
    """Run the study."""
    target, sources, catalog, measured = inputs
    per_source = max(1, config.networks // len(sources))
    library = pretrain_sources(sources, Settings(per_source, config.seed), target, config, progress)
    model = transfer_to(library, target, config, progress)
    direct = transfer_to(library._replace(sources=()), target, config, progress, "without sources")
    result = measure(config, progress, target, sources, library, model, direct, catalog, measured)
    return findings(config, result, catalog)


def tables(inputs: LtcInputs) -> list[tuple[str, PropertyTable]]:
    """List each table with its role."""
    roles = [("target", inputs.target), *(("source", table) for table in inputs.sources)]
    return roles if inputs.measured is None else [*roles, ("measured", inputs.measured)]


def read(config: StudyConfig) -> LtcInputs:
    """Read target, sources and candidates.

    Raises
    ------
    UserError : data that do not serve.
    """
    target, sources, catalog = EMBEDDED if config.data is None else SHARED
    where = catalog if config.data is None else spec_in(config.data, catalog)
    return LtcInputs(
        load_column(config.data, target, log=True, minimum=10),
        load_all(config.data, sources),
        open_catalog(where, limit=config.limit),
        None if config.data is None else load_between(config.data, MEASURED, "temperature_k", *ROOM, log=True),
    )


def measure(
    config: StudyConfig,
    progress: Progress,
    target: PropertyTable,
    sources: list[PropertyTable],
    library: Library,
    model: Model,
    direct: Model,
    catalog: Catalog,
    measured: PropertyTable | None,
) -> LtcResult:
    """Measure everything the figures draw."""
    features, folds, y = compute_features(library, target.inputs), model.out_of_fold.folds, target.y
    setup = predict_setup(features, y, folds, 0, progress)
    choice = choose_network(setup, y, folds)
    held_out = [subset(table, np.flatnonzero(keep_apart(table.keys, config.seed))) for table in sources]
    held_out = [subset(table, np.flatnonzero([key not in target.keys for key in table.keys])) for table in held_out]
    guesses = [predict_by_source(library, s, table) for s, table in enumerate(held_out)]
    size = len(library.sources[0].networks)
    stand_ins = []
    for s, (table, guess, test) in enumerate(zip(sources, guesses, held_out, strict=True)):
        best_of_source = choose_network(setup[s * size : (s + 1) * size], y, folds)
        a, b = shared_values(table, target)
        heads = {
            row.head: row.mae for row in model.leaderboard if (row.source, row.depth) == (table.name, "all layers")
        }
        stand_ins.append(
            StandIn(
                table.name, len(table), len(a), *correlations(a, b), fit_of(test.y, guess),
                float(best_of_source.mae[best_of_source.network]), float(np.mean(np.abs(best_of_source.unseen - y))),
                *(heads.get(head, float("nan")) for head in ("ridge", "gp")),
            )
        )  # fmt: skip
    screened = screen_all(model, direct, catalog, progress)
    compositions, without = distinct(screened)
    best = Plan("frozen", "forest", choice.network // size, 0, (choice.network % size,))
    forest = network_predictions(
        library, fit_plan(best, features, y, np.arange(len(y))), compositions["reduced_formula"], progress
    )
    by_size = replace(target, folds=fifths(y))
    return LtcResult(
        target=target, sources=sources, model=model, direct=direct, choice=choice, stand_ins=stand_ins,
        first_source=(held_out[0].y, guesses[0]),
        by_size=transfer_to(library, by_size, config, progress, "by size").out_of_fold.mean,
        screened=screened, compositions=compositions, without=without, forest=np.exp(forest),
        forest_ceiling=float(target.values.max()),
        chosen=shortlist(screened.scores, target.keys, log=target.log),
        leading=leading(target, config.seed),
        measured=None if measured is None else join_measured(
            measured, target, screened.scores, compositions, {DIRECT: without, SETUP_2: np.exp(forest)}
        ),
    )  # fmt: skip


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def leading(target: PropertyTable, seed: int) -> pa.Table:
    """Rank descriptors by their rank correlation with the target.

    Strongest first.

    place_low, place_high : 5th and 95th percentile over bootstrap samples of the target's compounds
    """
    raw = np.asarray(describe(target.inputs, "reduced"), np.float64)
    labels = np.array(names())
    varies = np.ptp(raw, axis=0) > 0
    strength = _rank_correlations(raw[:, varies], target.y)
    rng = np.random.default_rng(seed)
    places = []
    for _ in range(BOOTSTRAPS):
        rows = rng.integers(0, len(raw), len(raw))
        places.append(np.argsort(np.argsort(-np.abs(_rank_correlations(raw[rows][:, varies], target.y[rows])))) + 1)
    low, high = np.quantile(places, (0.05, 0.95), axis=0)
    order = np.argsort(-np.abs(strength), kind="stable")
    return pa.table(
        {
            "place": np.arange(1, len(order) + 1), "descriptor": labels[varies][order].tolist(),
            "spearman": strength[order], "place_low": low[order], "place_high": high[order],
        }
    )  # fmt: skip


def _rank_correlations(x: FloatArray, y: FloatArray) -> FloatArray:
    """Spearman correlations of columns x (n, p) with y (n,), (p,).

    0 for a constant column.
    """
    from scipy.stats import rankdata

    a, b = rankdata(x, axis=0), rankdata(y)
    a, b = a - a.mean(axis=0), b - b.mean()
    norm = np.sqrt(np.sum(a**2, axis=0) * np.sum(b**2))
    return np.asarray(np.divide(a.T @ b, norm, out=np.zeros(a.shape[1]), where=norm > 0))


def findings(config: StudyConfig, result: LtcResult, catalog: Catalog) -> Findings:
    """Collect figures, tables and numbers."""
    target, model = result.target, result.model
    numbers = figures.numbers(result)
    columns = SHARED if config.data else EMBEDDED
    places = {table.name: column.place for table, column in zip(result.sources, columns[1], strict=True)}
    sources = ", ".join(f"{name} ({place})" if name != place else name for name, place in places.items())
    screened = result.screened
    others = {DIRECT: result.without, SETUP_2: result.forest}
    candidates = pa.table(
        {
            **{name: result.compositions[name] for name in ("reduced_formula", "mean", "lower", "upper", "domain")},
            **others,
        }
    )  # fmt: skip
    stand_ins = [
        {
            **{name: value for name, value in stand_in._asdict().items() if name != "source"},
            **{f"source_{name}": value for name, value in stand_in.source._asdict().items()},
        }
        for stand_in in result.stand_ins
    ]
    return Findings(
        title="Lattice thermal conductivity from stand-ins of the phonon scattering phase space",
        lede=(
            f"{len(target)} conductivities at 300 K, {len(result.sources)} source properties with"
            f" {_counted(len(model.library.sources[0].networks), 'network')} each, judged by nested cross-validation"
            f" grouped by formula; then {screened.scores.num_rows:,} candidates of {catalog.name.split('/')[-1]}"
            f" ({result.compositions.num_rows:,} compositions) were scored, {screened.quarantined:,} could not be,"
            f" {result.chosen.table.num_rows} were shortlisted."
        ),
        stand_ins=(
            STAND_IN.format(sources=sources, target=columns[0].place) + (ROUGH if config.data else ""),
            f"Shortlist: {result.chosen.rule}.",
        ),
        figures=figures.figures(result, numbers),
        tables={
            "stand_ins": pa.Table.from_pylist(stand_ins),
            "leaderboard": leaderboard_table(model),
            "predictions": pa.table(
                {
                    "formula": list(target.keys), "fold": model.out_of_fold.folds, "y": target.values,
                    "stack": np.exp(model.out_of_fold.mean), "setup_2_hindsight": np.exp(result.choice.hindsight),
                    "setup_2_unseen": np.exp(result.choice.unseen), "own_fifth_held_out": np.exp(result.by_size),
                    "fifth": fifths(target.y),
                }
            ),
            "descriptors": result.leading,
            "candidates": candidates,
            "shortlist": beside(result.chosen, result.compositions, others),
            **({} if result.measured is None else {"measured": result.measured.table}),
        },
        numbers=numbers,
        warnings=tuple(model.warnings),
    )  # fmt: skip
