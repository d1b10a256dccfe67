"""Ten times the catalogue in the memory of one: under a limit that the catalogue itself does not fit into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.runs.rundir import Results

if TYPE_CHECKING:
    from conftest import Tiny

# Bytes a row carries along, rows of the small catalogue, and by what the process may grow on the large one: half of
# what that takes, and enough for what is sorted, merged and written at a time below.
PAYLOAD, ROWS, ROOM = 20_000, 2000, 200 << 20
LIMITED = f"""
import resource, sys
from pathlib import Path
import pyarrow as pa
import kakehashi
from kakehashi.catalogs.files import parquet

from kakehashi.catalogs.reading import readers
from kakehashi.screen.ranking import sorter as external

external.RUN_BYTES = external.POOL_BYTES = parquet.GROUP_BYTES = 8 << 20
one, ten, out, *words = sys.argv[1:]
usual = ["screen", *words, "--partition-rows", "256", "--quiet"]
assert kakehashi.main([*usual, "--catalog", one, "--out", out + "/one"]) == 0
grown = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (grown + {ROOM}, grown + {ROOM}))
code = kakehashi.main([*usual, "--catalog", ten, "--out", out + "/ten"])
try:
    readers.read(Path(ten))
except (MemoryError, pa.ArrowMemoryError):
    sys.exit(code)
sys.exit("the limit is none: the whole catalogue fits")
"""


def write_catalog(path: Path, formulas: list[str], rows: int) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("material_id", "formula", "note")])
    with pq.ParquetWriter(path, schema, use_dictionary=False) as writer:
        for start in range(0, rows, 1000):
            numbers = range(start, start + 1000)
            notes = [f"{i:08}" * (PAYLOAD // 8) for i in numbers]
            names = [f"m{i}" for i in numbers]
            writer.write_table(pa.table([names, [formulas[i % len(formulas)] for i in numbers], notes], schema=schema))


@pytest.mark.fault
def test_ten_times_the_catalogue_needs_no_more_memory(
    tiny: Tiny, tiny_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc here")
    formulas = [line.split(",")[1] for line in (tiny.folder / "catalog.csv").read_text().splitlines()[1:]]
    for name, rows in (("one", ROWS), ("ten", 10 * ROWS)):
        write_catalog(tmp_path / f"{name}.parquet", formulas, rows)
    own = [word for word in tiny.flags if word not in ("--catalog", str(tiny.folder / "catalog.csv"))]
    files = [str(tmp_path / f"{name}.parquet") for name in ("one", "ten")]
    # Arrow's own allocator takes a gigabyte of addresses at once, in which no limit would be felt.
    alone = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", LIMITED, *files, str(tmp_path), *own],
        env={**os.environ, "KAKEHASHI_HOME": str(tiny_run[0].parent / "home"), **alone},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = Results(tmp_path / "ten")
    scored = sum(found.rows(name) or 0 for name in found.names("scores/"))
    aside = pq.read_metadata(tmp_path / "ten/quarantine.parquet").num_rows
    assert scored + aside == 10 * ROWS
    assert found.rows("ranking.parquet") == scored
    for name in ("one", "ten"):  # 400 MB of text
        shutil.rmtree(tmp_path / name)
