"""Estimate time, memory and disk of a screening from one timed matrix product.

Rough, within a factor of two or so: the cost of a network is the mean over random pyramids on 290 descriptors, and
scoring and training reach a share of the speed of the product that is timed.
"""

from __future__ import annotations

import time
from typing import Any

from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.runs.open import find_run

# Operations of one network on one row, and their speed as a share of large products' (benchmarks/score_today,
# benchmarks/pretrain: 4,237 rows a second with 100 networks, 1.1 s for a network of 150,000 visits, two cores).
OPERATIONS, SHARE = 0.22e6, 0.6
# Row visits of one network in training; forward, backward and gradient passes.
VISITS, PASSES = 150_000, 3
# Rows a second of descriptors, distances and writing (benchmarks/ten_million).
OTHER_ROWS = 50_000
# The same with foundation networks: 140,000 compositions take 9 s.
FOUNDATION_ROWS = 15_500
# The same for repeat units, per process, by RDKit (benchmarks/stream_repeat_units).
UNIT_ROWS = 450
# Bytes of a row in scores/, and in the ranking (Parquet and CSV; benchmarks/screen_mp).
SCORED_BYTES, RANKED_BYTES = 75, 380
# Megabytes of a process that scores, whatever the catalogue (benchmarks/ten_million).
MEMORY_MB = 1_500


def estimate_cost(
    catalog: Catalog | None,
    networks: int,
    top: int | None,
    workers: int | None,
    *,
    foundation: bool = False,
    model_seconds: float = 0.0,
    model_mb: int = 0,
) -> dict[str, Any]:
    """Seconds by stage, megabytes of memory (all processes) and disk.

    catalog : None where nothing is scored
    networks : pre-trained, of all sources together
    foundation : whether foundation networks score, too
    model_seconds, model_mb : to fit and measure the model (`kakehashi.screen.screening.model_cost`)
    """
    speed = SHARE * _operations_per_second()
    seconds = {
        "pre-train": round(networks * PASSES * OPERATIONS * VISITS / speed, 1),
        "transfer": round(model_seconds, 1),
    }
    scored = ranked = 0
    if catalog is not None:
        others = UNIT_ROWS * (workers or 1) if catalog.smiles else FOUNDATION_ROWS if foundation else OTHER_ROWS
        ranked = catalog.rows if top is None else min(top, catalog.rows)
        scored = catalog.rows if catalog.space is None else ranked  # a virtual catalogue leaves its best rows alone
        seconds["score"] = round(catalog.rows * (networks * OPERATIONS / speed + 1 / others), 1)
    return {
        "seconds": seconds,
        "memory_mb": max(MEMORY_MB * (1 + (workers or 0)), model_mb),
        "disk_mb": round((scored * SCORED_BYTES + ranked * RANKED_BYTES) / 1e6, 1),
        "from": f"{speed / SHARE / 1e9:.0f} billion operations a second, measured now; kept networks cost nothing",
    }


def count_committed(out: str) -> int:
    """Number of partitions in a folder that `--resume` may reuse."""
    results = find_run(out) if out else None
    return 0 if results is None else sum(name.startswith(("scores/", "kept/")) for name in results.manifest.files)


def _operations_per_second(size: int = 1024, seconds: float = 0.2) -> float:
    """Speed of float32 products of square matrices on the device."""
    import jax
    import jax.numpy as jnp

    product = jax.jit(lambda x: x @ x)
    x = jnp.ones((size, size), jnp.float32)
    product(x).block_until_ready()  # compiles
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        product(x).block_until_ready()
        done += 1
    return 2.0 * size**3 * done / (time.perf_counter() - start)
