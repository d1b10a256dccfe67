"""Networks of one source each, networks that share a trunk, or both; features of one source or of all side by side.

Needs ../shared/data (ltc45_dft, aflow_agl_struct, matbench); says so and stops where it is absent. All figures of a
set of sources come from the same folds of 45 first-principles lattice thermal conductivities, nested as in `transfer`.

    python benchmarks/multitask.py [--networks 16] [--seeds 3]
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Library, Settings
from kakehashi.screen.transfer.features import Features, compute_features
from kakehashi.screen.transfer.plan import fit_plan
from kakehashi.screen.transfer.selection import Candidate, affordable_heads, judge_candidates, pick_best
from kakehashi.screen.transfer.stack import choose_columns, fit_stack, predict_stack
from kakehashi.screen.validation.folds import grouped_folds, inner_folds

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"
SETS = {
    "AGL conductivity, bulk modulus": (
        f"{DATA}/aflow_agl_struct.parquet:log(agl_kappa_300k)",
        f"{DATA}/matbench_log_kvrh.parquet:log10(K_VRH)",
    ),
    "embedded": ("formation_energy", "volume_per_atom", "melting_temperature"),
}
FOLDS = 10
WITHOUT, WITH = "deployed, no stacked features", "deployed, with stacked features"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    target = load_table(f"{DATA}/ltc45_dft.parquet:kappa_300k", log=True)
    for name, specs in SETS.items():
        print(f"\n{name}")
        tables = [load_table(spec) for spec in specs]
        libraries: dict[str, Library] = {}
        for trunk in ("separate", "shared"):
            start = time.perf_counter()
            library = pretrain_library(tables, Settings(options.networks), target=target, trunk=trunk, cache=False)
            print(f"  pre-training, {trunk}: {time.perf_counter() - start:.0f} s")
            for source in library.sources:
                for task, r2 in zip(source.tasks, source.validation_r2, strict=True):
                    print(f"    {Path(task.name).name}: {task.used:,} of {task.rows:,} rows, R2 {r2:.3f}")
            libraries[trunk] = library
        everything = libraries["separate"].sources + libraries["shared"].sources
        libraries["both"] = libraries["separate"]._replace(sources=everything)
        compare(target, libraries, options.seeds)


def compare(target: PropertyTable, libraries: dict[str, Library], seeds: int) -> None:
    """Print errors of every trunk and row, and their differences from separate networks without stacked features."""
    errors: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for trunk, library in libraries.items():
        start = time.perf_counter()
        features = compute_features(library, target.compositions)
        names = ["shared trunk" if len(s.tasks) > 1 else Path(s.name).name for s in library.sources]
        for seed in range(seeds):
            for row, predicted in held_out(target, features, names, seed).items():
                errors.setdefault((trunk, row), []).append(np.abs(predicted - target.y))
        print(f"  {trunk}: {(time.perf_counter() - start) / seeds:.0f} s per fold seed")
    reference = np.mean(errors["separate", WITHOUT], axis=0)
    print("  MAE of ln(kappa), mean over fold seeds; difference from separate networks without stacked features")
    for (trunk, row), found in sorted(errors.items(), key=lambda item: float(np.mean(item[1]))):
        gain = np.mean(found, axis=0) - reference
        spread = gain.std(ddof=1) / np.sqrt(len(gain))
        print(f"    {np.mean(found):.3f}  {gain.mean():+.3f} ± {spread:.3f}  {trunk}: {row}")


def held_out(target: PropertyTable, features: Features, names: list[str], seed: int) -> dict[str, NDArray[np.float64]]:
    """Out-of-fold means of every row, all choices made inside the training rows."""
    folds = grouped_folds(target.keys, FOLDS, seed)
    out: dict[str, NDArray[np.float64]] = {}
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(lambda fold: one_fold(target, features, names, folds, fold, seed), range(FOLDS)))
    for fold, means in enumerate(results):
        for row, mean in means.items():
            out.setdefault(row, np.empty(len(folds)))[folds == fold] = mean
    return out


def one_fold(
    target: PropertyTable, features: Features, names: list[str], folds: NDArray[np.int64], fold: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Held-out means (k,) of one fold by row; the deployed stack once as it is, once with a column more."""
    y, held, rows = target.y, np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
    inner = inner_folds([target.keys[i] for i in rows], FOLDS, seed + 1)
    found = judge_candidates(features, y, rows, inner, names, affordable_heads(len(y)))
    fit = functools.cache(lambda plan: fit_plan(plan, features, y, rows))

    def ask(chosen: list[Candidate]) -> NDArray[np.float64]:
        return predict_stack(fit_stack(chosen, y[rows], fit), features, held)[0]

    plain = [c for c in found if c.plan.kind != "stacked"]
    stacked = [c for c in found if c.plan.kind == "stacked"]
    means = {WITHOUT: ask(list(choose_columns(plain, len(names)).values()))}
    if stacked:
        means[WITH] = ask([*choose_columns(plain, len(names)).values(), pick_best(stacked)])
    for c in found:
        averaged = len(c.plan.networks) == len(features.layers[0])
        if c.plan.kind == "stacked" or (c.plan.kind == "frozen" and averaged and not c.plan.depth):
            means[c.name] = ask([c])
        elif c.plan.kind == "predictions":
            options = [o for o in found if o.plan.kind == "predictions" and o.plan.head == c.plan.head]
            means[c.name] = ask([pick_best(options)])
    return means


if __name__ == "__main__":
    main()
