"""Models of a design judged by polymers they never saw: half of RadonPy, by clusters, screens the other half.

Hits are polymers of the other half above a thermal conductivity that about a tenth of all reach. Each model ranks
the half by its chance to meet the goal, by its mean and by its lower bound, and says chances that are compared with
what is true. Needs ../shared/data (RadonPy); minutes of one core per seed. Models: ridge and Gaussian process on
fingerprints (`--heads ridge,gp --descriptors ecfp4@ring/atom`, the default before), the default of `kakehashi design`,
and its Gaussian process alone; with `--networks N` the first two also with the embedded properties of molecules, N
networks each.

python benchmarks/design_truth.py [--seeds 3] [--networks 0]
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.design.likelihood.goals import Goal, on_fitted_scale
from kakehashi.design.likelihood.likelihood import log_goal_probability
from kakehashi.design.likelihood.surrogate import fit_noise, predicted_values
from kakehashi.design.report.clusters import cluster
from kakehashi.design.run.config import DESCRIPTORS, resolve
from kakehashi.design.run.folds import with_cluster_folds
from kakehashi.screen.descriptors import repeat_unit
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.scoring.batches import predict_components
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.screening.config import sources_of
from kakehashi.screen.transfer.cache import load_or_transfer

DATA = Path(__file__).parents[2] / "shared/data/organic/radonpy_pi1070.parquet"
GOAL, TOP = 0.30, (25, 50, 100)
# Clusters that are dealt to the halves: polymers of two halves share little.
APART = 0.35
# Bounds of the bins of said chances.
BINS = (0.0, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)


class Way(NamedTuple):
    """A model to be judged."""

    name: str
    descriptors: str
    heads: tuple[str, ...]
    networks: int = 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--networks", type=int, default=0)
    given = options.parse_args()
    if not DATA.exists():
        print(f"needs {DATA}: not run")
        return
    default = resolve({"target": [f"{DATA}:thermal_conductivity"], "goal": ["thermal_conductivity>0.3"]}, None).heads
    ways = [Way("fingerprints, ridge and gp", "ecfp4@ring/atom", ("ridge", "gp")), Way("default", DESCRIPTORS, default)]
    ways.append(Way("block-gp alone", DESCRIPTORS, ("block-gp",)))
    if given.networks:
        ways += [
            way._replace(name=f"{way.name}, {given.networks} networks a source", networks=given.networks,
                              heads=tuple(dict.fromkeys(("ridge", *way.heads)))) for way in ways]  # fmt: skip
    table = load_table(f"{DATA}:thermal_conductivity", log=True)
    numbers = np.array(cluster(table.keys, APART).numbers)
    print(f"{len(table)} polymers in {numbers.max()} clusters; {int((table.values > GOAL).sum())} above {GOAL} W/(m K)")
    said: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {way.name: [] for way in ways}
    rows: dict[str, list[list[float]]] = {way.name: [] for way in ways}
    for seed in range(given.seeds):
        drawn = np.random.default_rng(seed).permutation(numbers.max()) < numbers.max() / 2
        known = drawn[numbers - 1]
        truth = table.values[~known]
        for way in ways:
            start = time.process_time()
            judged = judge(table, known, way, seed)
            rows[way.name].append([*score(judged, truth), time.process_time() - start])
            said[way.name].append((judged["chance"], truth > GOAL))
            print(f"seed {seed}, {way.name}: {np.round(rows[way.name][-1], 3).tolist()}", flush=True)
    report(rows, said, given.seeds)


def judge(table: Any, known: np.ndarray, way: Way, seed: int) -> dict[str, np.ndarray]:
    """Fit on one half as a design does, and predict the other."""
    target = half_of(table, known)
    sources = (
        [load_table(spec, minimum=1, attachments=(0, 2)) for spec in sources_of((), target)] if way.networks else []
    )
    library = pretrain_library(sources, Settings(max(way.networks, 1), seed, way.descriptors), target=target)
    target = with_cluster_folds(target, 5, seed)
    model = load_or_transfer(library, target, outer=5, seed=seed, heads=way.heads, families=False)
    mols = [polymers.read(key) for key, inside in zip(table.keys, known, strict=True) if not inside]
    with threadpool_limits(1):
        found = predict_components(make_scorer(model).device_model, repeat_unit.compute_mols(mols, way.descriptors))
    values = predicted_values(model, fit_noise(model), found)
    goal = on_fitted_scale(Goal("thermal_conductivity", lower=GOAL), log=True)
    mean = (found.weights[:, None] * found.means).sum(axis=0)
    spread = np.sqrt((found.weights[:, None] * (found.spreads**2 + (found.means - mean) ** 2)).sum(axis=0))
    held = model.out_of_fold
    return {
        "chance": np.exp(log_goal_probability([goal], [values])),
        "mean": mean,
        "lower": mean - np.hypot(spread, values.noise),
        "cv_mae": np.array(np.mean(np.abs(held.mean - target.y))),
    }


def half_of(table: Any, known: np.ndarray) -> Any:
    """The rows of a table that are known."""
    at = np.flatnonzero(known)

    def pick(values: Any) -> tuple[Any, ...]:
        return tuple(values[i] for i in at)

    return replace(
        table, ids=pick(table.ids), materials=pick(table.materials), keys=pick(table.keys),
        compositions=table.compositions.take(at), values=table.values[at], molecules=table.molecules.take(at),
        row_numbers=None, unmeasured=(),
    )  # fmt: skip


def score(judged: dict[str, np.ndarray], truth: np.ndarray) -> list[float]:
    hits = truth > GOAL
    found = [
        hits[np.argsort(-judged[by], kind="stable")[:top]].sum() for by in ("chance", "mean", "lower") for top in TOP
    ]
    values = [truth[np.argsort(-judged[by], kind="stable")[: TOP[0]]].mean() for by in ("chance", "mean", "lower")]
    errors = np.abs(judged["mean"] - np.log(truth)).mean()
    return [hits.sum(), *found, *values, spearmanr(judged["mean"], truth)[0], float(judged["cv_mae"]), errors]


def report(
    rows: dict[str, list[list[float]]], said: dict[str, list[tuple[np.ndarray, np.ndarray]]], seeds: int
) -> None:
    labels = ["hits", *(f"in the {top} best by {by}" for by in ("chance", "mean", "lower bound") for top in TOP)]
    labels += [f"mean of the {TOP[0]} best by {by}" for by in ("chance", "mean", "lower bound")]
    labels += ["Spearman", "MAE of ln, cross-validated by clusters", "MAE of ln, other half", "processor seconds"]
    print(f"\n| mean of {seeds} seeds | {' | '.join(rows)} |\n|---|{'---|' * len(rows)}")
    for k, label in enumerate(labels):
        print(f"| {label} | {' | '.join(f'{np.mean([row[k] for row in each]):.3g}' for each in rows.values())} |")
    print(
        f"\n| said chance | {' | '.join(f'{name}: said, true, polymers' for name in said)} |\n|---|{'---|' * len(said)}"
    )
    for low, high in pairwise(BINS):
        cells = []
        for pairs in said.values():
            chance, hit = (np.concatenate(each) for each in zip(*pairs, strict=True))
            inside = (chance >= low) & ((chance < high) | (high == 1))
            cells.append(
                f"{chance[inside].mean():.3f}, {hit[inside].mean():.3f}, {inside.sum()}" if inside.any() else "-"
            )
        print(f"| {low:g} to {high:g} | {' | '.join(cells)} |")
    for name, pairs in said.items():
        chance, hit = (np.concatenate(each) for each in zip(*pairs, strict=True))
        clipped = np.clip(chance, 1e-6, 1 - 1e-6)
        surprise = -np.mean(np.where(hit, np.log(clipped), np.log1p(-clipped)))
        print(f"figure: {name}: log loss {surprise:.4f}, of the base rate"
              f" {-sum(p * math.log(p) for p in (hit.mean(), 1 - hit.mean())):.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
