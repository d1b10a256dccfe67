"""Rows per second and peak memory of screening the SMiPoly repeat units, a sixteenth, a quarter and all of them.

Memory must not grow with the catalogue: the script fails where all of them take more than a fifth more than a quarter.
The largest process and all processes together are looked at twice a second (RDKit reads unknown SMILES in processes of
its own; one that is just being started counts its parent's memory once more). Needs ../shared/data; says so and stops
where it is absent.

    python benchmarks/stream_repeat_units.py [--rows 319668] [--networks 3] [--workers N] [--partition-rows 16384]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hundred_million import Peak, run

DATA = Path(__file__).parents[2] / "shared" / "data" / "organic"
UNITS, TARGET = DATA / "smipoly_virtual_polymers.parquet", DATA / "radonpy_pi1070.parquet"
GROWTH = 1.2


def units() -> pa.Table:
    """The repeat units with two attachment points, in an order that mixes the classes."""
    table = pq.read_table(UNITS, columns=["smiles", "polymer_class"])
    table = table.filter(pc.equal(pc.count_substring(table["smiles"], "*"), 2))
    return table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))


def screened(catalog: Path, given: argparse.Namespace, base: Path) -> tuple[dict[str, Any], Peak]:
    words = [
        "screen", "--target", f"{TARGET}:thermal_conductivity", "--source", "molecule_refractive_index",
        "--networks", str(given.networks), "--outer-folds", "3", "--catalog", str(catalog), "--top", "1000",
        "--partition-rows", str(given.partition_rows), "--out", str(base / catalog.stem), "--json",
    ]  # fmt: skip
    words += ["--workers", str(given.workers)] if given.workers else []
    record, peak = run([sys.executable, "-m", "kakehashi", *words], base)
    assert record is not None
    return record, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=319_668)
    parser.add_argument("--networks", type=int, default=3)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--partition-rows", type=int, default=16_384)
    given = parser.parse_args()
    if not UNITS.exists():
        sys.exit(f"needs {UNITS}")
    peaks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        base, table = Path(folder), units().slice(0, given.rows)
        for part in (16, 4, 1):
            path = base / f"units-{part}.parquet"
            pq.write_table(table.slice(0, table.num_rows // part), path)
            if not peaks:  # pre-training and transfer, which the others find kept
                screened(path, given, base)
                path = path.rename(base / "units-again.parquet")
            record, peak = screened(path, given, base)
            peaks.append(peak.one)
            catalog, seconds = record["catalog"], record["timings"]["score candidates"]
            print(
                f"{catalog['rows']:,} repeat units: {catalog['scored']:,} scored ({catalog['unique']:,} different),"
                f" {catalog['quarantined']:,} in quarantine, {seconds:.0f} s, {catalog['rows'] / seconds:,.0f} rows/s;"
                f" peak memory {peak.one:,.0f} MB of one process, {peak.all:,.0f} MB of all",
                flush=True,
            )
    for reason in record["quarantine_reasons"][:5]:
        print(f"  {reason['count']:,} {reason['reason']}")
    grown = peaks[-1] / peaks[-2]
    print(f"all of them against a quarter: {grown:.2f} of the memory")
    sys.exit(grown > GROWTH)


if __name__ == "__main__":
    main()
