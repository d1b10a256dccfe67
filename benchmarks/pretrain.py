"""Pre-train 100 networks on 1,000 real formulas: seconds with compilation, and again without.

Run on a quiet machine: `python benchmarks/pretrain.py [NETWORKS] [ROWS]`.
"""

import os
import sys
import time
from dataclasses import replace

import numpy as np

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.networks.source import Settings, Source, pretrain_source

BUDGET_S = 120


def first(table, rows):
    compositions = Compositions(table.compositions.elements[:rows], table.compositions.amounts[:rows])
    return replace(
        table,
        ids=table.ids[:rows],
        materials=table.materials[:rows],
        keys=table.keys[:rows],
        compositions=compositions,
        values=table.values[:rows],
        rows=rows,
    )


def timed(table, networks) -> Source:
    wall, cpu = time.perf_counter(), time.process_time()
    source = pretrain_source([table], Settings(networks))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    epochs = [network.epochs for network in source.networks]
    r2 = [float(network.validation_r2[0]) for network in source.networks]
    print(
        f"{networks} networks, {source.tasks[0].used:,} rows: {wall:6.1f} s wall, {cpu:6.1f} s CPU;"
        f" {np.median(epochs):.0f} epochs (median), validation R2 {np.median(r2):.3f}"
        f" ({np.quantile(r2, 0.1):.3f} to {np.quantile(r2, 0.9):.3f} in 10 to 90 %)"
    )
    return source


def main(networks: int = 100, rows: int = 1000) -> None:
    table = first(load_table("volume_per_atom"), rows)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; target: under {BUDGET_S} s with compilation")
    print("first run, compilation included:")
    timed(table, networks)
    print("second run, compiled already:")
    timed(table, networks)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
