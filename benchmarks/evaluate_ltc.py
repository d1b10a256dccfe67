"""Does transfer help on 45 first-principles lattice conductivities: what `evaluate` says, and how long it takes.

Needs ../shared/data (ltc45_dft, aflow_agl_struct, matbench_log_kvrh), else says so and stops. Pre-training
is cached under KAKEHASHI_HOME and not part of the time.

    python benchmarks/evaluate_ltc.py [--networks 50] [--seeds 1] [--holdout formula] [--heads ridge,gp]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.evaluation.config import HOLDOUTS
from kakehashi.screen.evaluation.evaluate import evaluate
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.progress import Progress

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=50, help="of each of the two sources")
    parser.add_argument("--seeds", type=int, default=1, help="so many deals of the outer folds")
    parser.add_argument("--holdout", default="formula", choices=HOLDOUTS)
    parser.add_argument("--heads", default="ridge,gp", help="some of ridge,gp,forest,finetune")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    target = load_table(f"{DATA}/ltc45_dft.parquet:kappa_300k", log=True)
    sources = [
        load_table(f"{DATA}/aflow_agl_struct.parquet:log(agl_kappa_300k)"),
        load_table(f"{DATA}/matbench_log_kvrh.parquet:log10(K_VRH)"),
    ]
    library = pretrain_library(sources, Settings(options.networks), target=target)
    errors: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        progress, start, used = Progress("quiet"), time.perf_counter(), time.process_time()
        found = evaluate(
            library, target, seed=seed, holdout=options.holdout, heads=options.heads.split(","), stage=progress.stage
        )
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s, {time.process_time() - used:.0f} s of CPU;", end=" ")
        print(", ".join(f"{name} {seconds:.0f} s" for name, seconds in progress.timings.items()))
        print(found.verdict.text)
        print(found.verdict.recommendation)
        for row in found.rows:
            errors.setdefault(row.entry.name, []).append(row.entry.mae)
    print("\n| model | MAE of ln kappa, mean over seeds | lowest | highest |\n|---|---|---|---|")
    for name, maes in sorted(errors.items(), key=lambda item: float(np.mean(item[1]))):
        print(f"| {name} | {np.mean(maes):.3f} | {min(maes):.3f} | {max(maes):.3f} |")


if __name__ == "__main__":
    main()
