"""Seconds of every stage of a screening, cold and cached: 157,185 Materials Project entries, 45 targets, 2 sources.

Needs ../shared/data; says so and stops where it is absent.

    python benchmarks/screen_mp.py [--networks 50]
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
from typing import Any

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=50)
    networks = parser.parse_args().networks
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "kakehashi", "screen", "--log", "--json", "--networks", str(networks),
            "--target", f"{DATA}/ltc45_dft.parquet:kappa_300k", "--catalog", f"{DATA}/mp_snapshot.parquet",
            "--source", f"{DATA}/aflow_agl_struct.parquet:log(agl_kappa_300k)",
            "--source", f"{DATA}/matbench_log_kvrh.parquet:log10(K_VRH)",
        ]  # fmt: skip
        home = {**os.environ, "KAKEHASHI_HOME": f"{folder}/home"}
        for state in ("nothing kept", "pre-training and transfer kept"):
            start = time.perf_counter()
            out = ["--out", f"{folder}/{state}"]
            done = subprocess.run([*command, *out], capture_output=True, text=True, check=True, env=home)
            report(json.loads(done.stdout), state, time.perf_counter() - start, networks)


def report(record: dict[str, Any], state: str, wall: float, networks: int) -> None:
    """Print the stages of one run."""
    catalog, scoring = record["catalog"], record["timings"]["score candidates"]
    print(f"{state}:")
    for stage, seconds in record["timings"].items():
        print(f"{seconds:7.1f} s  {stage}")
    print(f"{wall:7.1f} s  whole command, imports included")
    print(f"{catalog['scored']:,} scored ({catalog['unique']:,} compositions), {catalog['quarantined']:,} quarantined;")
    print(f"{catalog['unique'] / scoring:,.0f} compositions/s through {2 * networks} networks and their heads")


if __name__ == "__main__":
    main()
