"""Thermal conductivity of polymers from 19 values (after Wu et al., 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.records import FloatArray, PropertyTable, UserError
from kakehashi.screen.networks.source import MIN_ROWS, Settings
from kakehashi.screen.pools import threads
from kakehashi.screen.progress import Progress
from kakehashi.screen.studies.config import StudyConfig
from kakehashi.screen.studies.data import Column, load, load_column, load_drawn
from kakehashi.screen.studies.findings import Findings
from kakehashi.screen.studies.fits import fit_of
from kakehashi.screen.studies.polymer import figures
from kakehashi.screen.studies.polymer.result import CEILING, DrawnSplit, Draws, PolymerResult, Role
from kakehashi.screen.studies.steps import KEPT_APART, keep_apart, predict_by_source, pretrain_sources, subset
from kakehashi.screen.transfer.features import Features, compute_features
from kakehashi.screen.transfer.plan import Plan, fit_plan, predict_plan
from kakehashi.screen.validation.folds import grouped_folds

# As many as the paper had.
DRAWN = 19
FOLDS = 5
DESCRIPTORS = "ecfp4@ring/atom"
# Simulations of the very polymers whose conductivities are the target, by the same method.
SIMULATED = "radonpy"
LARGE = 12_000


class PolymerInputs(NamedTuple):
    """Roles and tables of the study.

    whole : all materials with a value of the target property
    """

    roles: tuple[Role, ...]
    target: PropertyTable
    sources: list[PropertyTable]
    whole: PropertyTable


TARGET = Column("organic/radonpy_pi1070.parquet:thermal_conductivity", unit="W/(m K)")
SHARED = (
    Role("glass transition", "organic/polyinfo_tg_median.parquet:tg_c"),
    Role("melting temperature", "organic/polyinfo_tm_grea.parquet:tm_c"),
    Role("heat capacity Cp", "organic/crow_polymer_properties.parquet:cp_j_mol_k_exp", "J/(mol K)", extensive=True),
    Role("heat capacity Cv (QM9)", "organic/qm9.parquet:cv_cal_mol_k", "cal/(mol K)", large=True, extensive=True),
    Role("melt viscosity (median of all T, M)", "organic/polyverse_melt_viscosity.parquet:log(viscosity_poise)", "P"),
    Role("density", "organic/crow_polymer_properties.parquet:density_g_ml_exp", "g/cm3"),
    Role("refractive index", "organic/khazana_mtl_dft.parquet:n_dft"),
    Role("dielectric constant", "organic/khazana_mtl_dft.parquet:eps_dft"),
    Role("cohesive energy", "organic/crow_polymer_properties.parquet:ecoh_j_mol_exp", "J/mol", extensive=True),
    Role("solubility parameter", "organic/crow_polymer_properties.parquet:solub_param_mpa05_exp", "MPa^0.5"),
    Role("ionisation energy", "organic/khazana_mtl_dft.parquet:ei_ev"),
    Role(CEILING, "organic/radonpy_pi1070.parquet:density", "g/cm3"),
)
EMBEDDED_TARGET = "molecule_thermal_conductivity"
EMBEDDED = (
    Role("melting temperature", "molecule_melting_temperature"),
    Role("boiling temperature", "molecule_boiling_temperature"),
    Role("heat capacity Cp", "molecule_heat_capacity"),
    Role("density", "molecule_density"),
    Role("refractive index", "molecule_refractive_index"),
)
LIQUIDS = (
    "Without --data too few conductivities of polymers are at hand to draw 19 and hold out the rest: conductivities of"
    " liquids stand for them, the paper's numbers are those of polymers, and no inverse design is made."
)


def run(config: StudyConfig, inputs: PolymerInputs, progress: Progress) -> Findings:
    """Run the study without its inverse part."""
    return findings(config, measure(config, inputs, progress))


def measure(config: StudyConfig, inputs: PolymerInputs, progress: Progress) -> PolymerResult:
    """Pre-train without the target, then draw 19 again and again."""
    roles, target, sources, _ = inputs
    library = pretrain_sources(sources, Settings(config.networks, config.seed, DESCRIPTORS), target, config, progress)
    y, splits = target.y, draw(target, config.draws, config.seed)
    by_source = []
    for s, role in enumerate(roles):
        features = compute_features(library._replace(sources=(library.sources[s],)), target.inputs)
        layers = [own[-1] for own in features.layers[0]]
        by_source.append(over_draws(layers, y, splits, config.seed, progress, role.what, features))
    described = compute_features(library._replace(sources=()), target.inputs)
    direct = over_draws([np.asarray(described.raw, np.float64)], y, splits, config.seed, progress, "none", described)
    held_out = subset(sources[0], np.flatnonzero(keep_apart(sources[0].keys, config.seed)))
    held_out = subset(held_out, np.flatnonzero([key not in set(target.keys) for key in held_out.keys]))
    parity = held_out.y, predict_by_source(library, 0, held_out)
    return PolymerResult(target, roles, sources, library, splits, by_source, direct, parity)


def tables(inputs: PolymerInputs) -> list[tuple[str, PropertyTable]]:
    """List each table with its role."""
    pairs = zip(inputs.roles, inputs.sources, strict=True)
    return [("target", inputs.target), *(("ceiling" if r.what == CEILING else "source", table) for r, table in pairs)]


def read(config: StudyConfig) -> PolymerInputs:
    """Read the target and the sources.

    Half of the simulated polymers are the target, the others serve the ceiling alone. Of a source too small to do
    without the target's polymers, these polymers leave the target instead.

    Raises
    ------
    UserError : data that do not serve.
    """
    roles = EMBEDDED if config.data is None else SHARED
    refuse_same_physics(roles)
    if config.data is None:
        target = load(None, EMBEDDED_TARGET, minimum=2 * DRAWN)
        return PolymerInputs(roles, target, [_source(None, role, config.seed) for role in roles], target)
    whole = load_column(config.data, TARGET, minimum=2 * DRAWN)
    ours = subset(whole, np.flatnonzero(keep_apart(whole.keys, config.seed, 2)))
    sources = [_source(config.data, role, config.seed) for role in roles]
    return PolymerInputs(roles, without_small(ours, sources), sources, whole)


def _source(data: str | None, role: Role, seed: int) -> PropertyTable:
    """Load the table of a role under its name.

    Values that grow with the size of a molecule are divided by its atoms.
    """
    table = load_drawn(data, role.spec, LARGE, seed) if role.large and data else load(data, role.spec)
    table = replace(table, name=role.what, quantity=role.what, unit=table.unit or role.unit)
    if not role.extensive:
        return table
    atoms = table.compositions.amounts.sum(axis=1)
    note = "divided by the number of atoms, as the descriptors are"
    return replace(table, values=table.values / atoms, unit=f"{table.unit} per atom".strip(),
                   notes=(*table.notes, note))  # fmt: skip


def refuse_same_physics(roles: Sequence[Role]) -> None:
    """Refuse simulations of the target's own polymers as a source.

    Raises
    ------
    UserError : such a role.
    """
    for role in roles:
        if SIMULATED in role.spec.lower() and role.what != CEILING:
            raise UserError(
                f"source {role.what} ({role.spec}): properties of the same simulations as the target are no other"
                f" source; give them as {CEILING!r}"
            )


def without_small(target: PropertyTable, sources: Sequence[PropertyTable]) -> PropertyTable:
    """Drop the polymers of small sources from the target.

    Of sources that could not be pre-trained on without them.
    """
    polymers = set(target.keys)
    dropped: set[str] = set()
    for source in sources:
        left = [key for key in source.keys if key not in polymers]
        if len(left) * (1 - 1 / KEPT_APART) < MIN_ROWS + 5:
            dropped |= set(source.keys)
    return subset(target, np.flatnonzero([key not in dropped for key in target.keys]))


def draw(target: PropertyTable, draws: int, seed: int) -> list[DrawnSplit]:
    """Draw 19 materials, again and again; all others are held out.

    Raises
    ------
    UserError : fewer than 38 materials.
    """
    if len(target) < 2 * DRAWN:
        raise UserError(f"{target.name}: expected at least {2 * DRAWN} materials to draw {DRAWN}, got {len(target)}")
    splits = []
    for number in range(draws):
        order = np.random.default_rng([seed, number]).permutation(len(target))
        rows = np.sort(order[:DRAWN])
        folds = grouped_folds([target.keys[i] for i in rows], FOLDS, seed)
        splits.append(DrawnSplit(rows, np.sort(order[DRAWN:]), folds))
    return splits


def over_draws(
    layers: Sequence[FloatArray],
    y: FloatArray,
    splits: Sequence[DrawnSplit],
    seed: int,
    progress: Progress,
    what: str,
    features: Features,
) -> Draws:
    """Fit the paper's forest and ridge heads in every draw.

    layers : (n, p) features of each network
    """
    plan = Plan("frozen", "ridge", 0, 1, tuple(range(len(layers)))) if features.layers else Plan("direct", "ridge")
    cv, test, cv_r, test_r, averaged, linear, first = [], [], [], [], [], [], None
    with (
        progress.stage(f"draws of {DRAWN}, source: {what}", len(splits)) as advance,
        threadpool_limits(1),
        threads("forest") as pool,
    ):
        for number, split in enumerate(splits):
            tasks = [(x, y, split, [seed, number, i]) for i, x in enumerate(layers)]
            results = list(pool.map(lambda task: setup_1(*task), tasks))
            inner, outer = (np.stack([result[k] for result in results]) for k in (0, 1))
            a, b = y[split.rows], y[split.held]
            cv.append(np.mean(np.abs(inner - a[None, :]), axis=1))
            test.append(np.mean(np.abs(outer - b[None, :]), axis=1))
            best = int(np.argmin(cv[-1]))
            cv_r.append(fit_of(a, inner[best]).r)
            test_r.append(fit_of(b, outer[best]).r)
            averaged.append(float(np.mean(np.abs(outer.mean(axis=0) - b))))
            means = predict_plan(fit_plan(plan, features, y, split.rows), features, split.held)[0].mean(axis=0)
            linear.append(float(np.mean(np.abs(means - b))))
            first = first or (inner[best], outer[best])
            advance(1)
    if first is None:
        raise ValueError("expected at least one draw")
    return Draws(
        np.array(cv), np.array(test), np.array(cv_r), np.array(test_r), np.array(averaged), np.array(linear), first
    )  # fmt: skip


def setup_1(x: FloatArray, y: FloatArray, split: DrawnSplit, seed: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Fit the paper's random forest in one draw.

    Trees and features tried per split are drawn between half the number of training values and all of them (Liu,
    Yamada & Wu, 2021, transfer setup 1).

    Returns
    -------
    cross-validated predictions (19,), held-out predictions
    """
    rng = np.random.default_rng(seed)
    n = len(split.rows)
    trees, tried = (int(k) for k in rng.integers(-(-n // 2), n + 1, 2))
    seeds = rng.integers(2**31, size=trees).tolist()
    single = np.ascontiguousarray(x, np.float32)

    def predict(rows: NDArray[np.int64], new: NDArray[np.int64]) -> FloatArray:
        return bagged(single[rows], y[rows], single[new], tried, seeds)

    inner = np.empty(n)
    for fold in np.unique(split.folds):
        out = split.folds == fold
        inner[out] = predict(split.rows[~out], split.rows[out])
    return inner, predict(split.rows, split.held)


def bagged(
    x: NDArray[np.float32], y: FloatArray, new: NDArray[np.float32], tried: int, seeds: Sequence[int]
) -> FloatArray:
    """Predict with bagged trees (Breiman, 2001), (m,).

    Each is grown on its own draw of as many rows with replacement. Tree by tree, because scikit-learn's forests swap
    the process's warning filters and must not run in threads.
    """
    from sklearn.tree import DecisionTreeRegressor

    total = np.zeros(len(new))
    for seed in seeds:
        rows = np.random.default_rng(seed).integers(0, len(x), len(x))
        tree = DecisionTreeRegressor(max_features=min(tried, x.shape[1]), random_state=seed)
        total += tree.fit(x[rows], y[rows], check_input=False).predict(new, check_input=False)
    return total / len(seeds)


def findings(config: StudyConfig, result: PolymerResult) -> Findings:
    """Collect figures, tables and numbers."""
    numbers = figures.numbers(result)
    target = result.target
    draws = [
        {
            "source": role.what, "file": role.spec, "draw": d, "network": i, "cv_mae": float(one.cv[d, i]),
            "held_out_mae": float(one.test[d, i]), "chosen": bool(one.best[d] == i),
        }
        for role, one in zip((*result.roles, Role("none", "")), (*result.found, result.direct), strict=True)
        for d in range(one.cv.shape[0])
        for i in range(one.cv.shape[1])
    ]  # fmt: skip
    return Findings(
        title="Thermal conductivity of polymers from 19 values"
        if config.data
        else "Thermal conductivity of liquids from 19 values",
        lede=(
            f"{DRAWN} of {len(target)} materials drawn {config.draws} times, the others held out; {len(result.roles)}"
            f" source properties with {config.networks} networks each, pre-trained without any of the"
            f" {len(target)}; the best network chosen by {FOLDS}-fold cross-validation inside the {DRAWN}, as in the"
            " paper."
        ),
        stand_ins=(
            LIQUIDS
            if config.data is None
            else "The paper's 19 experimental conductivities are not public: simulated ones (RadonPy) stand for them."
            " Half of those polymers are drawn from and held out, the others serve only the row"
            f" {CEILING!r}, whose source is another property of the same simulations. Melt viscosities are medians over"
            " all temperatures and molar masses, which is rough.",
        ),
        figures=figures.figures(result, numbers),
        tables={
            "sources": pa.Table.from_pylist(figures.rows(result)),
            "draws": pa.Table.from_pylist(draws),
        },
        numbers=numbers,
    )
