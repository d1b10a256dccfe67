"""Rows per second and peak memory of screening ten million candidates, keeping the best 1,000 and keeping all.

The catalogue is built in a temporary folder: the formulas of the Materials Project snapshot over and over with new ids,
and as many enumerated ternaries, each one once. The model has few networks: what is measured is everything around it.
Peak memory is that of the child process. Needs ../shared/data; says so and stops where it is absent.

    python benchmarks/ten_million.py [--rows 10000000] [--networks 2] [--workers N]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kakehashi.catalogs.elements import SYMBOLS

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"
CHUNK = 262_144


def enumerated() -> Iterator[str]:
    """Ternaries with amounts 1 to 7 of any three of the first 83 elements: 31 million, in an order that mixes them."""
    rng = np.random.default_rng(0)
    triples = list(itertools.combinations(SYMBOLS[:83], 3))
    for a, b, c in itertools.product(range(1, 8), repeat=3):
        for k in rng.permutation(len(triples)):
            x, y, z = triples[k]
            yield f"{x}{a}{y}{b}{z}{c}"


def write(path: Path, rows: int) -> None:
    """Half real formulas, half enumerated ones, alternating by chunk."""
    real = pq.read_table(DATA / "mp_snapshot.parquet", columns=["formula"])["formula"].cast(pa.string())
    real = real.filter(pa.compute.not_equal(real, "")).combine_chunks()
    made, rng = enumerated(), np.random.default_rng(1)
    schema = pa.schema([("id", pa.string()), ("formula", pa.string()), ("origin", pa.string()), ("hull", pa.float64())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, CHUNK):
            n = min(CHUNK, rows - start)
            half = n // 2
            places = np.arange(start // 2, start // 2 + half) % len(real)
            formulas = pa.concat_arrays([real.take(pa.array(places)), pa.array(itertools.islice(made, n - half))])
            ids = pa.array([f"x-{i}" for i in range(start, start + n)])
            origin = pa.array(["snapshot"] * half + ["enumerated"] * (n - half))
            writer.write_table(pa.Table.from_arrays([ids, formulas, origin, pa.array(rng.random(n))], schema=schema))


def measured(words: list[str], home: Path) -> tuple[float, float, dict[str, object]]:
    """Seconds and peak MB of a child process, and the record it prints."""
    environment = {**os.environ, "KAKEHASHI_HOME": str(home)}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([sys.executable, "-m", "kakehashi", *words], stdout=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode:
            sys.exit(f"the run ended with {process.returncode}")
        return time.perf_counter() - start, usage.ru_maxrss / 1024, json.load(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--networks", type=int, default=2)
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write(base / "catalog.parquet", given.rows)
        words = [
            "screen", "--target", "ltc", "--log", "--source", "melting_temperature", "--networks", str(given.networks),
            "--outer-folds", "3", "--heads", "ridge", "--max-quarantine", "1", "--json",
        ]  # fmt: skip
        words += ["--workers", str(given.workers)] if given.workers else []
        # The model is made once, on a few rows, whose memory is that of everything but the rows.
        for name, own in (
            ("10,000 rows", ["--limit", "10000"]),
            ("best 1,000 kept", ["--top", "1000"]),
            ("all kept", []),
        ):
            out = ["--catalog", str(base / "catalog.parquet"), "--out", str(base / "run"), "--overwrite"]
            wall, peak, record = measured([*words, *own, *out], base / "home")
            catalog, timings = record["catalog"], record["timings"]
            rows, scoring = catalog["rows"], timings["score candidates"]
            print(
                f"{name:<16} {rows:>10,} rows, {catalog['unique']:,} compositions, {catalog['quarantined']:,}"
                f" quarantined: scoring {rows / scoring:,.0f} rows/s, ranking {rows / timings['rank and write']:,.0f}"
                f" rows/s, {wall:,.0f} s in all, peak {peak:,.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
