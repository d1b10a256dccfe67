"""Asking in batches against one batch: true hits after 100 labels on the half of RadonPy that no model saw.

Half of the polymers, by whole clusters, are known; of the other half 100 may be asked, in tens, each ten chosen by a
model that is fitted again on all that is known, by expected improvement on the goal or on the best known value. A hit
is one of the best sixth of the asked half, and the goal is to be one. Beside it: the same model's 100 in one batch,
extra trees in tens, and choice at random (its expectation); rows are the same for all.

    python benchmarks/design_loop.py [--seeds 0 1 2] [--table ../shared/data/organic/radonpy_pi1070.parquet]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.design.report.clusters import cluster
from kakehashi.screen.descriptors.repeat_unit import compute
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.heads.gp import gp
from kakehashi.screen.next.campaign import Picker, unit_picker
from kakehashi.screen.ranking.acquisition import NormalLaws, log_expected_improvement

DESCRIPTORS = "ecfp4@ring/atom"
LABELS, BATCH = 100, 10
SHARE = 1 / 6  # of the asked half that are hits
SIMILAR = 0.5  # of one cluster

Floats = NDArray[np.float64]


def halves(clusters: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Mask (n,) of the known half: whole clusters at random until half of the rows are known."""
    order = np.random.default_rng(seed).permutation(np.unique(clusters))
    known = np.zeros(len(clusters), bool)
    for number in order:
        if known.sum() * 2 < len(known):
            known |= clusters == number
    return known


def gaussian_process(x: Floats, y: Floats, at: Floats) -> NormalLaws:
    scaling = fit_scaling(x)
    z, rest = (np.asarray(standardise(scaling, part), np.float64) for part in (x, at))
    return NormalLaws(*(np.asarray(a, np.float64) for a in gp.predict(gp.fit(z, y), rest)))


def trees(x: Floats, y: Floats, at: Floats) -> NormalLaws:
    forest = ExtraTreesRegressor(100, random_state=0, n_jobs=1).fit(x, y)
    each = np.array([tree.predict(at) for tree in forest.estimators_])
    return NormalLaws(each.mean(axis=0), each.std(axis=0))


def play(
    model, x: Floats, y: Floats, known: NDArray[np.bool_], batch: int, pick: Picker | None, bar: float | None = None
) -> list[int]:
    """Rows in the order they are asked for, by expected improvement on the best known value, or on a bar."""
    asked: list[int] = []
    while len(asked) < LABELS:
        have = np.flatnonzero(known | np.isin(np.arange(len(y)), asked))
        rest = np.flatnonzero(~np.isin(np.arange(len(y)), have))
        law = model(x[have], y[have], x[rest])
        best = float(y[have].max()) if bar is None else bar
        order = rest[np.argsort(-log_expected_improvement(law, best), kind="stable")]
        size = min(batch, LABELS - len(asked))
        picked = pick(order, size) if pick else []
        asked += picked + [int(i) for i in order if i not in picked][: size - len(picked)]
    return asked


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--table", default="../shared/data/organic/radonpy_pi1070.parquet")
    options = parser.parse_args()
    if not Path(options.table).is_file():
        print(f"{options.table} is absent: nothing to play on")
        return
    table = load_table(f"{options.table}:thermal_conductivity", log=True)
    x = np.asarray(compute(list(table.keys), DESCRIPTORS), np.float64)
    clusters = np.array(cluster(list(table.keys), SIMILAR).numbers)
    unlike = unit_picker(table.keys)
    print(f"{len(table)} polymers, {len(np.unique(clusters))} clusters; hits of {LABELS} labels, by seed:")
    found: dict[str, list[float]] = {}
    for seed in options.seeds:
        known = halves(clusters, seed)
        asked = np.flatnonzero(~known)
        bar = np.quantile(table.y[asked], 1 - SHARE)
        hits = (table.y >= bar) & ~known
        ways = {
            "Gaussian process, improvement on the goal, tens": (gaussian_process, BATCH, None, bar),
            "the same, unlike within a ten (kakehashi next)": (gaussian_process, BATCH, unlike, bar),
            "the same, one batch": (gaussian_process, LABELS, None, bar),
            "Gaussian process, improvement on the best known, tens": (gaussian_process, BATCH, None, None),
            "extra trees, improvement on the goal, tens": (trees, BATCH, None, bar),
        }
        print(f"seed {seed}: {int(hits.sum())} hits of {len(asked)} above {np.exp(bar):.3f} {table.unit}")
        for name, (model, batch, pick, bar_or_best) in ways.items():
            start = time.process_time()
            count = int(hits[play(model, x, table.y, known, batch, pick, bar_or_best)].sum())
            found.setdefault(name, []).append(count)
            print(f"  {name}: {count} ({time.process_time() - start:.0f} s of processor time)", flush=True)
        found.setdefault("at random (expected)", []).append(LABELS * hits.sum() / len(asked))
    print("| way | hits of 100 labels, mean | by seed |\n|---|---|---|")
    for name, counts in found.items():
        print(f"| {name} | {np.mean(counts):.1f} | {', '.join(f'{count:.0f}' for count in counts)} |")


if __name__ == "__main__":
    main()
