"""From formula texts to scores: 100 networks with ridge heads, ours against the same as their best users run them.

    python benchmarks/score_today.py [--rows 2000] [--our-rows 16384] [--networks 100]

The same weights on both sides: 100 networks (pre-trained for 5 epochs; speed depends on shapes only) and a ridge
head on all hidden layers of each, averaged. Ours is everything a screening does with a table of formulas
(`Scoring`: reading, descriptors, networks, heads with their spread, distance to the training rows, domain, interval)
on `--our-rows` Materials Project formulas; `fast` is `--precision fast`. The means must agree. On the other side, means
only, rates per row, because all of it grows linearly:

- the best users: descriptors made already, batches of 1,024 in NumPy float32, each ridge head folded into one vector a
  layer; in torch, float32 and bfloat16, where that can be imported,
- the pipeline of today, on `--rows` formulas: pymatgen, XenonPy's per-composition descriptors (see
  `descriptors_today.py`), one network after the other in NumPy, and in torch, with scikit-learn's ridge on top.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
from peers import fold_heads, folded_means, torch_means
from sklearn.linear_model import Ridge
from today import (
    Cost,
    Ratio,
    best,
    both,
    conclude,
    linear_model,
    mp_formulas,
    networks_of,
    numpy_features,
    profile,
    pymatgen_compositions,
    standard_inputs,
    torch_features,
    xenonpy_descriptors,
)

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.descriptors.composition import BATCH, compute
from kakehashi.screen.descriptors.scaling import standardise
from kakehashi.screen.networks.source import Source
from kakehashi.screen.scoring.partitions import PartitionScorer, make_scorer
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.plan import layer_slice

GOAL = 10
# Largest difference of means in standard deviations: in single precision, and the mean one in bfloat16.
SAME, CLOSE = 1e-3, 4e-4
Features = Callable[[Source, int, np.ndarray], np.ndarray]


def table(texts: list[str]) -> pa.Table:
    return pa.table({"id": [str(i) for i in range(len(texts))], "formula": texts})


def predictions(source: Source, heads: list[Ridge], features: Features, x: np.ndarray) -> np.ndarray:
    """Mean over the networks, one after the other."""
    return np.mean([heads[i].predict(features(source, i, x)) for i in range(len(heads))], axis=0)


def best_users(
    scorer: PartitionScorer,
    fast: PartitionScorer,
    ours: Cost,
    source: Source,
    heads: list[Ridge],
    rows: pa.Table,
    deviation: float,
) -> list[Ratio]:
    """Ours against batches with folded heads on descriptors made already, and `fast` against `exact`."""
    compositions = parse_column(rows["formula"]).compositions
    x = np.asarray(standardise(source.scaling, compute(compositions)), np.float32)
    folded, n = fold_heads(source, heads), len(x)
    exact = np.log(np.asarray(scorer(rows).scores["mean"]))
    sides: dict[str, Callable[[], np.ndarray] | None] = {
        "batched NumPy": partial(folded_means, folded, x),
        "torch float32": torch_means(folded, x, short=False),
        "torch bfloat16": torch_means(folded, x, short=True),
    }
    ratios = []
    for name, means in sides.items():
        if means is None:
            print(f"{name}: not installed")
            continue
        difference = float(np.abs(means() - exact).max() / deviation)
        print(f"{name}: means differ by at most {difference:.0e} standard deviations")
        if difference > SAME and name != "torch bfloat16":
            raise SystemExit("the two sides do not predict the same")
        theirs = both(means, 2)
        wall, processor = ours.times(theirs)
        what = f"text to scores with spreads, {len(folded)} networks; {name}, heads folded, descriptors made, means"
        rates = f"{n / ours.wall:,.0f} rows/s", f"{n / theirs.wall:,.0f} rows/s"
        ratios.append(Ratio(what, *rates, wall, processor=processor))
    short = np.log(np.asarray(fast(rows).scores["mean"]))
    moved = np.abs(short - exact) / deviation
    print(f"fast: means move by {moved.mean():.1e} standard deviations, at most {moved.max():.1e}")
    if moved.mean() > CLOSE:
        raise SystemExit("fast means are too far from exact ones")
    quick = both(lambda: fast(rows), 2)
    wall, processor = quick.times(ours)
    rates = f"{n / quick.wall:,.0f} rows/s", f"{n / ours.wall:,.0f} rows/s"
    what = f"text to scores, {len(folded)} networks, --precision fast against exact"
    return [*ratios, Ratio(what, *rates, wall, processor=processor)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000, help="formulas for the slow side")
    parser.add_argument("--our-rows", type=int, default=16_384, help="formulas for our side")
    parser.add_argument("--networks", type=int, default=100)
    given = parser.parse_args()
    texts, sample = mp_formulas(given.our_rows), mp_formulas(given.rows)
    target = load_table("ltc", log=True)
    source = networks_of(load_table("volume_per_atom"), given.networks)
    model, member = linear_model(source, target)
    scorer = make_scorer(model)

    scorer(table(texts[: 2 * BATCH]))  # compiles
    given_table = table(texts)
    whole = both(lambda: scorer(given_table), 2)
    seconds = whole.wall
    fast = len(texts) / seconds
    reading = best(lambda: parse_column(given_table["formula"]), 2)
    parsed = parse_column(given_table["formula"]).compositions
    describing = best(lambda: compute(parsed), 2)
    rest = seconds - reading - describing
    profile(
        f"ours, {len(texts):,} rows",
        {"reading": reading, "descriptors": describing, "networks, heads, distances, domain": rest},
    )

    features = compute_features(model.library, target.compositions)
    heads = []
    for i, params in enumerate(member.params):
        heads.append(Ridge(1.0 / params["prior"]).fit(layer_slice(features.layers[0][i], 0), target.y))
    ratios = best_users(scorer, make_scorer(model, precision="fast"), whole, source, heads, given_table, target.y.std())
    descriptors = best(lambda: xenonpy_descriptors(pymatgen_compositions(sample)), 1)
    x = standard_inputs(source, xenonpy_descriptors(pymatgen_compositions(sample)))
    ours = np.log(np.asarray(scorer(table(sample)).scores["mean"]))
    kinds: dict[str, Features | None] = {"NumPy": numpy_features, "torch": torch_features(source)}
    for name, features in kinds.items():
        if features is None:
            print("torch: not installed")
            continue
        networks = best(lambda: predictions(source, heads, features, x), 2)  # noqa: B023
        difference = np.abs(predictions(source, heads, features, x) - ours).max()
        profile(f"today with {name}, {len(sample):,} rows", {"descriptors": descriptors, "networks, heads": networks})
        print(f"means differ by at most {difference:.0e} (standard deviation {ours.std():.2f})")
        if difference > 1e-3 * ours.std():
            raise SystemExit("the two sides do not predict the same")
        slow = len(sample) / (descriptors + networks)
        what = f"text to scores, {given.networks} networks and ridge heads, today's pipeline, {name}"
        ratios.append(Ratio(what, f"{fast:,.0f} rows/s", f"{slow:,.0f} rows/s", fast / slow, GOAL))
    conclude(*ratios)


if __name__ == "__main__":
    main()
