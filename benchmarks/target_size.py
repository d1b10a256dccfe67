"""Processor seconds and peak memory of a measured model, by the number of known values.

The target is made up: distinct ternaries whose value follows from their elements, with noise. Foundation networks serve
as they do by default; every size runs in a process of its own, without the cache of models. `--smiles` takes repeat
units of a table instead, with the usual sources at few networks.

    python benchmarks/target_size.py [--rows 290 300 1000 2000 2001 5000 20000] [--networks N]
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

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.foundation.kept import shipped_foundation
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.screening.config import DEFAULT_MOLECULAR_SOURCES
from kakehashi.screen.transfer.fit import transfer

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


def measure(path: str, networks: int) -> dict[str, float]:
    """Fit and measure one model; processor and wall seconds, megabytes, and the held-out error."""
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
    model = transfer(library, target, knowledge=knowledge)
    return {
        "rows": len(target),
        "processor": time.process_time() - used,
        "wall": time.perf_counter() - began,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "mae": next(entry.mae for entry in model.leaderboard if entry.name == "stack of transferred and direct"),
        "direct": next(entry.mae for entry in model.leaderboard if entry.name == "stack of direct models"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--table", help="CSV with columns formula or smiles, and value, instead")
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.networks)))
        return
    print(f"{'values':>8} {'processor s':>12} {'wall s':>8} {'peak MB':>8} {'MAE':>7} {'direct':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for n in given.rows if not given.table else (0,):
            path = given.table or str(Path(folder) / f"{n}.csv")
            if not given.table:
                pyarrow.csv.write_csv(ternaries(n), path)
            command = [sys.executable, __file__, "--one", path, "--networks", str(given.networks)]
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
