"""Rows per second and peak memory of screening the SMiPoly repeat units, a sixteenth, a quarter and all of them.

Memory must not grow with the catalogue: the script fails where all of them take more than a fifth more than a quarter.
The largest process and all processes together are looked at twice a second (RDKit reads unknown SMILES in processes of
its own; one that is just being started counts its parent's memory once more). Needs ../shared/data; says so and stops
where it is absent.

    python benchmarks/stream_repeat_units.py [--rows 319668] [--networks 3] [--workers N] [--partition-rows 16384]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DATA = Path(__file__).parents[2] / "shared" / "data" / "organic"
UNITS, TARGET = DATA / "smipoly_virtual_polymers.parquet", DATA / "radonpy_pi1070.parquet"
GROWTH = 1.2


class Run(NamedTuple):
    """What a screening recorded, its largest process and all of them together, MB."""

    record: dict[str, Any]
    one: float
    all: float


def units() -> pa.Table:
    """The repeat units with two attachment points, in an order that mixes the classes."""
    table = pq.read_table(UNITS, columns=["smiles", "polymer_class"])
    table = table.filter(pc.equal(pc.count_substring(table["smiles"], "*"), 2))
    return table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))


def screened(catalog: Path, given: argparse.Namespace, base: Path) -> Run:
    words = [
        "screen", "--target", f"{TARGET}:thermal_conductivity", "--source", "molecule_refractive_index",
        "--networks", str(given.networks), "--outer-folds", "3", "--catalog", str(catalog), "--top", "1000",
        "--partition-rows", str(given.partition_rows), "--out", str(base / catalog.stem), "--json",
    ]  # fmt: skip
    words += ["--workers", str(given.workers)] if given.workers else []
    one = together = 0.0
    with (base / "said.json").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "kakehashi", *words],
            stdout=said,
            env={**os.environ, "KAKEHASHI_HOME": str(base / "home")},
        )
        while process.poll() is None:
            sizes = []
            for found in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
                try:
                    sizes.append(found.memory_info().rss / 1e6)
                except psutil.Error:
                    continue
            one, together = max(one, *sizes, 0.0), max(together, sum(sizes))
            time.sleep(0.5)
        if process.returncode:
            sys.exit(f"the run ended with {process.returncode}")
        said.seek(0)
        return Run(json.load(said), one, together)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=319_668)
    parser.add_argument("--networks", type=int, default=3)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--partition-rows", type=int, default=16_384)
    given = parser.parse_args()
    if not UNITS.exists():
        sys.exit(f"needs {UNITS}")
    found: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        base, table = Path(folder), units().slice(0, given.rows)
        for part in (16, 4, 1):
            path = base / f"units-{part}.parquet"
            pq.write_table(table.slice(0, table.num_rows // part), path)
            if not found:  # pre-training and transfer, which the others find kept
                screened(path, given, base)
                path = path.rename(base / "units-again.parquet")
            run = screened(path, given, base)
            found.append(run)
            catalog, seconds = run.record["catalog"], run.record["timings"]["score candidates"]
            print(
                f"{catalog['rows']:,} repeat units: {catalog['scored']:,} scored ({catalog['unique']:,} different),"
                f" {catalog['quarantined']:,} in quarantine, {seconds:.0f} s, {catalog['rows'] / seconds:,.0f} rows/s;"
                f" peak memory {run.one:,.0f} MB of one process, {run.all:,.0f} MB of all",
                flush=True,
            )
    for reason in found[-1].record["quarantine_reasons"][:5]:
        print(f"  {reason['count']:,} {reason['reason']}")
    grown = found[-1].one / found[-2].one
    print(f"all of them against a quarter: {grown:.2f} of the memory")
    sys.exit(grown > GROWTH)


if __name__ == "__main__":
    main()
