"""Forests kept as arrays against the same scikit-learn forests: scoring alone, and with fitting and conversion.

    python benchmarks/forests.py [--rows 20000] [--forests 3]

The forests are those of the paper's second transfer setup: 200 trees on all hidden layers of a pre-trained network,
45 conductivities (31 where ../shared/data is absent), square root of the features per split. One forest per network;
scored are real Materials Project formulas, whose features are computed beforehand. Every row must end in
scikit-learn's leaf. Fitting is scikit-learn's on both sides.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from peers import compiled_forest
from sklearn.ensemble import RandomForestRegressor
from today import Ratio, best, conclude, mp_formulas, networks_of, numpy_features, profile

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.descriptors.composition import BATCH, compute
from kakehashi.screen.descriptors.scaling import standardise
from kakehashi.screen.heads.forest import MAX_FEATURES, TREES, flatten, leaves, predict
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.plan import layer_slice

LTC45 = Path(__file__).parents[2] / "shared/data/inorganic/ltc45_dft.parquet"
GOAL = 5


def grown(x: np.ndarray, y: np.ndarray, seed: int, jobs: int = 1) -> RandomForestRegressor:
    return RandomForestRegressor(TREES, max_features=MAX_FEATURES, random_state=seed, n_jobs=jobs).fit(x, y)


def single(params: dict[str, Any]) -> dict[str, jax.Array]:
    return {k: jnp.asarray(v, jnp.int32 if v.dtype.kind == "i" else jnp.float32) for k, v in params.items()}


def batches(x: np.ndarray) -> list[jax.Array]:
    return [jnp.asarray(x[start : start + BATCH]) for start in range(0, len(x), BATCH)]


def same_leaves(forest: RandomForestRegressor, params: dict[str, Any], x: np.ndarray) -> int:
    """Pairs (row, tree) compared; SystemExit if one of ours ends in another leaf."""
    program = jax.jit(leaves)
    found = np.concatenate([np.asarray(program(single(params), part)) for part in batches(x)])
    expected = forest.apply(x)
    for tree in range(found.shape[1]):
        pairs = set(zip(found[:, tree].tolist(), expected[:, tree].tolist(), strict=True))
        if not len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}):
            raise SystemExit(f"tree {tree} sends a row to another leaf")
    return found.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--forests", type=int, default=3)
    given = parser.parse_args()
    count = given.rows // BATCH * BATCH
    target = load_table(f"{LTC45}:kappa_300k" if LTC45.is_file() else "ltc", log=True)
    source = networks_of(load_table("volume_per_atom"), given.forests)
    features = compute_features(Library((source,), "reduced", 0), target.compositions)
    raw = compute(parse_column(pa.array(mp_formulas(count))).compositions)
    raw = np.resize(raw, (count, raw.shape[1]))
    inputs = np.asarray(standardise(source.scaling, raw), np.float32)
    y, cases = target.y, []
    for i in range(given.forests):
        x = np.asarray(layer_slice(features.layers[0][i], 0), np.float32)
        cases.append((x, numpy_features(source, i, inputs).astype(np.float32)))

    program = jax.jit(predict)
    seconds = dict.fromkeys(["fit", "convert", "compile", "ours", "n_jobs=1", "n_jobs=2"], 0.0)
    compared, difference, machine = 0, 0.0, 0.0
    for i, (x, rows) in enumerate(cases):
        forest = grown(x, y, i)
        seconds["fit"] += best(lambda: grown(x, y, i))  # noqa: B023
        seconds["convert"] += best(lambda: flatten(forest))  # noqa: B023
        params, parts = single(flatten(forest)), batches(rows)
        score = lambda: [np.asarray(program(params, part)[0]) for part in parts]  # noqa: B023
        seconds["compile"] += best(lambda: program.lower(params, parts[0]).compile(), 1)  # noqa: B023
        means = np.concatenate(score())
        seconds["ours"] += best(score)
        for jobs in (1, 2):
            forest.set_params(n_jobs=jobs)
            seconds[f"n_jobs={jobs}"] += best(lambda: forest.predict(rows))  # noqa: B023
        if (compiled := compiled_forest(forest)) is not None:
            apart = float(np.abs(compiled(rows) - forest.predict(rows)).max())
            if apart > 1e-9:
                raise SystemExit(f"the compiled forest predicts something else: {apart:.0e}")
            machine += best(lambda: compiled(rows))  # noqa: B023
        compared += same_leaves(forest, flatten(forest), rows)
        difference = max(difference, float(np.abs(means - forest.predict(rows)).max()))
        if i == 0:
            largest = max(tree.tree_.n_leaves for tree in forest.estimators_)
            print(f"{given.forests} forests: {TREES} trees, {len(y)} rows, {x.shape[1]} features, <= {largest} leaves")
    print(f"the same leaf as scikit-learn in {compared:,} of {compared:,} cases; means differ by {difference:.0e}")
    profile(
        f"{count:,} rows, all forests", {name: s for name, s in seconds.items() if name not in ("n_jobs=1", "n_jobs=2")}
    )
    work = given.forests * count * TREES
    rate = {name: f"{work / s / 1e6:.0f} M trees/s" for name, s in seconds.items()}
    once = seconds["fit"] + seconds["convert"]
    print("(compilation: once per shape, before all scoring)")
    if not machine:
        print("compiled forest: not measured (tl2cgen and treelite are not installed)")
    what = "forests, scoring, compiled by tl2cgen, one thread"
    native = [Ratio(what, rate["ours"], f"{work / machine / 1e6:.0f} M trees/s", machine / seconds["ours"])]
    conclude(
        *(native if machine else []),
        *(
            Ratio(
                f"forests, scoring, scikit-learn {jobs}",
                rate["ours"],
                rate[jobs],
                seconds[jobs] / seconds["ours"],
                GOAL,
            )
            for jobs in ("n_jobs=1", "n_jobs=2")
        ),
        Ratio(
            f"forests, fitted, converted and {count:,} rows scored, scikit-learn n_jobs=1",
            f"{once + seconds['ours']:.2f} s",
            f"{seconds['fit'] + seconds['n_jobs=1']:.2f} s",
            (seconds["fit"] + seconds["n_jobs=1"]) / (once + seconds["ours"]),
        ),
    )


if __name__ == "__main__":
    main()
