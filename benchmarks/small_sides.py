"""What `small_data.py` measures of one draw of a small target.

Not a script: `small_data.py` imports it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from small_targets import DATA, Case, Rows, part_of, top_value
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.foundation.folds import formula_hash
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.known import KnownValues
from kakehashi.screen.foundation.record import Foundation
from kakehashi.screen.foundation.training.recipe import load_recipe
from kakehashi.screen.foundation.training.tables import gather
from kakehashi.screen.foundation.transforms import standardised
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.networks.aliases import alias_note
from kakehashi.screen.networks.kept import load_or_pretrain
from kakehashi.screen.networks.source import Library, Settings
from kakehashi.screen.transfer.features import Features, compute_features, distance_space
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.nested import fit_deployed, predict_fold
from kakehashi.screen.transfer.plan import Plan, fit_plan, predict_plan
from kakehashi.screen.transfer.problem import INNER_FOLDS, Problem, deal_inner, pose_problem
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT, FOUNDATION, Origin, direct_row, foundation_row
from kakehashi.screen.transfer.selection import affordable_heads, affordable_members
from kakehashi.screen.transfer.stack import predict_stack
from kakehashi.screen.transfer.weights import stack_weights
from kakehashi.screen.validation.domain import nearest
from kakehashi.screen.validation.intervals import difficulty

NO_SOURCES = Library((), "reduced", 0)
CLASSIC_SOURCES = ("formation_energy", "volume_per_atom", "melting_temperature")
# Models without transfer; the best of `DIRECTS` is the one to beat, trees stand beside.
RIDGE, GP, TREES = direct_row("ridge").name, direct_row("gp").name, direct_row("extra-trees").name
DIRECTS = (RIDGE, GP, DIRECT)
# The default, the default with known values, and the hundred pyramids of each embedded source.
DEFAULT, KNOWN, CLASSIC = CHOSEN, "known values", "hundred pyramids"
# Predicted best ones that are looked at.
BEST = 50


class Interval(NamedTuple):
    """Verdict on the training compounds, and 90 % intervals of the test compounds.

    helps : of the cautious verdict; covered : share of the test compounds inside
    width : mean width over the error of the default; families : share inside with families held out
    seconds : of the whole measurement of a target of this size
    """

    helps: bool | None
    covered: float
    width: float
    families: float
    seconds: float


class Measured(NamedTuple):
    """One draw.

    errors : mean absolute error on the test compounds, by model
    without : error of the default without each member of its stack
    top : share of the predicted best that are truly in the top fifth, trained below it, by model
    """

    compounds: int
    errors: dict[str, float]
    without: dict[str, float]
    top: dict[str, float]
    interval: Interval | None


class Side(NamedTuple):
    """Predictions of m test compounds.

    means : (m,) by model; inside : error inside the training rows, by model; spread : (m,) of the deployed stack
    """

    means: dict[str, FloatArray]
    inside: dict[str, float]
    spread: FloatArray


def learned_values(foundation: Foundation) -> KnownValues:
    """Read the tables that a foundation of a packaged recipe learned from."""
    data = gather(DATA, load_recipe(foundation.name))
    column = {task.name: k for k, task in enumerate(data.tasks)}
    found = np.full((len(data.keys), len(foundation.tasks)), np.nan, np.float32)
    for k, task in enumerate(foundation.tasks):
        if task.name in column:
            values = data.values[:, column[task.name]]
            rows = np.flatnonzero(np.isfinite(values))
            found[rows, k] = standardised(task, values[rows])
    hashes = formula_hash(data.keys)
    order = np.argsort(hashes)
    return KnownValues(hashes[order], found[order])


def classic_library(tables: Sequence[PropertyTable], cases: Sequence[Case], networks: int) -> Library:
    """Networks of the embedded sources that never saw a compound of the cases."""
    exclude = [
        table.keys[i]
        for table, case in zip(tables, cases, strict=True)
        for rows in (case.train, case.test)
        for i in rows.tolist()
    ]
    sources = [load_or_pretrain([load_table(name)], Settings(networks), exclude=exclude) for name in CLASSIC_SOURCES]
    return Library(tuple(sources), "reduced", 0)


def measure_draw(
    table: PropertyTable,
    case: Case,
    foundation: Foundation,
    *,
    seed: int,
    learned: KnownValues | None = None,
    classic: Library | None = None,
    verdict: bool = True,
) -> Measured:
    """Measure all sides on the same compounds.

    learned : also the default with known values; classic : also these networks
    verdict : also `transfer` on the training compounds, with its intervals at the test compounds
    """
    truth = table.y[case.test]
    plain = Knowledge(foundation)
    side = predict_side(table, case.train, case, seed, knowledge=plain, every=True)
    means = dict(side.means)
    if learned is not None:
        informed = predict_side(table, case.train, case, seed, knowledge=Knowledge(foundation, learned))
        means[KNOWN] = informed.means[CHOSEN]
    if classic is not None:
        sources = tuple(s for s in classic.sources if alias_note(table, load_table(s.name)) is None)
        library = classic._replace(sources=sources)
        means[CLASSIC] = predict_side(table, case.train, case, seed, library=library).means[CHOSEN]
    errors = {name: float(np.mean(np.abs(mean - truth))) for name, mean in means.items()}
    top = {}
    if case.low is not None:
        low = predict_side(table, case.low, case, seed, knowledge=plain, every=True).means
        top = {name: _truly_top(low[name], truth, top_value(table)) for name in (*DIRECTS, TREES, DEFAULT)}
    interval = _interval(table, case, plain, seed, side, errors[DEFAULT]) if verdict else None
    without = _without_each(side, truth, foundation, len(case.train))
    return Measured(len(case.train), errors, without, top, interval)


def predict_side(
    table: PropertyTable,
    train: Rows,
    case: Case,
    seed: int,
    *,
    knowledge: Knowledge | None = None,
    library: Library = NO_SOURCES,
    every: bool = False,
) -> Side:
    """Fit on some rows and predict the test compounds, those of each hash fold by networks that never saw them.

    every : by every model of the leaderboard and extra trees, else by the deployed stack alone
    """
    n, m = len(train), len(case.test)
    own = part_of(table, np.concatenate([train, case.test]))
    problem, _ = pose_problem(library, own, inner=INNER_FOLDS, seed=seed, heads=DEFAULT_HEADS, knowledge=knowledge)
    # What a target of n compounds can pay for: the test compounds do not count.
    problem = problem._replace(heads=affordable_heads(n, DEFAULT_HEADS, foundation=knowledge is not None))
    rows, folds = np.arange(n), case.folds if knowledge is not None else np.zeros(m, np.int64)
    means: dict[str, FloatArray] = {}
    inside: dict[str, float] = {}
    spread = np.full(m, np.nan)
    for fold in np.unique(folds):
        place = np.flatnonzero(folds == fold)
        features = problem.features_for(n + place, int(fold) + 1)
        with threadpool_limits(1, "blas"):
            found = _models(problem, features, rows, n + place, every=every)
        spread[place] = found[CHOSEN][2]
        for name, (mean, inner, _) in found.items():
            means.setdefault(name, np.full(m, np.nan))[place] = mean
            inside[name] = inside.get(name, 0.0) + inner * len(place) / m
    return Side(means, inside, spread)


def _models(
    problem: Problem, features: Features, rows: Rows, held: Rows, *, every: bool
) -> dict[str, tuple[FloatArray, float, FloatArray]]:
    """Held-out mean, inner error and spread of every model, or of the deployed stack alone."""
    if not every:
        stack = fit_deployed(problem, features, rows)
        mean, spread = predict_stack(stack, features, held)
        return {CHOSEN: (mean, stack.inner_mae, spread)}
    y = problem.target.y
    trees = fit_plan(Plan("direct", "extra-trees"), features, y, rows)
    means, spreads = predict_plan(trees, features, held)
    found = predict_fold(features, y, rows, held, deal_inner(problem, rows), problem.names, problem.heads).means
    return {**found, TREES: (means[0], float("nan"), spreads[0])}


def _without_each(side: Side, truth: FloatArray, foundation: Foundation, n: int) -> dict[str, float]:
    """Error of the default stack without each of its members."""
    origin = Origin(FOUNDATION, foundation.name, len(foundation.full))
    names = [RIDGE, GP, *(foundation_row(origin, member).name for member in affordable_members(n))]

    def error(left: str) -> float:
        kept = [name for name in names if name != left]
        weights = stack_weights(np.array([[side.inside[name] for name in kept]]), np.zeros(1))
        return float(np.mean(np.abs(sum(w * side.means[name] for w, name in zip(weights, kept, strict=True)) - truth)))

    return {name: error(name) for name in names}


def _truly_top(mean: FloatArray, truth: FloatArray, least: float) -> float:
    """Share of the predicted best that are in the top; of few compounds the best eighth."""
    best = np.argsort(-mean, kind="stable")[: min(BEST, max(1, len(mean) // 8))]
    return float(np.mean(truth[best] >= least))


def _interval(table: PropertyTable, case: Case, knowledge: Knowledge, seed: int, side: Side, error: float) -> Interval:
    """Verdict and intervals of `transfer` on the training compounds."""
    start = time.perf_counter()
    model = transfer(NO_SOURCES, part_of(table, case.train), knowledge=knowledge, seed=seed)
    seconds = time.perf_counter() - start
    features = compute_features(NO_SOURCES, table.compositions.take(case.test))
    distance = nearest(distance_space(features, model.reference), model.training)[1] / model.unit
    half = model.unseen_interval * difficulty(side.spread, distance, model.usual_spread)
    inside = np.abs(side.means[DEFAULT] - table.y[case.test]) <= half
    families = model.reach.by_family.coverage if model.reach.by_family else float("nan")
    return Interval(model.verdict.helps, float(inside.mean()), 2 * float(half.mean()) / error, families, seconds)
