"""Ten rows that a user cares about, as ratios of processor time, in two minutes; fails when one has fallen by a fifth.

    python benchmarks/quick.py [--write] [--rows NAME ...]

Both sides run in this process, on the same data, and the least processor time of some repeats counts (all threads
together), so that a busy machine changes little. Peers are as their best users would write them (`peers.py`), or, where
a row says "as they come", as the tools come (`today.py`). A ratio above one says that Kakehashi takes less. Stored
ratios are in quick_ratios.toml, of the machine that is named there; `--write` stores those of this run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from threadpoolctl import threadpool_limits
from today import Cost

from kakehashi.catalogs.files.toml_text import read_toml

STORED = Path(__file__).with_name("quick_ratios.toml")
# A ratio below this share of the stored one fails.
LEAST = 0.8

Row = Callable[[], tuple[Cost, Cost, float]]


def fallen(found: Mapping[str, float], stored: Mapping[str, float]) -> list[str]:
    """Complaints of rows that fell below `LEAST` of the stored ratio."""
    return [
        f"{name}: {ratio:.2f}, stored {stored[name]:.2f}, at least {LEAST * stored[name]:.2f}"
        for name, ratio in found.items()
        if name in stored and ratio < LEAST * stored[name]
    ]


def stored_text(found: Mapping[str, float], stored: Mapping[str, float]) -> str:
    """TOML of stored ratios, those of rows that were not run kept."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [f"{json.dumps(name)} = {ratio:.3g}" for name, ratio in {**stored, **found}.items()]
    return "\n".join([f"machine = {json.dumps(machine)}", "", "[ratios]", *lines, ""])


def main() -> int:
    from quick_rows import ROWS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the ratios of this run")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), metavar="NAME", help="rows to run, by name")
    given = parser.parse_args()
    stored = read_toml(STORED)["ratios"] if STORED.is_file() else {}
    began, spent = time.perf_counter(), time.process_time()
    found = {}
    print(f"{'row':72} {'Kakehashi':>10} {'peer':>10} {'ratio':>7} {'stored':>7}")
    for name, row in ROWS.items():
        if given.rows and name not in given.rows:
            continue
        with threadpool_limits(1, "blas"):  # idle BLAS threads spin, and would count
            ours, theirs, units = row()
        found[name] = theirs.processor / ours.processor
        if given.write:  # row by row, so that a run that is broken off leaves what it measured
            STORED.write_text(stored_text(found, stored), encoding="utf-8")
        each = [1e6 * side.processor / units for side in (ours, theirs)]
        known = f"{stored[name]:7.2f}" if name in stored else f"{'-':>7}"
        print(f"{name:72} {each[0]:7.1f} us {each[1]:7.1f} us {found[name]:7.2f} {known}", flush=True)
    print(f"{time.perf_counter() - began:.0f} s, {time.process_time() - spent:.0f} s of processor time")
    if given.write:
        print(f"written: {STORED.name}")
        return 0
    complaints = [f"FELL  {complaint}" for complaint in fallen(found, stored)]
    if unknown := sorted(found.keys() - stored.keys()):
        print(f"not judged, as nothing is stored of them (--write stores): {'; '.join(unknown)}", file=sys.stderr)
    if found.keys() == set(unknown):
        complaints.append(f"no ratio to compare with in {STORED.name}: run with --write on a quiet machine")
    print(*complaints, sep="\n", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
