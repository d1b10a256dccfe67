"""Rows scored per second by one and two Dask workers, as ratios to the plain loop on the same catalogue.

Rates leave out the first partition, in which workers start and compile; how long that takes is printed beside
them. The scores must be the same bytes.

    python benchmarks/dask_scoring.py [--rows 131072] [--networks 20]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pyarrow as pa

import kakehashi as kh
from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.screen.scoring.partitions import Executor, PartitionScorer, make_scorer, score_serially
from kakehashi.screen.scoring.workers.cluster import dask_executor

# Small, so that what is under way beside the first partition hardly counts.
PARTITION = 4_096


def formulas(rows: int) -> Iterator[pa.Table]:
    """Distinct made-up ternaries, so that every row is work."""
    rng = np.random.default_rng(0)
    for start in range(0, rows, PARTITION):
        n = min(PARTITION, rows - start)
        texts = []
        for k in range(start, start + n):
            a, b, c = (SYMBOLS[i] for i in rng.choice(83, 3, replace=False))
            texts.append(f"{a}{1 + k % 7}{b}{1 + k // 7 % 7}{c}{1 + k // 49 % 7}")
        yield pa.table({"id": [str(k) for k in range(start, start + n)], "formula": texts})


def timed(
    executing: AbstractContextManager[Executor], scorer: PartitionScorer, tables: list[pa.Table]
) -> tuple[float, float, pa.Table]:
    """Seconds to the first partition, rows per second after it, and all scores."""
    parts = []
    start = time.perf_counter()
    with executing as executor:
        for part in executor(scorer, tables):
            if not parts:
                first = time.perf_counter()
            parts.append(part.scores)
        last = time.perf_counter()
    rest = sum(part.num_rows for part in parts[1:])
    return first - start, rest / (last - first), pa.concat_tables(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=131_072)
    parser.add_argument("--networks", type=int, default=20)
    given = parser.parse_args()
    target = kh.load("ltc", log=True)
    library = kh.pretrain(["melting_temperature"], exclude=target, networks=given.networks)
    scorer = make_scorer(kh.transfer(library, target, outer_folds=3))
    tables = list(formulas(given.rows))
    timed(nullcontext(score_serially), scorer, tables[:2])  # compiles
    ways = {"plain loop": nullcontext(score_serially), "1 worker": dask_executor(1), "2 workers": dask_executor(2)}
    found = {name: timed(way, scorer, tables) for name, way in ways.items()}
    _, plain, expected = found["plain loop"]
    print(f"{given.rows:,} distinct ternaries in {len(tables)} partitions, {given.networks} networks")
    for name, (first, rate, scores) in found.items():
        same = "same bytes" if scores.equals(expected) else "OTHER SCORES"
        print(f"{name:<11} {rate:9,.0f} rows/s  {rate / plain:5.2f} x  first partition after {first:4.1f} s  {same}")


if __name__ == "__main__":
    main()
