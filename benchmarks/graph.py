"""Crystal graph networks against composition models and radial distribution functions, polymorphs apart.

Needs ../shared/data (petousis_dielectric1056_struct: refractive index and band gap of 1,056 structures, 63 formulas
with several; mp20_subset_struct: 1,130 more with band gap and volume); says so and stops where it is absent. All models
predict the same held-out folds, grouped by formula, so that no polymorph of a held-out formula was seen. Where a
formula has several structures, a composition model gives them one value: its order of them is a tie (0.5), its error
within the formula the spread of the values.

    python benchmarks/graph.py [--column band_gap] [--log] [--both] [--folds 5] [--networks 2] [--visits 40000]
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.crystals.tables import load_crystals
from kakehashi.catalogs.records import Compositions, Crystals, PropertyTable
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.descriptors.neighbours import connect
from kakehashi.screen.descriptors.rdf import rdf
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.networks.crystal.network import Shape
from kakehashi.screen.networks.crystal.source import rows_of
from kakehashi.screen.networks.crystal.train import Schedule, predict, train
from kakehashi.screen.validation.folds import grouped_folds

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"
Array = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--column", default="band_gap", help="band_gap, n, poly_total or volume_per_atom")
    parser.add_argument("--log", action="store_true", help="fit the logarithm of the values")
    parser.add_argument("--both", action="store_true", help="the structures of both files, where both have the column")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--networks", type=int, default=2)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--visits", type=int, default=40_000, help="crystals a network sees at most")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    column = "volume" if options.column == "volume_per_atom" else options.column
    files = ["petousis_dielectric1056_struct", "mp20_subset_struct"][: 2 if options.both else 1]
    table = joined([load_crystals(f"{DATA}/{file}.parquet:{column}", log=options.log) for file in files])
    if table.crystals is None:
        raise RuntimeError("no structures")
    if options.column == "volume_per_atom":
        table = replace(table, values=table.values / np.diff(table.crystals.sites))
    shape = Shape(options.width, 3, 2 * options.width)
    schedule = Schedule(visits=options.visits)
    print(
        f"{options.column}: {len(table)} structures of {len(set(table.keys))} formulas,"
        f" {options.folds} folds by formula"
    )
    print(f"{options.networks} networks a fold, {shape}, {schedule}; load {os.getloadavg()[0]:.1f}\n")

    start = time.perf_counter()
    graphs = connect(table.crystals).graphs
    print(f"graphs: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    distances = rdf(table.crystals, sites="mean")
    print(f"radial distribution functions: {time.perf_counter() - start:.1f} s")
    composition = np.asarray(describe(table.inputs, "reduced"), np.float64)
    both = np.hstack([composition, distances])

    def with_head(name: str, x: Array) -> Callable[[NDArray[np.int64], NDArray[np.int64]], Array]:
        def ask(rows: NDArray[np.int64], held: NDArray[np.int64]) -> Array:
            scaling = fit_scaling(x[rows])
            z = np.asarray(standardise(scaling, x), np.float64)
            head = HEADS[name]
            return np.asarray(head.predict(head.fit(z[rows], table.y[rows]), z[held])[0])

        return ask

    def graph(rows: NDArray[np.int64], held: NDArray[np.int64]) -> Array:
        centre, scale = table.y[rows].mean(), table.y[rows].std()
        names = [table.keys[i] for i in rows]
        networks = train(
            0, graphs.take(rows), (table.y[rows] - centre) / scale, names,
            networks=options.networks, shape=shape, schedule=schedule,
        )  # fmt: skip
        found = predict(networks, graphs.take(held))
        return centre + scale * np.mean([out.prediction[:, 0] for out in found], axis=0, dtype=np.float64)

    models = {
        "composition, Gaussian process": with_head("gp", composition),
        "composition, forest": with_head("forest", composition),
        "composition + RDF, forest": with_head("forest", both),
        "crystal graph networks": graph,
    }
    folds = grouped_folds(table.keys, options.folds, 0)
    predicted = {}
    for name, ask in models.items():
        start = time.perf_counter()
        predicted[name] = np.empty(len(table))
        with threadpool_limits(1, "blas"):
            for fold in range(options.folds):
                held = np.flatnonzero(folds == fold)
                predicted[name][held] = ask(np.flatnonzero(folds != fold), held)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    predicted["mean of composition GP and graphs"] = (
        predicted["composition, Gaussian process"] + predicted["crystal graph networks"]
    ) / 2
    report(table.keys, table.y, predicted)


def joined(tables: list[PropertyTable]) -> PropertyTable:
    """The structures of all tables, each id once."""
    seen: set[str] = set()
    fresh = []
    for table in tables:
        fresh.append(rows_of(table, np.array([i for i, name in enumerate(table.ids) if name not in seen])))
        seen.update(table.ids)
    cells = [table.crystals for table in fresh if table.crystals is not None]
    compositions = Compositions(*(np.concatenate(part) for part in zip(*(c.compositions for c in cells), strict=True)))
    sizes = np.concatenate([np.diff(c.sites) for c in cells])
    crystals = Crystals(
        compositions,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        *(np.concatenate(part) for part in zip(*(c[2:] for c in cells), strict=True)),
    )
    return replace(
        fresh[0],
        ids=tuple(name for table in fresh for name in table.ids),
        materials=tuple(text for table in fresh for text in table.materials),
        keys=tuple(key for table in fresh for key in table.keys),
        values=np.concatenate([table.values for table in fresh]),
        compositions=compositions,
        crystals=crystals,
    )


def report(keys: tuple[str, ...], y: Array, predicted: dict[str, Array]) -> None:
    """Print the errors over all rows, and over formulas with several structures."""
    groups = defaultdict(list)
    for i, key in enumerate(keys):
        groups[key].append(i)
    several = [np.array(rows) for rows in groups.values() if len(rows) > 1]
    pairs = [(i, j) for rows in several for i, j in itertools.combinations(rows, 2) if y[i] != y[j]]
    least = 0.1 * float(y.std())
    wide = [(i, j) for i, j in pairs if abs(y[i] - y[j]) > least]
    rows = np.concatenate(several)
    print(
        f"\n{len(several)} formulas with several structures: {len(rows)} structures, {len(pairs)} pairs that differ,"
        f" {len(wide)} by more than a tenth of the standard deviation ({least:.3f}); order: share of pairs in the right"
        " order, standard error by resampling formulas"
    )
    print(f"{'':38}{'MAE':>8}{'of these':>10}{'within':>9}{'order, all':>16}{'order, different':>18}")
    for name, p in predicted.items():
        within = np.concatenate([(y[own] - y[own].mean()) - (p[own] - p[own].mean()) for own in several])
        print(
            f"{name:38}{np.abs(y - p).mean():8.4f}{np.abs(y[rows] - p[rows]).mean():10.4f}{np.abs(within).mean():9.4f}"
            f"{order(keys, y, p, pairs):>16}{order(keys, y, p, wide):>18}"
        )


def order(keys: tuple[str, ...], y: Array, p: Array, pairs: list[tuple[int, int]]) -> str:
    """Share of the pairs put in the right order, a tie (within single precision) counting half, and its error."""
    by_formula: dict[str, list[float]] = defaultdict(list)
    for i, j in pairs:
        right = 0.5 if abs(p[i] - p[j]) < 1e-5 else float((p[i] > p[j]) == (y[i] > y[j]))
        by_formula[keys[i]].append(right)
    each = list(by_formula.values())
    rng = np.random.default_rng(0)
    drawn = [[found for k in rng.integers(len(each), size=len(each)) for found in each[k]] for _ in range(400)]
    share = np.mean([found for own in each for found in own])
    return f"{share:.3f} ± {np.std([np.mean(sample) for sample in drawn]):.3f}"


if __name__ == "__main__":
    main()
