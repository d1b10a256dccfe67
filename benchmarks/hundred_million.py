"""A hundred million virtual candidates through a transferred ensemble: rate, peak memory, best ten; kill and resume.

Candidates are those that pass the filters of a virtual catalogue (charge balance, electronegativity order, elements
excluded); indices are what is looked at to find them. Peak memory is measured over every process of the run, twice a
second, and the script fails where one needs more than 1.5 GB. A smaller search is killed (SIGKILL) after some of its
parts and resumed: its ranking must have the bytes of one that was left alone.

    python benchmarks/hundred_million.py [--candidates 100000000] [--networks 3] [--workers N] [--device auto]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import psutil
import pyarrow.parquet as pq

from kakehashi.catalogs.candidates.space import families, read_space
from kakehashi.screen.device import choose
from kakehashi.screen.scoring.virtual.tiles import cut_tiles, element_codes, filter_tile, padded_tables, tile_layouts

LIMIT_MB = 1500.0
# Atoms of a reduced formula: such a space of 2 to 4 elements holds some 200 million candidates.
ATOMS = 24
EXCLUDED = ("Tl", "Th", "U")
# How many candidates there are up to an index is estimated from every so many-th tile of a family with many.
EVERY, MANY = 41, 1000
SMALL = 1_000_000


def command(base: Path, given: argparse.Namespace, out: str, indices: int, *more: str) -> list[str]:
    words = [
        "screen", "--target", "ltc", "--log", "--source", "melting_temperature", "--heads", "ridge",
        "--outer-folds", "3", "--networks", str(given.networks), "--device", given.device,
        "--catalog", str(base / "space.toml"), "--exclude-elements", ",".join(EXCLUDED), "--limit", str(indices),
        "--out", str(base / out), "--json", "--events", *more,
    ]  # fmt: skip
    words += ["--workers", str(given.workers)] if given.workers else []
    return [sys.executable, "-m", "kakehashi", *words]


def indices_for(path: Path, wanted: int) -> int:
    """Indices of a space up to which there are some `wanted` candidates, and 3 % more."""
    space, seen = read_space(path), 0.0
    known = jnp.asarray(element_codes(space, EXCLUDED))
    for family, layout in zip(families(space), tile_layouts(space), strict=True):
        held = {**jax.tree.map(jnp.asarray, padded_tables(family, layout)), "codes": known}
        stop = family.start + family.size
        cut = list(cut_tiles(family, layout, family.start, stop))
        for i, tile in enumerate(cut):
            if i % EVERY == 0 or len(cut) < MANY:
                passing = filter_tile(layout, held, tile, tile.start, stop).passing
            seen += passing
            if seen >= 1.03 * wanted:
                return min(tile.start + layout.rows * layout.systems, space.size)
    sys.exit(f"expected at most {seen:,.0f} candidates, got --candidates {wanted:,}")


class Peak:
    """Largest resident memory, MB, of one process of a run, and of all of them together."""

    def __init__(self) -> None:
        self.one = self.all = 0.0

    def look(self, pid: int) -> None:
        """Take in what the processes hold now."""
        total = 0.0
        try:
            processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in processes:
            try:
                size = process.memory_info().rss / 1e6
            except psutil.Error:
                continue
            self.one, total = max(self.one, size), total + size
        self.all = max(self.all, total)


def run(words: list[str], base: Path, stop_at: int | None = None) -> tuple[dict[str, object] | None, Peak]:
    """The record of a run and its peak memory; killed, without a record, when `stop_at` parts are there."""
    peak = Peak()
    environment = {**os.environ, "KAKEHASHI_HOME": str(base / "home")}
    with (base / "said.json").open("w+") as said, (base / "events").open("w") as events:
        process = subprocess.Popen(words, stdout=said, stderr=events, env=environment, start_new_session=True)
        kept = Path(words[words.index("--out") + 1]) / "kept"
        try:
            while process.poll() is None:
                peak.look(process.pid)
                if stop_at is not None and len(list(kept.glob("part-*"))) >= stop_at:
                    return None, peak
                time.sleep(0.5)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            sys.exit(f"the run ended with {process.returncode}: {(base / 'events').read_text()[-500:]}")
        said.seek(0)
        return json.load(said), peak


def sha256(base: Path, out: str) -> str:
    return hashlib.sha256((base / out / "ranking.parquet").read_bytes()).hexdigest()


def killed_and_resumed(base: Path, given: argparse.Namespace, indices: int) -> bool:
    """Whether a search that is killed between parts and resumed leaves the bytes of one left alone."""
    parts = ["--partition-rows", str(max(1, indices // (64 * 6)))]
    run(command(base, given, "alone", indices, *parts), base)
    words = command(base, given, "killed", indices, *parts)
    record, _ = run(words, base, stop_at=2)
    there = len(list((base / "killed" / "kept").glob("part-*")))
    run([*words, "--resume"], base)
    same = sha256(base, "alone") == sha256(base, "killed")
    what = "TOO LATE TO KILL" if record else f"killed with {there} of its parts there"
    print(f"{indices:,} indices {what}, resumed: {'same bytes' if same else 'OTHER BYTES'}", flush=True)
    return same and record is None


def report(record: dict[str, object], peak: Peak, folder: Path) -> bool:
    """Print what a search found and how; whether it stayed within its memory and lost nothing."""
    virtual, catalog, timings = (record[name] for name in ("virtual", "catalog", "timings"))
    scored, visited = catalog["scored"], virtual["visited"]
    print(
        f"{scored:,} candidates scored of {visited:,} indices, {virtual['filtered']:,} filtered, on {record['device']}"
    )
    for count in record["filters"]:
        print(f"  {count['expression']}: {count['failed']:,} fail")
    print(
        f"scoring {timings['score candidates']:,.0f} s: {virtual['candidates_per_second']:,} candidates/s,"
        f" {virtual['indices_per_second']:,} indices/s; 10^9 candidates would take"
        f" {virtual['seconds_for_1e9_candidates'] / 3600:.1f} h"
    )
    print(f"peak memory {peak.one:,.0f} MB of one process, {peak.all:,.0f} MB of all (limit {LIMIT_MB:,.0f} each)")
    table = pq.read_table(folder / "ranking.parquet").slice(0, 10).to_pylist()
    for row in table:
        print(
            f"{row['rank']:>4}  {row['formula']:<14} {row['mean']:>9.3g}  {row['lower']:.3g} to {row['upper']:.3g}"
            f"  {row['domain']:<4}  near {row['nearest_training']}"
        )
    whole = visited == scored + catalog["quarantined"] + virtual["filtered"]
    if not whole:
        print("LOST: visited is not scored + quarantined + filtered")
    if peak.one > LIMIT_MB:
        print("TOO MUCH MEMORY")
    return whole and peak.one <= LIMIT_MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=100_000_000)
    parser.add_argument("--networks", type=int, default=3)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        build = ["catalogs", "build", "enumerate", "--max-atoms", str(ATOMS), "--out", str(base / "space.toml")]
        subprocess.run([sys.executable, "-m", "kakehashi", *build], check=True)
        choose(given.device)
        indices = indices_for(base / "space.toml", given.candidates)
        # The smaller search makes the model, too, so that the large one measures scoring.
        small = indices_for(base / "space.toml", min(SMALL, given.candidates // 4))
        good = killed_and_resumed(base, given, small)
        record, peak = run(command(base, given, "run", indices), base)
        assert record is not None
        good = report(record, peak, base / "run") and good
        if record["catalog"]["scored"] < given.candidates:
            print(f"FEWER than the {given.candidates:,} candidates asked for")
            good = False
    sys.exit(not good)


if __name__ == "__main__":
    main()
