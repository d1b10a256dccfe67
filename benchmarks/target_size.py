"""Processor seconds and peak memory of a measured model, by the number of known values.

The target is made up: distinct ternaries whose value follows from their elements, with noise. Foundation networks serve
as they do by default; every size runs in a process of its own, without the cache of models. `--table` takes known
values of a file instead, of SMILES with the usual sources at few networks. `--single` fits one selection and predicts
with it: a whole model takes one for every fold (18 above 300 values), two at a time on two processors.

    python benchmarks/target_size.py [--rows 290 300 1000 2000 2001 5000 20000] [--networks N] [--single]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from threadpoolctl import threadpool_limits

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.foundation.kept import shipped_foundation
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.heads.drawn import unfinished
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Library, Settings
from kakehashi.screen.pools import threads
from kakehashi.screen.screening.config import DEFAULT_MOLECULAR_SOURCES
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.nested import cross_validate
from kakehashi.screen.transfer.problem import INNER_FOLDS, OUTER_FOLDS, outer_folds, pose_problem
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT
from kakehashi.screen.validation.folds import splits_of

ROWS = (290, 300, 1_000, 2_000, 2_001, 5_000, 20_000)
NOISE = 0.2


def ternaries(n: int) -> pa.Table:
    """Distinct formulas with a smooth function of their elements, and noise."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=len(SYMBOLS))
    formulas: dict[str, float] = {}
    while len(formulas) < n:
        chosen = np.sort(rng.choice(83, 3, replace=False))
        counts = rng.integers(1, 5, 3)
        if np.gcd.reduce(counts) > 1:
            continue
        shares = counts / counts.sum()
        value = shares @ weight[chosen] + np.sin(3 * shares @ weight[chosen[::-1]])
        text = "".join(f"{SYMBOLS[i]}{k}" for i, k in zip(chosen, counts, strict=True))
        formulas.setdefault(text, float(value + NOISE * rng.normal()))
    return pa.table({"formula": list(formulas), "value": list(formulas.values())})


def measure(path: str, networks: int, single: bool) -> dict[str, float]:
    """Fit and measure one model, or one selection; processor and wall seconds, megabytes, and held-out errors."""
    target = load_table(path, value="value")
    knowledge = None
    sources = []
    if target.molecules is None:
        foundation = shipped_foundation()
        knowledge = Knowledge(foundation) if foundation else None
    else:
        sources = [load_table(name, minimum=1, attachments=(0, 2)) for name in DEFAULT_MOLECULAR_SOURCES]
    library = pretrain_library(sources, Settings(networks, 0), target=target)
    used, began = time.process_time(), time.perf_counter()
    if single:
        errors = one_selection(library, target, knowledge)
    else:
        model = transfer(library, target, knowledge=knowledge)
        found = {entry.name: entry.mae for entry in model.leaderboard}
        errors = found[CHOSEN], found[DIRECT]
    return {
        "rows": len(target),
        "processor": time.process_time() - used,
        "wall": time.perf_counter() - began,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "mae": errors[0],
        "direct": errors[1],
    }


def one_selection(library: Library, target: PropertyTable, knowledge: Knowledge | None) -> tuple[float, float]:
    """Select, fit and predict on the first of ten folds; errors of the stacks with and without transfer."""
    problem, _ = pose_problem(library, target, inner=INNER_FOLDS, seed=0, heads=DEFAULT_HEADS, knowledge=knowledge)
    split = splits_of(outer_folds(target, OUTER_FOLDS, 0))[0]
    with unfinished(), threadpool_limits(1, "blas"), threads("fit", 1) as pool:
        found = cross_validate(problem, [split], pool)
    errors = [np.mean(np.abs(found.predictions[name] - target.y)[split.held]) for name in (CHOSEN, DIRECT)]
    return float(errors[0]), float(errors[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--table", help="CSV with columns formula or smiles, and value, instead")
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--single", action="store_true", help="one selection instead of a whole model")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.networks, given.single)))
        return
    print(f"{'values':>8} {'processor s':>12} {'wall s':>8} {'peak MB':>8} {'MAE':>7} {'direct':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for n in given.rows if not given.table else (0,):
            path = given.table or str(Path(folder) / f"{n}.csv")
            if not given.table:
                pyarrow.csv.write_csv(ternaries(n), path)
            command = [sys.executable, __file__, "--one", path, "--networks", str(given.networks)]
            command += ["--single"] if given.single else []
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{n:>8,} failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            row = json.loads(done.stdout)
            print(
                f"{row['rows']:>8,} {row['processor']:>12.0f} {row['wall']:>8.0f} {row['megabytes']:>8,.0f}"
                f" {row['mae']:>7.4f} {row['direct']:>7.4f}", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
