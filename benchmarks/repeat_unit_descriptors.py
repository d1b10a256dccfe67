"""Descriptors of repeat units by what they predict: 5-fold cross-validation grouped by polymer, ridge and forest.

python benchmarks/repeat_unit_descriptors.py [ROWS_OF_TG [CHOICE ...]]
(reads ../shared/data; half an hour on one core)
"""

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rdkit import Chem
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from kakehashi.catalogs.molecules.polymers import parse_column
from kakehashi.screen.descriptors import repeat_unit

DATA = Path(__file__).parents[1].parent / "shared/data/organic"
CHOICES = (
    *(f"ecfp6@{form}" for form in ("star", "hydrogen", "methyl", "dimer", "ring")),
    *(f"ecfp6@{form}/atom" for form in ("star", "hydrogen", "dimer", "ring")),
    *(f"{name}@ring/atom" for name in ("ecfp4", "fcfp6", "atom_pairs", "torsions")),
    "maccs@star",
    "maccs@dimer",
    "rdkit@hydrogen",
    "rdkit@hydrogen/atom",
    "rdkit@dimer/atom",
    "ecfp6@ring/atom+rdkit@dimer/atom",
    "ecfp4@ring/atom+rdkit@dimer/atom",
    "ecfp6@ring+rdkit@dimer/atom",
    "ecfp6@star+fcfp6@star+atom_pairs@star+torsions@star+maccs@star",
)


def load(name, column, log, limit=None):
    """One value per polymer: SMILES, and the median (of ln where `log`)."""
    table = pq.read_table(DATA / f"{name}.parquet", columns=["smiles", column]).drop_null()
    keys = parse_column(table["smiles"]).molecules.keys
    values = {}
    for key, value in zip(keys, table[column].to_pylist(), strict=True):
        if key:
            values.setdefault(key, []).append(np.log(value) if log else value)
    chosen = np.random.default_rng(0).permutation(len(values))[:limit]
    keys = list(values)
    return [keys[i] for i in chosen], np.array([np.median(values[keys[i]]) for i in chosen])


def ridge(x, y, test):
    scale = x.std(axis=0)
    seen = scale > 0
    mean = x[:, seen].mean(axis=0)
    z, w = (np.asarray((a[:, seen] - mean) / scale[seen], np.float64) for a in (x, test))
    return RidgeCV(np.logspace(0, 6, 13)).fit(z, y).predict(w)


def forest(x, y, test):
    model = RandomForestRegressor(60, max_features=0.1, min_samples_leaf=2, random_state=0)
    return model.fit(x, y).predict(test)


def mae(model, x, y):
    errors = np.empty(len(y))
    for train, test in KFold(5, shuffle=True, random_state=0).split(x):  # one row per polymer: grouped
        errors[test] = np.abs(model(x[train], y[train], x[test]) - y[test])
    return errors.mean()


def main():
    if not DATA.is_dir():
        print(f"{DATA} is absent: nothing to compare with")
        return
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    targets = {
        "ln TC": load("radonpy_pi1070", "thermal_conductivity", True),
        "n": load("radonpy_pi1070", "refractive_index", False),
        "Tg, K": load("polyinfo_tg_median", "tg_c", False, limit),
    }
    print("rows: " + ", ".join(f"{name} {len(y)}" for name, (_, y) in targets.items()))
    texts = targets["ln TC"][0]
    start = time.process_time()
    parse_column(texts)
    middle = time.process_time()
    for text in texts:
        Chem.MolFromSmiles(text)
    end = time.process_time()
    print(f"keys {len(texts) / (middle - start):,.0f}/s, of which RDKit reads {len(texts) / (end - middle):,.0f}/s")
    head = " | ".join(f"{name} ridge | forest" for name in targets)
    print(f"| descriptors | columns | units/s | {head} |\n|---|---|---|{'---|---|' * len(targets)}")
    baseline = " | ".join(f"{np.abs(y - np.median(y)).mean():.4g} | " for _, y in targets.values())
    print(f"| (median) | 0 | | {baseline} |")
    mols = {name: [Chem.MolFromSmiles(text) for text in smiles] for name, (smiles, _) in targets.items()}
    for choice in sys.argv[2:] or CHOICES:
        cells, spent, rows = [], 0.0, 0
        for name, (_, y) in targets.items():
            start = time.process_time()
            x = repeat_unit.compute_mols(mols[name], choice)
            spent, rows = spent + time.process_time() - start, rows + len(x)
            cells += [f"{mae(model, x, y):.4g}" for model in (ridge, forest)]
        print(f"| {choice} | {x.shape[1]} | {rows / spent:,.0f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
