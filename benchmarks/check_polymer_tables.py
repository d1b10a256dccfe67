"""The typed polymer tables beside independent data: measured medians for Tg, simulated values for conductivity.

python benchmarks/check_polymer_tables.py    (reads ../shared/data; exit code 1 if a row of the Tg table fails)
"""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from kakehashi.catalogs.molecules.polymers import parse_column

ROOT = Path(__file__).parents[1]
TABLES = ROOT / "catalogs/tables"
DATA = ROOT.parent / "shared/data/organic"
LARGEST_DEVIATION = 10.0  # K


def medians(name, column):
    """Median of a column of the shared data per polymer."""
    table = pq.read_table(DATA / f"{name}.parquet", columns=["smiles", column]).drop_null()
    found = {}
    for key, value in zip(parse_column(table["smiles"]).molecules.keys, table[column].to_pylist(), strict=True):
        if key:
            found.setdefault(key, []).append(value)
    return {key: float(np.median(values)) for key, values in found.items()}


def read(name):
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def main():
    if not DATA.is_dir():
        print(f"{DATA} is absent: nothing to compare with")
        return False
    measured = medians("polyinfo_tg_median", "tg_c")
    failed = []
    print("| Tg of | K | polyinfo_tg_median, K | deviation, K |\n|---|---|---|---|")
    for row in read("glass_transition_temperature"):
        value, other = float(row["value"]), measured.get(row["smiles"], math.nan) + 273.15
        print(f"| {row['name']} | {value:.2f} | {other:.2f} | {value - other:+.1f} |")
        stored = float(row["deviation_k"])
        if not abs(value - other) <= LARGEST_DEVIATION or abs(value - other - stored) > 0.06:
            failed.append(row["name"])
    simulated = medians("radonpy_pi1070", "thermal_conductivity")
    print("\n| conductivity of | W/(m K) | simulated (RadonPy) | ln ratio |\n|---|---|---|---|")
    ratios = []
    for row in read("polymer_thermal_conductivity"):
        value, other = float(row["value"]), simulated.get(row["smiles"], math.nan)
        ratios.append(math.log(value / other))
        print(f"| {row['name']} | {value:g} | {other:.3f} | {ratios[-1]:+.2f} |")
    print(f"\nmean |ln ratio| {np.nanmean(np.abs(ratios)):.2f} over {np.isfinite(ratios).sum()} of {len(ratios)}")
    if failed:
        print(f"not within {LARGEST_DEVIATION:g} K, or another deviation than stored: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
