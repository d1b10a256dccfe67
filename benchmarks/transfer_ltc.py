"""Nested error and interval coverage on 45 first-principles lattice thermal conductivities, over several fold seeds.

Needs ../shared/data (ltc45_dft, aflow_agl_struct); says so and stops where it is absent. Both sides of every comparison
run on the same folds in one process: the deployed stack against the best model without transfer.

    python benchmarks/transfer_ltc.py [--networks 50] [--seeds 5] [--heads ridge,gp]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.rows import CHOSEN

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--heads", default="ridge,gp", help="some of ridge,gp,forest,finetune")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    target = load_table(f"{DATA}/ltc45_dft.parquet:kappa_300k", log=True)
    sources = [
        load_table(f"{DATA}/aflow_agl_struct.parquet:log(agl_kappa_300k)"),
        load_table("volume_per_atom"),
    ]
    start = time.perf_counter()
    library = pretrain_library(sources, Settings(options.networks), target=target, cache=False)
    print(f"pre-training {2 * options.networks} networks: {time.perf_counter() - start:.0f} s")
    rows: dict[str, list[float]] = {}
    ratios, covered = [], []
    for seed in range(options.seeds):
        start = time.perf_counter()
        model = transfer(library, target, seed=seed, heads=options.heads.split(","))
        verdict = model.verdict
        ratios.append(verdict.chosen_mae / verdict.direct_mae)
        covered.append(verdict.coverage_90)
        for entry in model.leaderboard:
            rows.setdefault(entry.name, []).append(entry.mae)
        print(
            f"folds {seed}: chosen {verdict.chosen_mae:.3f}, best direct {verdict.direct_mae:.3f}"
            f" ({verdict.direct_name}),"
            f" ratio {ratios[-1]:.3f}, coverage of 90% intervals {verdict.coverage_90:.1%},"
            f" {time.perf_counter() - start:.0f} s"
        )
    print(f"\nratio chosen / best direct: mean {np.mean(ratios):.3f}, largest {np.max(ratios):.3f}")
    print(f"coverage: {np.min(covered):.1%} to {np.max(covered):.1%}\n")
    print("MAE of ln(kappa), mean over fold seeds (standard deviation)")
    for name, values in sorted(rows.items(), key=lambda item: float(np.mean(item[1]))):
        mark = "  <- deployed" if name == CHOSEN else ""
        print(f"  {np.mean(values):.3f} ({np.std(values):.3f})  {name.removeprefix(f'{DATA}/')}{mark}")


if __name__ == "__main__":
    main()
