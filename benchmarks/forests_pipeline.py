"""The screening a user can do today, with forests, against the default ensemble `kakehashi screen` deploys.

    python benchmarks/forests_pipeline.py [--rows 2000] [--our-rows 16384] [--networks 100] [--sample 3] ...

These are different models, so this compares the time of two ways to answer one question, not two implementations.
Ours: a stack of ridge and Gaussian-process heads on averaged networks and on descriptors, measured by nested
cross-validation, with intervals and domain. Today: pymatgen, XenonPy's per-composition descriptors (see
`descriptors_today.py`), 100 networks one by one in NumPy, and on all hidden layers of each network a scikit-learn
forest of 200 trees per fold of ten (the paper's protocol: 1,000 forests), all fitted and all predicting, n_jobs=1.

Measured are: our transfer and our scores of `--our-rows` embedded Materials Project formulas; today's descriptors and
networks on `--rows` formulas and fit and prediction of one forest on each of `--sample` networks. Both sides are
EXTRAPOLATED, linearly in rows and in forests, to `--catalog-rows` rows, 132,752 (as many as matbench has formation
energies). Pre-training is on neither side.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pyarrow as pa
from sklearn.ensemble import RandomForestRegressor
from today import (
    Ratio,
    best,
    conclude,
    mp_formulas,
    networks_of,
    numpy_features,
    profile,
    pymatgen_compositions,
    standard_inputs,
    xenonpy_descriptors,
)

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.heads.forest import MAX_FEATURES, TREES
from kakehashi.screen.networks.source import Library
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.plan import layer_slice

FOLDS = 10
GOAL = 60


def table(texts: list[str]) -> pa.Table:
    return pa.table({"id": [str(i) for i in range(len(texts))], "formula": texts})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000, help="formulas for the slow side")
    parser.add_argument("--our-rows", type=int, default=16_384, help="formulas for our side")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--sample", type=int, default=3, help="forests fitted and timed")
    parser.add_argument("--catalog-rows", type=int, default=132_752)
    given = parser.parse_args()
    texts, sample, size = mp_formulas(given.our_rows), mp_formulas(given.rows), given.catalog_rows
    target = load_table("ltc", log=True)
    source = networks_of(load_table("volume_per_atom"), given.networks)
    library = Library((source,), "reduced", 0)

    start = time.perf_counter()
    model = transfer(library, target)
    transferring = time.perf_counter() - start
    scorer = make_scorer(model)
    scorer(table(texts[: 2 * BATCH]))  # compiles
    candidates = table(texts)
    scored = best(lambda: scorer(candidates), 2) * size / len(texts)
    members = ", ".join(
        f"{name} {weight:.2f}" for name, weight in zip(model.stack.names, model.stack.weights, strict=True)
    )
    print(f"the ensemble: {members}")

    features = compute_features(library, target.compositions)
    compositions = pymatgen_compositions(sample)
    descriptors = best(lambda: xenonpy_descriptors(pymatgen_compositions(sample)), 1)
    x = standard_inputs(source, xenonpy_descriptors(compositions))
    networks = best(lambda: [numpy_features(source, i, x) for i in range(given.networks)], 2)
    fits, predictions, rows = [], [], np.arange(len(target.y)) % FOLDS != 0
    for i in np.linspace(0, given.networks - 1, given.sample).astype(int):
        known, asked = layer_slice(features.layers[0][i], 0)[rows], numpy_features(source, i, x)
        forest = RandomForestRegressor(TREES, max_features=MAX_FEATURES, random_state=int(i), n_jobs=1)
        fits.append(best(lambda: forest.fit(known, target.y[rows]), 2))  # noqa: B023
        predictions.append(best(lambda: forest.predict(asked), 2))  # noqa: B023
    forests, more = FOLDS * given.networks, size / len(sample)
    today = {
        "descriptors": descriptors * more,
        "networks": networks * more,
        f"{forests:,} forests fitted": float(np.mean(fits)) * forests,
        f"{forests:,} forests predicting": float(np.mean(predictions)) * forests * more,
    }
    profile(f"today, extrapolated to {size:,} rows", today)
    profile(
        f"ours, extrapolated to {size:,} rows", {"transfer with its cross-validation": transferring, "scores": scored}
    )
    theirs = sum(today.values())
    only = theirs - today[f"{forests:,} forests fitted"]
    conclude(
        Ratio(
            f"text to scores, {size:,} rows, against {forests:,} forests (another model)",
            f"{scored:.0f} s",
            f"{only:,.0f} s",
            only / scored,
            GOAL,
        ),
        Ratio(
            "the same with fitting and, on our side, nested cross-validation",
            f"{scored + transferring:.0f} s",
            f"{theirs:,.0f} s",
            theirs / (scored + transferring),
        ),
    )


if __name__ == "__main__":
    main()
