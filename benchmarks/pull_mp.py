"""Pulling 157,185 real records from a local server that fails 5% of the requests, then screening what was pulled.

The server (tests/catalogs/services.py) speaks as the Materials Project and serves the ids, formulas and values of a
snapshot; what fails, and how, is drawn with a seed. Every pulled value is compared with the snapshot's.

Needs ../shared/data; says so and stops where it is absent.

    python benchmarks/pull_mp.py [--faults 0.05] [--networks 5] [--seed 0]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic" / "mp_snapshot.parquet"
SERVICES = Path(__file__).parents[1] / "tests" / "catalogs" / "services.py"
KINDS = (
    "429 with Retry-After", "500", "502", "503", "504", "stall", "cut connection", "HTML", "truncated JSON",
    "short page", "empty page", "repeated page", "renamed field", "total changes",
)  # fmt: skip
# Column of the catalogue, column of the snapshot.
SAME = {
    "formula": "formula", "e_above_hull": "e_above_hull", "formation_energy_per_atom": "formation_energy_per_atom",
    "band_gap": "band_gap", "total_magnetization": "total_magnetization", "k_vrh": "k_vrh", "g_vrh": "g_vrh",
    "spacegroup": "spacegroup", "n_sites": "n_sites", "volume": "volume",
}  # fmt: skip
TIMEOUT = 5.0


class Documents:
    """Rows of the snapshot as documents of the summary, made when they are asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, rows: slice) -> list[dict[str, Any]]:
        start, stop, _ = rows.indices(len(self))
        return [document(row) for row in self._table.slice(start, max(0, stop - start)).to_pylist()]


def document(row: dict[str, Any]) -> dict[str, Any]:
    def within(name: str, part: str) -> dict[str, Any] | None:
        return None if row[name] is None else {part: row[name]}

    absent = dict.fromkeys(("density", "efermi", "energy_per_atom", "e_total", "e_electronic", "n", "last_updated"))
    return {
        "material_id": row["material_id"], "formula_pretty": row["formula"], "nsites": row["n_sites"],
        "energy_above_hull": row["e_above_hull"], "formation_energy_per_atom": row["formation_energy_per_atom"],
        "band_gap": row["band_gap"], "volume": row["volume"], "total_magnetization": row["total_magnetization"],
        "symmetry": within("spacegroup", "number"), "bulk_modulus": within("k_vrh", "vrh"),
        "shear_modulus": within("g_vrh", "vrh"), **absent,
    }  # fmt: skip


def timed(words: list[str], environment: dict[str, str]) -> tuple[dict[str, Any], float, float]:
    """Run a command: its JSON, seconds, and peak memory in MB of itself (not of processes it starts)."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "kakehashi", *words, "--json"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"kakehashi {' '.join(words)}: exit {process.returncode}")
    return json.loads(out), time.perf_counter() - start, usage.ru_maxrss / 1024


def compare(folder: Path, snapshot: pa.Table) -> int:
    """Values compared; stops at the first that is not the snapshot's."""
    pulled = pq.read_table(folder, page_checksum_verification=True)
    if pulled["id"].to_pylist() != snapshot["material_id"].to_pylist():
        raise SystemExit("the ids are not those of the snapshot, each once")
    for own, other in SAME.items():
        if not pulled[own].equals(snapshot[other].cast(pulled[own].type)):
            raise SystemExit(f"column {own} is not that of the snapshot")
    return len(SAME) * pulled.num_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--networks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not DATA.is_file():
        print(f"skipped: no data in {DATA}")
        return
    spec = importlib.util.spec_from_file_location("services", SERVICES)
    services = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(services)
    snapshot = pq.read_table(DATA)
    draw = random.Random(options.seed)
    kinds = draw.sample(KINDS, len(KINDS))  # each once before any twice
    failing = [number for number in range(10_000) if draw.random() < options.faults]
    server = services.MaterialsProject(
        Documents(snapshot), {number: kinds[i % len(kinds)] for i, number in enumerate(failing)}
    )
    server.stall = TIMEOUT + 1
    with tempfile.TemporaryDirectory() as folder, services.serving(server):
        environment = {
            **os.environ, "KAKEHASHI_HOME": f"{folder}/home", "MP_API_KEY": services.KEY, "MP_API_ENDPOINT": server.url
        }  # fmt: skip
        record, seconds, memory = timed(["catalogs", "pull", "mp", "--timeout", str(TIMEOUT)], environment)
        version = json.loads(Path(folder, "home/catalogs/mp/card.json").read_text())["folder"]
        values = compare(Path(folder, "home/catalogs/mp", version), snapshot)
        met = sorted(fault for _, fault in server.asked if fault)
        print(f"pulled {record['rows']:,} records, each once, {values:,} values as in the snapshot")
        print(f"{len(server.asked):,} page requests, {len(met)} of them failed: {', '.join(met)}")
        print(f"{seconds:.1f} s, peak memory {memory:.0f} MB")
        before = len(server.asked)
        _, seconds, _ = timed(["catalogs", "pull", "mp"], environment)
        print(f"pulled again: {len(server.asked) - before} page requests, {seconds:.1f} s")
        words = ["screen", "--catalog", "mp", "--target", "ltc", "--source", "formation_energy"]
        words += ["--networks", str(options.networks), "--out", f"{folder}/out"]
        run, seconds, memory = timed(words, environment)
        counted = run["catalog"]
        if counted["scored"] + counted["quarantined"] != snapshot.num_rows:
            raise SystemExit("scored and quarantined rows are not those of the catalogue")
        ranked = pq.read_table(f"{folder}/out/ranking.parquet", columns=["id"])
        empty = pc.sum(pc.is_null(snapshot["formula"])).as_py()
        print(f"screened with {options.networks} networks: {counted['scored']:,} scored, {ranked.num_rows:,} ranked,")
        print(f"{counted['quarantined']:,} quarantined ({empty} has no formula)")
        print(f"{seconds:.1f} s, peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
